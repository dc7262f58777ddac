//! The signing keys of a merchant by role: which sign, which are believed, and what clients are told of them.

use chrono::TimeDelta;

use super::{Instant, KeyId, LicenseId, MerchantId, Refusal, Validity};

/// Most keys that a key set tells of in quiet times; its format takes 64 (`docs/token-format.md`).
pub const TOLD_KEYS_MAX: usize = 60;
/// So many more, one of each role that signs online, while they take the places of keys that are revoked.
const EMERGENCY_KEYS: usize = 3;
/// Every replica looks at the ring each second, and has heard of a revocation after so long.
const HEARD_BY_ALL: TimeDelta = TimeDelta::seconds(10);
/// Most keys that a key set withdraws.
pub const REVOKED_KEYS_MAX: usize = 64;

macro_rules! words {
    ($(#[$doc:meta])+ $name:ident { $($(#[$vdoc:meta])+ $variant:ident => $word:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])+ $variant,)+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in answers and rows.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the word.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    };
}

words! {
    /// What a key signs. A key of one role never signs, and never verifies, for another.
    KeyRole {
        /// Key sets. Kept offline.
        Root => "root",
        /// License keys.
        License => "license",
        /// Activation certificates.
        Activation => "activation",
        /// Status lists.
        Status => "status",
    }
}

words! {
    /// What is no longer believed of what a revoked key has signed.
    RevocationMode {
        /// Everything: the key was stolen.
        All => "all",
        /// What was signed from an instant on, by its own account.
        After => "after",
    }
}

/// Where a key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// Told to clients, so that they know it before it signs.
    Staged,
    /// It signs for its role.
    Active,
    /// It signs no more; what it signed is believed.
    Verifying,
    /// Nothing hangs on it any more.
    Retired {
        /// Since when.
        at: Instant,
    },
    /// Not believed.
    Revoked {
        /// When it was revoked, or from when on what it signed is not believed.
        at: Instant,
        /// What is not believed.
        mode: RevocationMode,
    },
}

impl KeyState {
    /// The word in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Verifying => "verifying",
            Self::Retired { .. } => "retired",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// Whether what the key signed is believed.
    pub fn is_believed(&self) -> bool {
        match self {
            Self::Staged | Self::Active | Self::Verifying => true,
            Self::Retired { .. } | Self::Revoked { .. } => false,
        }
    }
}

/// One key; never its private half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingKey {
    /// Its name.
    pub kid: KeyId,
    /// What it signs.
    pub role: KeyRole,
    /// The 32 public bytes.
    pub public: [u8; 32],
    /// When it became known here.
    pub known_since: Instant,
    /// When it signed first; not known of keys from before the ring.
    pub signs_from: Option<Instant>,
    /// When another one took its place.
    pub signs_until: Option<Instant>,
    /// Where it stands.
    pub state: KeyState,
}

/// The key set that clients are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKeySet {
    /// Its number: greater in each newer one.
    pub seq: u64,
    /// The signed text, served as it is by every replica.
    pub token: String,
    /// When it was published.
    pub published_at: Instant,
}

/// A key set that waits for the signature of a root that is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetDraft {
    /// The number that it will have.
    pub seq: u64,
    /// The claims to be signed, byte for byte.
    pub payload: String,
    /// Keys that sign from its publication on.
    pub activates: Vec<KeyId>,
    /// When it was made.
    pub made_at: Instant,
}

/// The work of giving every license a key that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reissue {
    /// When it was asked for.
    pub since: Instant,
    /// When this pass over the licenses began.
    pub pass_began_at: Instant,
    /// The license that was looked at last; the newest come first.
    pub before: Option<LicenseId>,
    /// How many licenses this pass has looked at.
    pub looked_at: u64,
    /// How many keys were re-issued in all.
    pub reissued: u64,
    /// How many of this pass could not be.
    pub failed: u64,
    /// When a whole pass found nothing to do any more.
    pub done_at: Option<Instant>,
}

impl Reissue {
    /// Work that begins.
    pub fn begin(now: Instant) -> Self {
        let (before, done_at) = (None, None);
        Self { since: now, pass_began_at: now, before, looked_at: 0, reissued: 0, failed: 0, done_at }
    }

    /// Whether there is something to look at now. The first pass begins at once; the one that ends the work when every
    /// replica has heard of the revocation: one that had not may have signed behind the first.
    pub fn goes_on(&mut self, now: Instant) -> bool {
        if self.done_at.is_some() || self.before.is_some() {
            return self.done_at.is_none();
        }
        let is_first = self.looked_at == 0;
        if !is_first && !self.is_heard_by_all(now) {
            return false;
        }
        (self.pass_began_at, self.looked_at, self.failed) = (now, 0, 0);
        true
    }

