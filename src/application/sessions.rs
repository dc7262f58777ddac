//! Sessions of the console: begun with a token or a link, used, ended.

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Urgency, Versioned, find, find_all, list};
use super::record::{RecordKey, Stored as _};
use crate::domain::{
    Actor, ApiToken, AuditEvent, EventKind, MerchantId, Narrowed, Refusal, Session, SessionDigest, SessionId,
    SignInLink, TokenOwner,
};

/// Records looked at, at a time.
const PAGE: usize = 1_000;
/// Sessions that are ended in one commit.
const ENDED_AT_ONCE: usize = 200;
const BEGUN: EventKind = EventKind::SessionBegun;

/// A live session, and its token as whoever works there holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedInSession {
    /// The session.
    pub session: Session,
    /// Under the name and with the scopes that count here.
    pub held: ApiToken,
}

impl App {
    /// Begins a session of a token that was just authenticated, in place of the one that the same browser had.
    pub async fn begin_session(
        &self,
        digest: SessionDigest,
        token: &ApiToken,
        replaced: Option<RecordKey>,
    ) -> Result<Session, UseCaseError> {
        let session = self.new_session(digest, &token.owner, token.digest, None, None);
        let told = self.session_event(&session, &token.name, &Actor::Token(token.name.clone()), BEGUN);
        self.store.commit(beginning(Commit::new(), &session, told, replaced)).await?;
        Ok(session)
    }

    /// Begins the session of a sign-in link. The link is closed in the same commit: of many who use it at once, one gets in.
    pub async fn begin_session_by_link(
        &self,
        digest: SessionDigest,
        link: RecordKey,
        replaced: Option<RecordKey>,
    ) -> Result<Session, UseCaseError> {
        let used_up = || UseCaseError::Refused(Refusal::NotFound { what: "sign-in link" });
        let (Versioned { value: link, revision }, held) = self.live_link(&link).await?.ok_or_else(used_up)?;
        let acting_for = link.acting_for.clone();
        let session = self.new_session(digest, &link.owner, link.token, Some(link.gives.clone()), acting_for);
        let commit = Commit::new().put(SignInLink { closed_at: Some(self.now()), ..link }, revision);
        let told = self.session_event(&session, &held.name, &Actor::Token(held.name.clone()), BEGUN);
        match self.store.commit(beginning(commit, &session, told, replaced)).await {
            Ok(_) => Ok(session),
            Err(StoreError::Conflict) => Err(used_up()),
            Err(error) => Err(error.into()),
        }
    }

    fn new_session(
        &self,
        digest: SessionDigest,
        owner: &TokenOwner,
        token: [u8; 32],
        narrowed: Option<Narrowed>,
        acting_for: Option<MerchantId>,
    ) -> Session {
        let now = self.now();
        Session {
            id: SessionId::from_uuid(self.ids.uuid_v7(now)),
            digest,
            owner: owner.clone(),
            token,
            narrowed,
            acting_for,
            created_at: now,
            last_seen_at: now,
        }
    }

    /// A sign-in link that still opens a session, with the token as that session would hold it.
    pub async fn sign_in_link(
        &self,
        key: &RecordKey,
    ) -> Result<Option<(SignInLink, ApiToken)>, UseCaseError> {
        Ok(self.live_link(key).await?.map(|(link, held)| (link.value, held)))
    }

    async fn live_link(
        &self,
        key: &RecordKey,
    ) -> Result<Option<(Versioned<SignInLink>, ApiToken)>, UseCaseError> {
        let found: Option<Versioned<SignInLink>> = find(self.store.as_ref(), key.clone()).await?;
        let Some(link) = found.filter(|link| link.value.is_live(self.now())) else { return Ok(None) };
        let like = Session {
            narrowed: Some(link.value.gives.clone()),
            created_at: link.value.created_at,
            ..self.new_session(link.value.digest, &link.value.owner, link.value.token, None, None)
        };
        Ok(self.held_by(&like).await?.map(|held| (link, held)))
    }

