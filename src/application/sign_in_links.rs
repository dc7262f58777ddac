//! Links that open one session of the console, once: made, listed, withdrawn.

use chrono::TimeDelta;

use super::api_tokens::scope_list;
use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Commit, Listing, Urgency, Versioned, find, find_all, list};
use super::record::{RecordKey, Stored as _};
use super::sessions::with_event;
use crate::domain::{
    Actor, ApiToken, AuditEvent, EventKind, MerchantId, Narrowed, Refusal, SessionDigest, SignInLink,
    SignInLinkId, TokenOwner,
};

/// Records looked at, at a time.
const PAGE: usize = 1_000;

/// What a link is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignInLink {
    /// Digest of its secret; the same again must be the same link.
    pub digest: SessionDigest,
    /// Under which name, with which scopes; its maker's at the most.
    pub gives: Narrowed,
    /// For whom an operator's session works.
    pub acting_for: Option<MerchantId>,
    /// How long it can be used.
    pub lifetime: TimeDelta,
}

impl App {
    /// Makes a link in the name of a live token.
    pub async fn create_sign_in_link(
        &self,
        maker: &ApiToken,
        new: NewSignInLink,
    ) -> Result<SignInLink, UseCaseError> {
        let now = self.now();
        let link = SignInLink {
            id: SignInLinkId::from_uuid(self.ids.uuid_v7(now)),
            digest: new.digest,
            owner: maker.owner.clone(),
            token: maker.digest,
            gives: new.gives,
            acting_for: new.acting_for,
            created_at: now,
            expires_at: now + new.lifetime,
            closed_at: None,
        };
        let key = RecordKey::SignInLink(link.owner.merchant().cloned(), link.digest);
        let known: Option<Versioned<SignInLink>> = find(self.store.as_ref(), key).await?;
        if let Some(known) = known.map(|known| known.value) {
            let same = (&known.token, &known.gives, &known.acting_for)
                == (&link.token, &link.gives, &link.acting_for)
                && known.expires_at - known.created_at == new.lifetime;
            return if same { Ok(known) } else { Err(Refusal::IdempotencyConflict.into()) };
        }
        let actor = Actor::Token(maker.name.clone());
        let told = self.link_event(&link, &actor, EventKind::SignInLinkCreated);
        self.store.commit(with_event(Commit::new().put(link.clone(), ABSENT), told)).await?;
        Ok(link)
    }

    /// The links of one owner's tokens that still open a session, the newest first.
    pub async fn sign_in_links(&self, owner: &TokenOwner) -> Result<Vec<SignInLink>, UseCaseError> {
        let now = self.now();
        let stored = self.stored_links(owner).await?.into_iter().map(|link| link.value);
        let mut live: Vec<SignInLink> = stored.filter(|link| link.is_live(now)).collect();
        live.sort_by(|a, b| b.id.cmp(&a.id));
        let keys: Vec<_> = live.iter().map(|link| RecordKey::ApiToken(link.token)).collect();
        let tokens: Vec<Option<Versioned<ApiToken>>> = find_all(self.store.as_ref(), &keys).await?;
        let is_held = |token: &Option<Versioned<ApiToken>>| {
            token.as_ref().is_some_and(|token| token.value.is_live(now))
        };
        Ok(live.into_iter().zip(tokens).filter(|(_, token)| is_held(token)).map(|(link, _)| link).collect())
    }

    /// Withdraws a link that nobody has used. Withdrawing what was used or withdrawn changes nothing.
    pub async fn revoke_sign_in_link(
        &self,
        actor: &Actor,
        owner: &TokenOwner,
        id: &SignInLinkId,
    ) -> Result<SignInLink, UseCaseError> {
        let found = self.stored_links(owner).await?.into_iter().find(|link| &link.value.id == id);
        let Versioned { value: mut link, revision } =
            found.ok_or(Refusal::NotFound { what: "sign-in link" })?;
        if link.closed_at.is_none() {
            link.closed_at = Some(self.now());
            let commit = Commit::new().with_urgency(Urgency::Essential).put(link.clone(), revision);
            let told = self.link_event(&link, actor, EventKind::SignInLinkRevoked);
            self.store.commit(with_event(commit, told)).await?;
        }
        Ok(link)
    }

    fn link_event(&self, link: &SignInLink, actor: &Actor, kind: EventKind) -> Option<AuditEvent> {
        let merchant = link.owner.merchant().or(link.acting_for.as_ref())?;
        let detail = [("name", link.gives.name.clone()), ("scopes", scope_list(&link.gives.scopes))];
        Some(self.event_about(merchant, &link.id, actor, kind, &detail))
    }

    async fn stored_links(&self, owner: &TokenOwner) -> Result<Vec<Versioned<SignInLink>>, UseCaseError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let listing = Listing::SignInLinks { owner: owner.merchant().cloned(), after };
            let page: Vec<Versioned<SignInLink>> = list(self.store.as_ref(), &listing, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.value.clone().into_record().key());
            found.extend(page);
        }
    }
}
