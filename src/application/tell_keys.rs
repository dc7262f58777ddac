//! What changed about a merchant's signing keys, told from the ring before and the ring after.

use chrono::SecondsFormat;

use super::app::App;
use crate::domain::{Actor, AuditEvent, EventKind, KeyRing, KeyState, RingKey};

impl App {
    /// The events of a changed ring. That work on it goes on is none.
    pub(super) fn told_of_ring(&self, before: &KeyRing, after: &KeyRing, actor: &Actor) -> Vec<AuditEvent> {
        let mut told = Vec::new();
        for key in &after.keys {
            let was = before.key(&key.kid).map(|key| &key.state);
            if was == Some(&key.state) {
                continue;
            }
            let Some((kind, mut detail)) = told_of(key, was) else { continue };
            detail.push(("role", key.role.as_str().to_owned()));
            if kind == EventKind::KeyRotated {
                detail.extend(before.active(key.role).map(|key| ("before.kid", key.kid.to_string())));
                detail.push(("after.kid", key.kid.to_string()));
            }
            told.push(self.event_about(&after.merchant, &key.kid, actor, kind, &detail));
        }
        let seq = |ring: &KeyRing| ring.published.as_ref().map(|set| set.seq);
        if let Some(published) = seq(after).filter(|_| seq(before) != seq(after)) {
            let mut detail = vec![("after.seq", published.to_string())];
            detail.extend(seq(before).map(|seq| ("before.seq", seq.to_string())));
            let kind = EventKind::KeySetPublished;
            told.push(self.event_about(&after.merchant, &after.merchant, actor, kind, &detail));
        }
        told
    }
}

/// What became of a key: none when it was only found, or makes room for another, which is told of that one.
fn told_of(key: &RingKey, was: Option<&KeyState>) -> Option<(EventKind, Vec<(&'static str, String)>)> {
    match &key.state {
        KeyState::Staged => Some((EventKind::KeyStaged, Vec::new())),
        KeyState::Active if was.is_some() || key.signs_from.is_some() => {
            Some((EventKind::KeyRotated, Vec::new()))
        }
        KeyState::Active | KeyState::Verifying => None,
        KeyState::Retired { .. } => Some((EventKind::KeyRetired, Vec::new())),
        KeyState::Revoked { at, mode } => {
            let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            Some((EventKind::KeyRevoked, vec![("mode", mode.as_str().to_owned()), ("from", at)]))
        }
    }
}