    /// So many licenses were looked at; `last` is the one behind which the pass goes on, if there are more.
    pub fn looked(
        &mut self,
        looked_at: u64,
        reissued: u64,
        failed: u64,
        last: Option<LicenseId>,
        now: Instant,
    ) {
        self.looked_at += looked_at;
        self.reissued += reissued;
        self.failed += failed;
        if last.is_none() && self.is_heard_by_all(self.pass_began_at) {
            self.done_at = Some(now);
        }
        self.before = last;
    }

    fn is_heard_by_all(&self, now: Instant) -> bool {
        Validity::between(self.since + HEARD_BY_ALL, None).holds_at(now)
    }
}

/// How far it was looked whether anything hangs on a key that is to be retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retiring {
    /// Which key.
    pub kid: KeyId,
    /// The license that was looked at last; the newest come first.
    pub before: Option<LicenseId>,
    /// How many licenses were looked at.
    pub looked_at: u64,
}

/// The keys of one merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRing {
    /// Whose.
    pub merchant: MerchantId,
    /// Every key that ever was, in the order in which they became known.
    pub keys: Vec<RingKey>,
    /// What clients are served, once there was anything to tell.
    pub published: Option<PublishedKeySet>,
    /// What waits for the root.
    pub draft: Option<KeySetDraft>,
    /// What is being re-issued, or was last.
    pub reissue: Option<Reissue>,
    /// What is being looked for.
    pub retiring: Option<Retiring>,
}

/// How the keys of a ring stood when somebody decided something about them: what is signed or looked at meanwhile changes
/// nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysSeen(Vec<(KeyId, &'static str)>);

impl KeyRing {
    /// How its keys stand.
    pub fn seen(&self) -> KeysSeen {
        KeysSeen(self.keys.iter().map(|key| (key.kid.clone(), key.state.as_str())).collect())
    }

    /// A ring of keys, none of which was ever told of.
    pub fn new(merchant: MerchantId, keys: Vec<RingKey>) -> Self {
        Self { merchant, keys, published: None, draft: None, reissue: None, retiring: None }
    }

