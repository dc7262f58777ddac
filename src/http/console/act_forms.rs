//! The form of each act: its fields, and what was meant by them.

use super::acts::{Act, SEEN};
use super::blocks::Html;
use super::desk::Desk;
use super::explain::TIME_CHARS_MAX;
use super::forms::{Field, Form as Asking, Kind, Mistakes, Tick};
use super::license::address_of;
use super::machines::short_name;
use super::words::{Acts, Licenses};
use crate::application::{ExtendTo, KeepActivations, LicenseAction};
use crate::domain::{Activation, ActivationId, ActivationState, License, Scope, SpecId, Term};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::merchant::commands::REASON_BYTES_MAX;

/// Lines of a reason that are shown.
const REASON_ROWS: usize = 3;
/// Longest number that is typed, in characters.
const DAYS_CHARS_MAX: usize = 10;

/// The reason as typed.
pub fn reason_of(form: &Form) -> String {
    form.typed("reason")
}

/// What is wrong with a reason, if anything.
pub fn reason_mistake(reason: &str, words: &Acts) -> Option<(&'static str, String)> {
    let is_odd = |letter: char| letter.is_control() && letter != '\n';
    let is_wrong = reason.len() > REASON_BYTES_MAX || reason.contains(is_odd);
    is_wrong.then(|| ("reason", words.reason_long.to_owned()))
}

