//! Tokens of the merchant API: made, shown once, revoked.

use chrono::SecondsFormat;

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Commit, Listing, Urgency, Versioned, find, list};
use super::record::RecordKey;
use crate::domain::{
    Actor, ApiToken, ApiTokenId, AuditEvent, EventKind, Instant, MerchantId, Refusal, Scope, TokenDigest,
    TokenOwner,
};

impl App {
    /// The token with this digest, if it opens anything.
    pub async fn authenticate(&self, digest: &TokenDigest) -> Result<ApiToken, UseCaseError> {
        let found: Option<Versioned<ApiToken>> =
            find(self.store.as_ref(), RecordKey::ApiToken(*digest)).await?;
        let live = found.map(|found| found.value).filter(|token| token.is_live(self.now()));
        if let Some(token) = &live {
            self.token_uses.note(&token.digest, self.now());
        }
        live.ok_or(UseCaseError::Refused(Refusal::TokenRefused))
    }

    /// The server's own token of a user of its machine. It has no text: nobody but this process acts by it. One that was
    /// revoked is made anew, and what the old one had opened stays closed.
    pub async fn local_token(&self, uid: u32) -> Result<ApiToken, UseCaseError> {
        let digest = local_digest(uid);
        let known: Option<Versioned<ApiToken>> =
            find(self.store.as_ref(), RecordKey::ApiToken(digest)).await?;
        let revision = match known {
            Some(known) if known.value.is_live(self.now()) => return Ok(known.value),
            Some(known) => known.revision,
            None => ABSENT,
        };
        let created_at = self.now();
        let token = ApiToken {
            id: ApiTokenId::from_uuid(self.ids.uuid_v7(created_at)),
            digest,
            name: format!("local:uid-{uid}"),
            owner: TokenOwner::Server,
            scopes: vec![Scope::Operator],
            created_at,
            expires_at: None,
            revoked_at: None,
        };
        let commit = Commit::new().with_urgency(Urgency::Essential).put(token.clone(), revision);
        let commit = self.tell_of_token(commit, &token, &Actor::Server, EventKind::ApiTokenCreated).await?;
        self.store.commit(commit).await?;
        Ok(token)
    }

    /// Stores a token whose text was made outside; only its digest is kept. The same text again must be the same
    /// token.
    pub async fn create_api_token(
        &self,
        digest: TokenDigest,
        name: &str,
        owner: TokenOwner,
        scopes: Vec<Scope>,
        expires_at: Option<Instant>,
        actor: &Actor,
    ) -> Result<ApiToken, UseCaseError> {
        let known: Option<Versioned<ApiToken>> =
            find(self.store.as_ref(), RecordKey::ApiToken(digest)).await?;
        if let Some(known) = known.map(|known| known.value) {
            let same = known.name == name
                && known.owner == owner
                && known.scopes == scopes
                && known.expires_at == expires_at;
            return if same { Ok(known) } else { Err(Refusal::IdempotencyConflict.into()) };
        }
        let created_at = self.now();
        let id = ApiTokenId::from_uuid(self.ids.uuid_v7(created_at));
        let token = ApiToken {
            id,
            digest,
            name: name.to_owned(),
            owner,
            scopes,
            created_at,
            expires_at,
            revoked_at: None,
        };
        let commit = Commit::new().put(token.clone(), ABSENT);
        let commit = self.tell_of_token(commit, &token, actor, EventKind::ApiTokenCreated).await?;
        self.store.commit(commit).await?;
        Ok(token)
    }

    /// The tokens of one owner.
    pub async fn api_tokens(&self, owner: &TokenOwner) -> Result<Vec<ApiToken>, UseCaseError> {
        Ok(self.tokens_of(owner).await?.into_iter().map(|token| token.value).collect())
    }

    /// All of them, however many other owners have: each must be seen and ended.
    async fn tokens_of(&self, owner: &TokenOwner) -> Result<Vec<Versioned<ApiToken>>, UseCaseError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let listing = Listing::ApiTokens { after };
            let page: Vec<Versioned<ApiToken>> = list(self.store.as_ref(), &listing, 1_000).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.value.digest);
            found.extend(page.into_iter().filter(|token| &token.value.owner == owner));
        }
    }

    /// Ends a token at once. Revoking what was revoked changes nothing.
    pub async fn revoke_api_token(
        &self,
        owner: &TokenOwner,
        id: &ApiTokenId,
        actor: &Actor,
    ) -> Result<ApiToken, UseCaseError> {
        let found = self.tokens_of(owner).await?.into_iter().find(|token| &token.value.id == id);
        let Versioned { value: mut token, revision } =
            found.ok_or(Refusal::NotFound { what: "API token" })?;
        if token.revoked_at.is_none() {
            token.revoked_at = Some(self.now());
            let commit = Commit::new().with_urgency(Urgency::Essential).put(token.clone(), revision);
            let commit = self.tell_of_token(commit, &token, actor, EventKind::ApiTokenRevoked).await?;
            self.store.commit(commit).await?;
        }
        Ok(token)
    }

    /// The server's own tokens act for every merchant, so each merchant's chain tells of them; where there is no merchant yet
    /// there is no chain.
    async fn tell_of_token(
        &self,
        mut commit: Commit,
        token: &ApiToken,
        actor: &Actor,
        kind: EventKind,
    ) -> Result<Commit, UseCaseError> {
        let merchants = match &token.owner {
            TokenOwner::Merchant(merchant) => vec![merchant.clone()],
            TokenOwner::Server => self.merchants().await?.into_iter().map(|merchant| merchant.id).collect(),
        };
        for merchant in merchants {
            commit = commit.put(self.token_event(&merchant, token, actor, kind), ABSENT);
        }
        Ok(commit)
    }

    /// What is told of a token; never its text or digest.
    pub(super) fn token_event(
        &self,
        merchant: &MerchantId,
        token: &ApiToken,
        actor: &Actor,
        kind: EventKind,
    ) -> AuditEvent {
        let mut detail = vec![("name", token.name.clone()), ("scopes", scope_list(&token.scopes))];
        detail
            .extend(token.expires_at.map(|at| ("expires_at", at.to_rfc3339_opts(SecondsFormat::Secs, true))));
        if token.owner == TokenOwner::Server {
            detail.push(("owner", "server".to_owned()));
        }
        self.event_about(merchant, &token.id, actor, kind, &detail)
    }
}

/// Scopes as events name them.
pub(super) fn scope_list(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

/// A digest that no text is known to have: SHA-256 yields no chosen bytes.
fn local_digest(uid: u32) -> TokenDigest {
    let mut digest = [0; 32];
    digest[..24].copy_from_slice(b"lictor control.sock uid ");
    digest[28..].copy_from_slice(&uid.to_be_bytes());
    digest
}
