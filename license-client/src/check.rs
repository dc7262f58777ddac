use crate::session::Session;
use crate::{Config, NextAction, Verdict};

/// Whether this software may run here and now.
///
/// `text` is what a person pasted: a license key, certificate, claim code, authorization code, armour around one
/// of them, or the path of a file with one. Without it, `<APP>_LICENSE_KEY` and `<APP>_LICENSE_FILE` count, then
/// what was kept.
///
/// While a certificate (or a key that binds no machine) holds, the answer comes without the network; only a pasted text of
/// another license, or a newer one, whose key is not known makes it ask for the newest key set. An older text of the license
/// that is held changes nothing, also when its key was withdrawn since. Otherwise
/// the server is asked, if the configuration names one. After a failure that is not tried again within a pause of
/// 1 minute to 6 hours, after a refusal not within a minute, unless a text is pasted. Each request takes at most
/// the time limit; after one that fails no other follows.
#[must_use]
pub fn check(config: &Config, text: Option<&str>) -> Verdict {
    let mut session = Session::open(config);
    let verdict = check_within(&mut session, text);
    session.close();
    verdict
}

fn check_within(session: &mut Session<'_>, pasted: Option<&str>) -> Verdict {
    let config = session.config;
    let configured = || config.variable("KEY").or_else(|| config.variable("FILE"));
    let configured = if pasted.is_some() { None } else { configured() };
    let text = pasted.or(configured.as_deref());
    if let Some(text) = text
        && let Err(verdict) = session.take(text, pasted.is_some())
    {
        return verdict;
    }
    let verdict = session.decide();
    if verdict.is_granted() || !(pasted.is_some() || session.may_try()) {
        return verdict;
    }
    go_online(session, &verdict, text.is_some());
    session.decide()
}

/// Tries what can cure this verdict. `is_wished`: a person or an operator wants the license to work here, so a
/// place that was given up is taken anew.
fn go_online(session: &mut Session<'_>, verdict: &Verdict, is_wished: bool) {
    match verdict {
        Verdict::NeedsKey(NextAction::PasteCurrentKey) | Verdict::UpdatesEnded | Verdict::ClockSuspect => {
            return;
        }
        Verdict::StatusStale => {}
        _ if !session.binds() => return,
        // Pasted here means wanted here: this machine asks for a place of its own.
        Verdict::WrongMachine if is_wished => session.activate(),
        _ if session.has_certificate() => {
            session.renew();
        }
        _ => session.activate(),
    }
    if is_wished && session.is_place_gone() {
        session.activate();
    }
    if !session.decide().is_granted() {
        session.fetch_lists(true);
    }
}