/// The field for it, with what was typed.
pub fn reason_field(typed: &Form, words: &'static Acts) -> Field<'static> {
    let reason = Field::new("reason", words.reason, Kind::Text(REASON_ROWS, REASON_BYTES_MAX));
    reason.value(reason_of(typed)).hint(words.reason_hint)
}

/// What is meant where nothing was chosen; nothing where that has to be said first.
pub fn usual(act: Act) -> Option<LicenseAction> {
    match act {
        Act::Suspend => Some(LicenseAction::Suspend),
        Act::Revoke => Some(LicenseAction::Revoke),
        Act::Resume => Some(LicenseAction::Resume { override_marketplace: false }),
        Act::Reissue => Some(LicenseAction::Reissue { keep: KeepActivations::All, leaked: false }),
        Act::Accept => Some(LicenseAction::Accept { starts_at: None }),
        Act::Extend | Act::Change => None,
    }
}

/// What was meant, or what to change.
pub fn read(desk: &Desk, act: Act, license: &License, form: &Form) -> Result<LicenseAction, Mistakes> {
    let (words, mut mistakes) = (Acts::of(desk.language()), Mistakes::new());
    let reason = reason_of(form);
    mistakes.extend(reason_mistake(&reason, words));
    let action = match act {
        Act::Suspend => LicenseAction::Suspend,
        Act::Revoke => LicenseAction::Revoke,
        Act::Resume => {
            let override_marketplace = license.holds.marketplace.is_some() && form.text("override") == "yes";
            if override_marketplace && reason.trim().is_empty() {
                mistakes.push(("reason", words.reason_needed.to_owned()));
            }
            LicenseAction::Resume { override_marketplace }
        }
        Act::Reissue => {
            let leaked = form.text("leaked") == "yes";
            let these = || form.all("activation").filter_map(|id| ActivationId::parse(id).ok()).collect();
            let keep = match form.text("keep") {
                "these" => KeepActivations::These(these()),
                "none" => KeepActivations::Nothing,
                _ => KeepActivations::All,
            };
            LicenseAction::Reissue { keep, leaked }
        }
        Act::Extend => match extension(desk, form) {
            Some(to) => LicenseAction::Extend { to, beyond_support: desk.may(Scope::Issue) },
            None => {
                mistakes.push(("by", words.extend_wrong.to_owned()));
                return Err(mistakes);
            }
        },
        Act::Change => {
            let quantity = form.text("quantity").parse().ok().filter(|quantity| *quantity > 0);
            let spec = SpecId::parse(form.text("spec")).ok();
            match (spec, quantity) {
                (Some(spec), Some(quantity)) => LicenseAction::ChangeSpec { spec, quantity },
                (None, _) => {
                    mistakes.push(("spec", words.change_spec_wrong.to_owned()));
                    return Err(mistakes);
                }
                (_, None) => {
                    mistakes.push(("quantity", words.quantity_wrong.to_owned()));
                    return Err(mistakes);
                }
            }
        }
        Act::Accept => {
            let typed = form.text("starts_at");
            let starts_at = desk.reader.read_field(typed);
            if starts_at.is_none() && !typed.is_empty() {
                mistakes.push(("starts_at", words.time_wrong.to_owned()));
            }
            LicenseAction::Accept { starts_at }
        }
    };
    if mistakes.is_empty() { Ok(action) } else { Err(mistakes) }
}

/// Days, or a time.
fn extension(desk: &Desk, form: &Form) -> Option<ExtendTo> {
    match (form.text("by"), form.text("ends_at")) {
        ("", until) => desk.reader.read_field(until).map(ExtendTo::Until),
        (days, "") => Term::parse(&format!("P{days}D")).ok().map(ExtendTo::By),
        _ => None,
    }
}

impl Desk {
    /// The question as a form, with what was typed before.
    pub async fn act_form(
        &self,
        act: Act,
        (license, revision, seen): (&License, u64, &str),
        typed: &Form,
        mistakes: &Mistakes,
    ) -> Result<Html, ApiError> {
        let words = Acts::of(self.language());
        let up = address_of(&license.id);
        let action = format!("{up}/{}", act.as_str());
        let ((csrf, csrf_value), (once, once_value)) = (self.csrf(), self.once());
        let submit = if seen.is_empty() { words.show_first } else { act.word(words) };
        let mut form = Asking::new(&action, submit)
            .hidden(csrf, csrf_value)
            .hidden(once, once_value)
            .hidden("revision", revision.to_string())
            .hidden(SEEN, seen)
            .cancel(&up, self.words().cancel);
        if act == Act::Revoke {
            form = form.grave();
        }
        let machines = match act {
            Act::Reissue => self.held(license).await?,
            Act::Suspend | Act::Revoke | Act::Resume | Act::Extend | Act::Change | Act::Accept => Vec::new(),
        };
        let form = match act {
            Act::Suspend | Act::Revoke => form,
            Act::Resume => self.override_field(form, license, typed, words),
            Act::Reissue => self.reissue_fields(form, &machines, typed, words),
            Act::Extend => {
                let by = Field::new("by", words.extend_by, Kind::Line(DAYS_CHARS_MAX));
                let until = Field::new("ends_at", words.extend_until, Kind::Line(TIME_CHARS_MAX));
                form.field(by.value(typed.text("by")).hint(words.extend_by_hint))
                    .field(until.value(typed.text("ends_at")).hint(words.time_hint))
            }
            Act::Change => {
                let specs = self.specs_of(license).await?;
                let quantity = Field::new("quantity", words.change_quantity, Kind::Line(DAYS_CHARS_MAX));
                let quantity_typed =
                    if typed.text("quantity").is_empty() { "1" } else { typed.text("quantity") };
                form.field(
                    Field::new("spec", words.change_spec, Kind::Choice(specs)).value(typed.text("spec")),
                )
                .field(quantity.value(quantity_typed))
            }
            Act::Accept => {
                let at = Field::new("starts_at", words.accepted_at, Kind::Line(TIME_CHARS_MAX));
                form.field(at.value(typed.text("starts_at")).hint(words.time_hint))
            }
        };
        Ok(form.field(reason_field(typed, words)).html(mistakes))
    }

    /// Only where the marketplace has stopped it as well.
    fn override_field<'a>(
        &self,
        form: Asking<'a>,
        license: &License,
        typed: &Form,
        words: &'static Acts,
    ) -> Asking<'a> {
        if license.holds.marketplace.is_none() {
            return form;
        }
        let is_chosen = typed.text("override") == "yes";
        let tick = Tick { value: "yes".into(), text: words.override_yes.to_owned(), is_chosen };
        let field = Field::new("override", words.r#override, Kind::Boxes(vec![tick]));
        form.field(field.hint(words.resume_marketplace))
    }

    fn reissue_fields<'a>(
        &self,
        form: Asking<'a>,
        machines: &[Activation],
        typed: &Form,
        words: &'static Acts,
    ) -> Asking<'a> {
        let both = |value: &str, text: &str| (value.to_owned(), text.to_owned());
        let or = |name: &str, usual: &str| match typed.text(name) {
            "" => usual.to_owned(),
            chosen => chosen.to_owned(),
        };
        let leaked = vec![both("no", words.leaked_no), both("yes", words.leaked_yes)];
        let keep =
            vec![both("all", words.keep_all), both("none", words.keep_none), both("these", words.keep_these)];
        let chosen: Vec<&str> = typed.all("activation").collect();
        let form = form
            .field(Field::new("leaked", words.leaked, Kind::Choice(leaked)).value(or("leaked", "no")))
            .field(Field::new("keep", words.keep, Kind::Choice(keep)).value(or("keep", "all")));
        if machines.is_empty() {
            return form;
        }
        let licenses = Licenses::of(self.language());
        let tick = |machine: &Activation| Tick {
            value: machine.id.to_string(),
            text: format!("{} ({})", short_name(machine, licenses), machine.id),
            is_chosen: chosen.contains(&machine.id.as_str()),
        };
        let ticks = machines.iter().map(tick).collect();
        form.field(Field::new("activation", words.machines, Kind::Boxes(ticks)))
    }

    /// The specs that the license can become.
    async fn specs_of(&self, license: &License) -> Result<Vec<(String, String)>, ApiError> {
        let specs = self.specs().await?;
        let tag = self.language().tag();
        let others = specs.into_iter().filter(|spec| spec.product == license.product);
        Ok(others.map(|spec| (spec.id.to_string(), spec.name.for_locale(tag).to_owned())).collect())
    }

    /// The machines that hold a place.
    pub async fn held(&self, license: &License) -> Result<Vec<Activation>, ApiError> {
        let all = self.state.app.activations(self.id(), &license.id).await?;
        Ok(all.into_iter().filter(|one| matches!(one.state, ActivationState::Held(_))).collect())
    }
}
