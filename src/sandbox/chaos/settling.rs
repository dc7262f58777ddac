//! When everything was said: every purchase is done, every reader reads the same, what ended has ended.

use std::collections::BTreeSet;

use super::aftermath::{EndState, LineEnd};
use super::life::Saying;
use super::storm::{Place, Running};
use super::tempers;
use crate::sandbox::judge::Rule;
use crate::sandbox::manner::Manner;
use crate::sandbox::shop::Step;

impl Running<'_> {
    /// The purchase is done, the instance is shown alike to everybody, what ended has ended.
    pub(super) fn settle(&self, line: &LineEnd) {
        let Some(place) = self.places.iter().find(|place| place.shop.family() == line.family) else { return };
        let mut sale = line.sale.clone();
        let mut say = |step: &Step| {
            let call = place.shop.call_for(&mut sale, step, (self.clock)()).ok().flatten()?;
            let any_answer = line.state == EndState::Released;
            Some(Saying { call, expire_millis: None, may_be_late: true, any_answer })
        };
        if line.state == EndState::Released {
            let release = say(&Step::Release).map(|saying| Saying { any_answer: false, ..saying });
            let _ = release.map(|saying| self.ask(place, &saying));
            return;
        }
        let Some(bought) = say(&Step::Buy) else { return };
        let began = place.shop.address().wire().elapsed();
        let is_late = || place.shop.address().wire().elapsed() - began > self.patience.settles_within;
        let mut is_done = self.ask(place, &bought) == Some(true);
        while !is_done && !is_late() {
            (self.patience.between_tries)();
            is_done = self.ask(place, &bought) == Some(true);
        }
        let broken = (!is_done)
            .then(|| format!("{} order {} is not done", line.family.name(), line.sale.order.order_id));
        self.judge.told(Rule::PurchaseSettles, broken);
        for _ in 0..2 {
            let _ = self.ask(place, &bought);
            let _ = say(&Step::Query).map(|saying| self.ask(place, &saying));
        }
        if let Some(event) = &line.event_id {
            while place.shop.uploads(event).is_empty() && !is_late() {
                (self.patience.between_tries)();
            }
            let uploads = place.shop.uploads(event).into_iter();
            let texts: BTreeSet<String> = uploads.map(|upload| upload.text).collect();
            if texts.len() != 1 {
                self.fault(format!("event {event} was answered {} different Licenses", texts.len()));
            }
        }
    }

    /// Asks once, by the keys of the end; says whether it is done.
    fn ask(&self, place: &Place<'_>, saying: &Saying) -> Option<bool> {
        let address = place.shop.address().with_keys(place.next_keys.unwrap_or(place.keys).clone());
        let written = address.write(&saying.call, &Manner::default()).ok()?;
        let exchange = address.exchange(&written, tempers::expected(saying, &Manner::default())).ok()?;
        self.judge.look(&exchange);
        let answer = exchange.outcome.ok()?;
        Some(answer.status == 200 && answer.result_code() == "000000")
    }
}
