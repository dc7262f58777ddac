use crate::session::Session;
use crate::{Config, Verdict};

/// Does what needs the network: renews the certificate when its time has come, when the license is about to end
/// or when a refusal may have been cured; activates a key that could not be activated yet; fetches the status
/// lists that are due. Call it now and then (hourly is
/// plenty) from a place that may wait: each request takes at most the time limit, and after one that fails no
/// other follows. Then nothing is sent for 1 minute, later 2, 4 … up to 6 hours.
///
/// The answer is the verdict afterwards. Without network it is the one from before: a certificate holds by
/// itself.
pub fn maintain(config: &Config) -> Verdict {
    let mut session = Session::open(config);
    if session.may_maintain() {
        maintain_within(&mut session);
    }
    let verdict = session.decide();
    session.close();
    verdict
}

fn maintain_within(session: &mut Session<'_>) {
    session.fetch_keyset(false);
    if session.lacks_certificate() || session.has_lost_device_key() {
        session.activate();
    }
    let renewed = renewal_is_due(session) && session.renew();
    // The server knows this certificate no more, or there is none: the license key may still open a place.
    if session.holds_withdrawn() && !session.decide().is_granted() {
        session.activate();
    }
    // A list that speaks against the license may be out of date, however fresh: a suspension ends at any moment.
    session.fetch_lists(!session.decide().is_granted());
    // A list may have brought news that a renewal cures: the license key was replaced by a newer one.
    if !renewed && (session.is_list_gone() || !session.decide().is_granted()) {
        session.renew();
    }
    if session.may_activate_anew() {
        session.activate();
    }
    // The renewed texts may stand on a list that was not asked for yet.
    if session.decide() == Verdict::StatusStale {
        session.fetch_lists(true);
    }
}

fn renewal_is_due(session: &Session<'_>) -> bool {
    let renew_at = session.held.fitting_certificate().map(|certificate| certificate.claims().renew);
    let time_has_come = renew_at.is_some_and(|renew_at| session.effective_now() >= renew_at);
    time_has_come
        || session.has_refusal()
        || session.holds_withdrawn()
        || session.lacks_share()
        || !matches!(session.decide(), Verdict::Valid(_))
}