    /// The key of this name.
    pub fn key(&self, kid: &KeyId) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.kid == *kid)
    }

    fn key_mut(&mut self, kid: &KeyId) -> Result<&mut RingKey, Refusal> {
        self.keys.iter_mut().find(|key| key.kid == *kid).ok_or(Refusal::NotFound { what: "signing key" })
    }

    /// The key that signs for a role.
    pub fn active(&self, role: KeyRole) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.role == role && key.state == KeyState::Active)
    }

    /// What a key set tells: every key besides the root that is believed.
    pub fn told(&self) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().filter(|key| key.role != KeyRole::Root && key.state.is_believed())
    }

    /// What a key set withdraws.
    pub fn revoked(&self) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().filter(|key| matches!(key.state, KeyState::Revoked { .. }))
    }

    /// Adds a key that clients are told of. One that is known already changes nothing.
    pub fn stage(&mut self, key: RingKey) -> Result<bool, Refusal> {
        self.stage_within(TOLD_KEYS_MAX, key)
    }

    /// The same for a key that takes the place of one that is revoked: room is kept for it.
    pub fn stage_in_emergency(&mut self, key: RingKey) -> Result<bool, Refusal> {
        self.stage_within(TOLD_KEYS_MAX + EMERGENCY_KEYS, key)
    }

    fn stage_within(&mut self, most: usize, key: RingKey) -> Result<bool, Refusal> {
        if let Some(known) = self.key(&key.kid) {
            return match known.state {
                KeyState::Staged | KeyState::Active => Ok(false),
                KeyState::Verifying | KeyState::Retired { .. } | KeyState::Revoked { .. } => {
                    let why = "the key has signed before, or was revoked: rotate to a new one";
                    Err(Refusal::IllegalState { why })
                }
            };
        }
        if self.told().count() >= most {
            let why = "there are too many keys: retire some that nothing hangs on, `lictor keys retire KID`";
            return Err(Refusal::IllegalState { why });
        }
        self.keys.push(key);
        Ok(true)
    }

    /// From now on this key signs for its role; the one before it goes on to verify.
    pub fn activate(&mut self, kid: &KeyId, now: Instant) -> Result<(), Refusal> {
        let key = self.key_mut(kid)?;
        let role = key.role;
        match key.state {
            KeyState::Active => return Ok(()),
            KeyState::Staged => {}
            KeyState::Verifying | KeyState::Retired { .. } | KeyState::Revoked { .. } => {
                return Err(Refusal::IllegalState { why: "only a staged key can begin to sign" });
            }
        }
        for before in self.keys.iter_mut().filter(|key| key.role == role && key.state == KeyState::Active) {
            (before.state, before.signs_until) = (KeyState::Verifying, Some(now));
        }
        let key = self.key_mut(kid)?;
        (key.state, key.signs_from) = (KeyState::Active, Some(now));
        Ok(())
    }

    /// The key is not believed any more. `false`: it was not already. What is not believed can only become more.
    pub fn revoke(&mut self, kid: &KeyId, mode: RevocationMode, at: Instant) -> Result<bool, Refusal> {
        let count = self.revoked().count();
        let key = self.key_mut(kid)?;
        match &key.state {
            _ if key.role == KeyRole::Root => {
                let why = "a root is withdrawn by a new build of the software that pins another one: see docs/operate.md";
                return Err(Refusal::IllegalState { why });
            }
            KeyState::Active => {
                let why = "the key signs: another one must take its place first, `lictor keys rotate`";
                return Err(Refusal::IllegalState { why });
            }
            KeyState::Revoked { mode: RevocationMode::All, .. } => return Ok(false),
            KeyState::Revoked { mode: RevocationMode::After, at: since } => {
                if mode == RevocationMode::After && at >= *since {
                    return Ok(false);
                }
            }
            KeyState::Staged | KeyState::Verifying | KeyState::Retired { .. } => {
                if count >= REVOKED_KEYS_MAX {
                    let why =
                        "a key set withdraws at most 64 keys: begin anew with a new root and a new build";
                    return Err(Refusal::IllegalState { why });
                }
            }
        }
        key.state = KeyState::Revoked { at, mode };
        Ok(true)
    }

    /// The key was revoked in a time that this ring has lost, by a mode that nobody remembers: nothing of it is believed.
    /// `false`: that is known here.
    pub fn learn_revoked(&mut self, key: RingKey, now: Instant) -> bool {
        if key.role == KeyRole::Root || self.revoked().count() >= REVOKED_KEYS_MAX {
            return false;
        }
        let state = KeyState::Revoked { at: now, mode: RevocationMode::All };
        match self.keys.iter_mut().find(|known| known.kid == key.kid) {
            Some(known) if matches!(known.state, KeyState::Revoked { .. }) => return false,
            Some(known) => known.state = state,
            None => self.keys.push(RingKey { state, ..key }),
        }
        true
    }

    /// Adds a key that has signed in a time that this ring has lost, while there is room. Of those that are known, one that
    /// was staged then may have begun to sign.
    pub fn learn(&mut self, key: RingKey) {
        let has_room = key.role == KeyRole::Root || self.told().count() < TOLD_KEYS_MAX + EMERGENCY_KEYS;
        match self.keys.iter_mut().find(|known| known.kid == key.kid) {
            Some(known) if known.state == KeyState::Staged && key.state == KeyState::Active => *known = key,
            None if has_room => self.keys.push(key),
            Some(_) | None => {}
        }
    }

    /// Nothing hangs on the key any more. `false`: it was retired already.
    pub fn retire(&mut self, kid: &KeyId, now: Instant) -> Result<bool, Refusal> {
        let key = self.key_mut(kid)?;
        match key.state {
            _ if key.role == KeyRole::Root => {
                Err(Refusal::IllegalState { why: "a root is not retired: take its file away" })
            }
            KeyState::Active => Err(Refusal::IllegalState {
                why: "the key signs: another one must take its place first, `lictor keys rotate`",
            }),
            KeyState::Retired { .. } => Ok(false),
            KeyState::Revoked { .. } => {
                Err(Refusal::IllegalState { why: "the key was revoked, and stays so" })
            }
            KeyState::Staged | KeyState::Verifying => {
                key.state = KeyState::Retired { at: now };
                Ok(true)
            }
        }
    }

    /// The number of the next key set: it moves forward also where the ring came back from a backup.
    pub fn next_seq(&self, now: Instant) -> u64 {
        let published = self.published.as_ref().map_or(0, |set| set.seq);
        let drafted = self.draft.as_ref().map_or(0, |draft| draft.seq);
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        seconds.max(published.max(drafted) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Instant {
        Instant::from_timestamp(1_800_000_000 + secs, 0).expect("an instant")
    }

    fn key(letter: char, role: KeyRole, state: KeyState) -> RingKey {
        RingKey {
            kid: KeyId::parse(&letter.to_string().repeat(43)).expect("a thumbprint"),
            role,
            public: [letter as u8; 32],
            known_since: at(0),
            signs_from: None,
            signs_until: None,
            state,
        }
    }

    fn ring() -> KeyRing {
        let keys = vec![
            key('R', KeyRole::Root, KeyState::Active),
            key('L', KeyRole::License, KeyState::Active),
            key('A', KeyRole::Activation, KeyState::Active),
        ];
        KeyRing::new(MerchantId::parse("acme").expect("valid"), keys)
    }

    fn kid(letter: char) -> KeyId {
        key(letter, KeyRole::License, KeyState::Staged).kid
    }

    #[test]
    fn one_key_of_a_role_signs_and_the_one_before_goes_on_to_verify() {
        let mut ring = ring();
        assert_eq!(ring.stage(key('M', KeyRole::License, KeyState::Staged)), Ok(true));
        assert_eq!(ring.stage(key('M', KeyRole::License, KeyState::Staged)), Ok(false), "again");
        assert_eq!(
            ring.active(KeyRole::License).map(|key| &key.kid),
            Some(&kid('L')),
            "staged signs nothing"
        );
        ring.activate(&kid('M'), at(5)).expect("staged");
        assert_eq!(ring.active(KeyRole::License).map(|key| &key.kid), Some(&kid('M')));
        assert_eq!(ring.active(KeyRole::Activation).map(|key| &key.kid), Some(&kid('A')), "another role");
        let old = ring.key(&kid('L')).expect("there");
        assert_eq!((&old.state, old.signs_until), (&KeyState::Verifying, Some(at(5))));
        assert!(ring.activate(&kid('L'), at(6)).is_err(), "nothing signs twice");
        assert_eq!(ring.told().count(), 3);
    }

    #[test]
    fn a_revocation_only_ever_takes_more_away() {
        let mut ring = ring();
        let after = RevocationMode::After;
        assert!(ring.revoke(&kid('L'), RevocationMode::All, at(9)).is_err(), "it signs");
        ring.stage(key('M', KeyRole::License, KeyState::Staged)).expect("room");
        ring.activate(&kid('M'), at(5)).expect("staged");
        assert_eq!(ring.revoke(&kid('L'), after, at(9)), Ok(true));
        assert_eq!(ring.revoke(&kid('L'), after, at(9)), Ok(false));
        assert_eq!(ring.revoke(&kid('L'), after, at(10)), Ok(false), "a later time would give back");
        assert_eq!(ring.revoke(&kid('L'), after, at(3)), Ok(true));
        assert_eq!(ring.revoke(&kid('L'), RevocationMode::All, at(12)), Ok(true));
        assert_eq!(ring.revoke(&kid('L'), after, at(1)), Ok(false));
        assert!(
            ring.retire(&kid('L'), at(13)).is_err()
                && ring.stage(key('L', KeyRole::License, KeyState::Staged)).is_err()
        );
        assert!(ring.revoke(&kid('R'), RevocationMode::All, at(14)).is_err(), "a root");
        assert_eq!(ring.told().map(|key| &key.kid).collect::<Vec<_>>(), [&kid('A'), &kid('M')]);
        assert_eq!(ring.revoked().count(), 1);
    }

    #[test]
    fn the_re_issue_ends_with_a_whole_pass_that_began_when_all_had_heard() {
        let mut work = Reissue::begin(at(0));
        let license = LicenseId::from_uuid(7);
        assert!(work.goes_on(at(0)));
        work.looked(64, 64, 0, Some(license), at(1));
        assert!(work.goes_on(at(2)), "in the middle of a pass");
        work.looked(3, 3, 0, None, at(2));
        assert_eq!((work.goes_on(at(9)), work.done_at), (false, None), "somebody may not have heard");
        assert!(work.goes_on(at(10)));
        work.looked(64, 0, 0, None, at(11));
        assert_eq!((work.done_at, work.reissued, work.goes_on(at(99))), (Some(at(11)), 67, false));
    }

    #[test]
    fn what_signs_is_not_retired() {
        let mut ring = ring();
        assert!(ring.retire(&kid('L'), at(1)).is_err() && ring.retire(&kid('R'), at(1)).is_err());
        ring.stage(key('M', KeyRole::License, KeyState::Staged)).expect("room");
        ring.activate(&kid('M'), at(5)).expect("staged");
        assert_eq!((ring.retire(&kid('L'), at(6)), ring.retire(&kid('L'), at(7))), (Ok(true), Ok(false)));
        assert!(ring.retire(&kid('X'), at(7)).is_err(), "unknown");
    }

    #[test]
    fn numbers_of_key_sets_follow_the_clock_and_never_stand_still() {
        let mut ring = ring();
        assert_eq!(ring.next_seq(at(0)), 1_800_000_000);
        ring.published =
            Some(PublishedKeySet { seq: 1_800_000_007, token: String::new(), published_at: at(0) });
        assert_eq!(ring.next_seq(at(0)), 1_800_000_008);
        assert_eq!(ring.next_seq(at(60)), 1_800_000_060);
    }
}