    /// The token behind a session as it is held there; nothing when it opens nothing any more.
    async fn held_by(&self, session: &Session) -> Result<Option<ApiToken>, UseCaseError> {
        let found: Option<Versioned<ApiToken>> =
            find(self.store.as_ref(), RecordKey::ApiToken(session.token)).await?;
        let opened = |token: &ApiToken| token.is_live(self.now()) && token.created_at <= session.created_at;
        let live = found.map(|found| found.value).filter(opened);
        Ok(live.and_then(|token| session.held(token)))
    }

    /// The session under this key, if it opens anything: it ends with its token, whatever time it has left. That it was
    /// used is written down now and then; when that fails, it ends a little sooner.
    pub async fn session(&self, key: &RecordKey) -> Result<Option<SignedInSession>, UseCaseError> {
        let found: Option<Versioned<Session>> = find(self.store.as_ref(), key.clone()).await?;
        let now = self.now();
        let Some(found) = found.filter(|session| session.value.is_live(now)) else { return Ok(None) };
        let Some(held) = self.held_by(&found.value).await? else { return Ok(None) };
        self.token_uses.note(&held.digest, now);
        let mut session = found.value;
        if session.is_to_be_noted(now) {
            session.last_seen_at = now;
            let noted = self.store.commit(Commit::new().put(session.clone(), found.revision)).await;
            if let Err(error) = noted.map_err(UseCaseError::from)
                && !error.is_conflict()
            {
                tracing::warn!(%error, "that a session was used could not be written down");
            }
        }
        Ok(Some(SignedInSession { session, held }))
    }

    /// An operator goes on for another merchant.
    pub async fn act_for(&self, key: &RecordKey, merchant: &MerchantId) -> Result<(), UseCaseError> {
        self.merchant(merchant).await?;
        let found: Option<Versioned<Session>> = find(self.store.as_ref(), key.clone()).await?;
        let found = found.filter(|session| session.value.may_choose()).ok_or(Refusal::TokenRefused)?;
        let held = self.held_by(&found.value).await?.ok_or(Refusal::TokenRefused)?;
        let session = Session { acting_for: Some(merchant.clone()), ..found.value };
        let told = self.session_event(&session, &held.name, &Actor::Token(held.name.clone()), BEGUN);
        let commit = with_event(Commit::new().put(session, found.revision), told);
        self.store.commit(commit).await?;
        Ok(())
    }

    /// Ends a session. One that is not there has ended.
    pub async fn end_session(&self, actor: &Actor, key: &RecordKey) -> Result<(), UseCaseError> {
        let found: Option<Versioned<Session>> = find(self.store.as_ref(), key.clone()).await?;
        let Some(found) = found else { return Ok(()) };
        self.end_some(actor, &[found.value]).await
    }

    /// Ends this session and every other of the same token; where a link opened it, of the same name. Says how many.
    pub async fn end_sessions_like(&self, actor: &Actor, one: &Session) -> Result<usize, UseCaseError> {
        let name = one.narrowed.as_ref().map(|narrowed| &narrowed.name);
        let is_like = |other: &Session| {
            other.token == one.token
                && (name.is_none() || other.narrowed.as_ref().map(|narrowed| &narrowed.name) == name)
        };
        self.end_each(actor, &one.owner, is_like).await
    }

    /// Ends one session of one owner's tokens, as lists show it.
    pub async fn end_session_of(
        &self,
        actor: &Actor,
        owner: &TokenOwner,
        id: &SessionId,
    ) -> Result<(), UseCaseError> {
        let found = self.stored_sessions(owner).await?.into_iter().find(|session| &session.id == id);
        self.end_some(actor, &[found.ok_or(Refusal::NotFound { what: "session" })?]).await
    }

    /// Ends every session of one owner's tokens. Says how many.
    pub async fn end_all_sessions(&self, actor: &Actor, owner: &TokenOwner) -> Result<usize, UseCaseError> {
        self.end_each(actor, owner, |_| true).await
    }

