//! What happens to a company of the Kit: one word after the other, because the last one counts.

use super::life::Saying;
use super::storm::{Place, Running};
use crate::sandbox::caller::{CallError, random_text};
use crate::sandbox::dice::Dice;
use crate::sandbox::words::Call;
use crate::sandbox::words::kit::{Flag, Tenant};
use crate::sandbox::written::beijing_digits;

impl Running<'_> {
    pub(super) fn lead_kit(&self, place: &Place<'_>, mut dice: Dice) -> Result<(), CallError> {
        let family = place.shop.family();
        let tenant = Tenant {
            tenant_id: random_text(8)?,
            instance_id: random_text(16)?,
            order_id: format!("CS{}", random_text(8)?.to_uppercase()),
        };
        let now = beijing_digits((self.clock)());
        // What RSA-OAEP with a key of 3072 bits gives looks like this: 384 bytes.
        let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, random_text(192)?);
        let calls: Vec<Call> = vec![
            tenant.sync(family, Flag::Add, "企业"),
            tenant.application(family, Flag::Add, "app-1", &secret),
            tenant.authorization(family, Flag::Add, "app-1", &["zhang", "li"], &now),
            tenant.department(family, Flag::Add, "O1", "研发"),
            tenant.all_departments(family, &[("O1", "研发"), ("O2", "Sales")]),
            tenant.sync(family, Flag::Modify, "新名"),
            tenant.authorization(family, Flag::Delete, "app-1", &["li"], &now),
            tenant.department(family, Flag::Delete, "O1", "研发"),
            tenant.sync(family, Flag::Delete, "新名"),
        ];
        let mut held = Vec::new();
        for call in calls {
            // The last word counts: none may come late.
            let saying = Saying { call, expire_millis: None, may_be_late: false, any_answer: false };
            self.tell(place, &vec![saying], &mut dice, &mut held)?;
        }
        Ok(())
    }
}