    async fn end_each(
        &self,
        actor: &Actor,
        owner: &TokenOwner,
        is_meant: impl Fn(&Session) -> bool,
    ) -> Result<usize, UseCaseError> {
        let meant: Vec<Session> = self.stored_sessions(owner).await?.into_iter().filter(is_meant).collect();
        for some in meant.chunks(ENDED_AT_ONCE) {
            self.end_some(actor, some).await?;
        }
        Ok(meant.len())
    }

    async fn end_some(&self, actor: &Actor, sessions: &[Session]) -> Result<(), UseCaseError> {
        let keys: Vec<_> = sessions.iter().map(|session| RecordKey::ApiToken(session.token)).collect();
        let tokens: Vec<Option<Versioned<ApiToken>>> = find_all(self.store.as_ref(), &keys).await?;
        let mut commit = Commit::new().with_urgency(Urgency::Essential);
        for (session, token) in sessions.iter().zip(tokens) {
            let own = session.narrowed.as_ref().map(|narrowed| narrowed.name.clone());
            let name = own.or(token.map(|token| token.value.name)).unwrap_or_default();
            let told = self.session_event(session, &name, actor, EventKind::SessionEnded);
            commit = with_event(commit.with(Change::Remove(session.clone().into_record().key())), told);
        }
        self.store.commit(commit).await?;
        Ok(())
    }

    /// What is told of a session to the merchant whose data it shows; before an operator has chosen one, nobody.
    fn session_event(
        &self,
        session: &Session,
        name: &str,
        actor: &Actor,
        kind: EventKind,
    ) -> Option<AuditEvent> {
        let by = if session.narrowed.is_some() { "link" } else { "token" };
        let detail = [("name", name.to_owned()), ("by", by.to_owned())];
        Some(self.event_about(session.merchant()?, &session.id, actor, kind, &detail))
    }

    /// The live sessions of one owner's tokens, the newest first.
    pub async fn sessions(&self, owner: &TokenOwner) -> Result<Vec<SignedInSession>, UseCaseError> {
        let now = self.now();
        let mut live: Vec<Session> =
            self.stored_sessions(owner).await?.into_iter().filter(|session| session.is_live(now)).collect();
        live.sort_by(|a, b| b.id.cmp(&a.id));
        let keys: Vec<_> = live.iter().map(|session| RecordKey::ApiToken(session.token)).collect();
        let tokens: Vec<Option<Versioned<ApiToken>>> = find_all(self.store.as_ref(), &keys).await?;
        let signed_in = |(session, token): (Session, Option<Versioned<ApiToken>>)| {
            let opened = |token: &ApiToken| token.is_live(now) && token.created_at <= session.created_at;
            let token = token.map(|token| token.value).filter(opened)?;
            let held = session.held(token)?;
            Some(SignedInSession { session, held })
        };
        Ok(live.into_iter().zip(tokens).filter_map(signed_in).collect())
    }

    async fn stored_sessions(&self, owner: &TokenOwner) -> Result<Vec<Session>, UseCaseError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let listing = Listing::Sessions { owner: owner.merchant().cloned(), after };
            let page: Vec<Versioned<Session>> = list(self.store.as_ref(), &listing, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.value.clone().into_record().key());
            found.extend(page.into_iter().map(|session| session.value));
        }
    }
}

/// Whoever has to stop a right signs in first, however full the disk is.
fn beginning(
    commit: Commit,
    session: &Session,
    told: Option<AuditEvent>,
    replaced: Option<RecordKey>,
) -> Commit {
    let commit = commit.with_urgency(Urgency::Essential).put(session.clone(), ABSENT);
    replaced.into_iter().map(Change::Remove).fold(with_event(commit, told), Commit::with)
}

/// A commit with the event that tells of it.
pub(super) fn with_event(commit: Commit, told: Option<AuditEvent>) -> Commit {
    told.into_iter().fold(commit, |commit, event| commit.put(event, ABSENT))
}
