//! Applies an apply file's text: the one act behind `apply`, `--bootstrap` and the merchant API.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use crate::application::ports::SecretSource;
use crate::application::{
    App, AppliedEntry, ApplyCaller, ApplyFault, ApplyFiles, ApplyMistake, Catalog, UseCaseError,
};
use crate::catalog::{ApplyContext, ApplyFile, Mistake, TokenGiven, mistake_at, parse_apply_file_in};
use crate::domain::{
    ApiToken, ApiTokenId, Channel, ChannelId, Instant, MerchantId, ProductId, Refusal, Scope, SecretRef,
    TokenOwner,
};
use crate::http::token_digest;
use crate::marketplace::protocol_for;

/// Reads apply files and applies them.
pub struct CatalogApplier {
    app: Arc<App>,
    secrets: Arc<dyn SecretSource>,
}

impl CatalogApplier {
    /// Tokens given from outside are found by `secrets`.
    pub fn new(app: Arc<App>, secrets: Arc<dyn SecretSource>) -> Self {
        Self { app, secrets }
    }
}

#[async_trait]
impl ApplyFiles for CatalogApplier {
    async fn apply(
        &self,
        text: &str,
        caller: &ApplyCaller,
        dry_run: bool,
    ) -> Result<(MerchantId, Vec<AppliedEntry>), ApplyFault> {
        let (applying, caller) = (caller, caller.merchant());
        let context = ApplyContext {
            known_products: self.known_products(text, caller).await?,
            may_grant_operator: caller.is_none(),
            only_served: true,
        };
        let file = parse_apply_file_in(text, &context)
            .map_err(|mistakes| ApplyFault::Mistakes(mistakes.into_iter().map(mistake).collect()))?;
        let named = file.merchant.as_ref().map(|merchant| merchant.id.clone());
        let merchant = match (named, caller) {
            (Some(named), Some(caller)) if &named != caller => {
                return Err(UseCaseError::from(Refusal::NotFound { what: "merchant" }).into());
            }
            (Some(named), _) => named,
            (None, Some(caller)) => caller.clone(),
            (None, None) => {
                let why = "the file has no [merchant] and the caller names none".to_owned();
                return Err(UseCaseError::from(Refusal::Invalid { pointer: "/merchant".into(), why }).into());
            }
        };
        if let ApplyCaller::Merchant { is_admin, .. } = applying {
            let owns_environment = *is_admin && self.app.merchants().await?.len() == 1;
            let known = self.app.catalog(&merchant).await?.channels;
            secrets_it_may_name(&file.channels, &known, owns_environment)?;
        }
        for channel in &file.channels {
            secrets_fit(self.secrets.as_ref(), channel).map_err(|error| placed(text, error))?;
        }
        let unread = unread_secrets(self.secrets.as_ref(), &file.channels);
        let catalog =
            resolved(&self.app, &self.secrets, file, &merchant).map_err(|error| placed(text, error))?;
        let entries = self.app.apply_catalog(&merchant, catalog, dry_run).await;
        let mut entries = entries.map_err(|error| placed(text, error))?;
        for entry in entries.iter_mut().filter(|entry| entry.kind == "channel") {
            let own = unread.iter().filter(|(channel, _)| channel.as_str() == entry.id);
            entry.details.extend(own.map(|(_, warning)| warning.clone()));
        }
        Ok((merchant, entries))
    }
}

impl CatalogApplier {
    /// The products that the file's merchant has already: the caller's, or for the operator the one it names.
    async fn known_products(
        &self,
        text: &str,
        caller: Option<&MerchantId>,
    ) -> Result<Vec<ProductId>, UseCaseError> {
        let Some(merchant) = caller.cloned().or_else(|| named_merchant(text)) else { return Ok(Vec::new()) };
        Ok(self.app.catalog(&merchant).await?.products.into_iter().map(|product| product.id).collect())
    }
}

/// What a file that may hold mistakes says of its merchant's id.
fn named_merchant(text: &str) -> Option<MerchantId> {
    let file: toml::Table = text.parse().ok()?;
    MerchantId::parse(file.get("merchant")?.get("id")?.as_str()?).ok()
}

/// A rule that only the server knows, told with the line like any other.
fn placed(text: &str, error: UseCaseError) -> ApplyFault {
    match error {
        UseCaseError::Refused(Refusal::Invalid { pointer, why }) => {
            ApplyFault::Mistakes(vec![mistake(mistake_at(text, &pointer, &why))])
        }
        other => other.into(),
    }
}

fn mistake(mistake: Mistake) -> ApplyMistake {
    ApplyMistake { line: mistake.line, pointer: mistake.pointer, message: mistake.message }
}

/// References name what lies on the server's machine, the operator's own token and other merchants' secrets among
/// it, and the open API's access key leaves in the clear. A merchant names those that the operator gave it, each for
/// what it was given. The administrator of one that has the server to itself also names its environment, but for the
/// server's own part; who keeps the catalog only does not, for an administrator's token may be there.
fn secrets_it_may_name(
    given: &[Channel],
    known: &[Channel],
    owns_environment: bool,
) -> Result<(), UseCaseError> {
    let known: Vec<_> = known.iter().flat_map(secrets_of).collect();
    let is_own = |reference: &SecretRef| match reference {
        SecretRef::Env(name) => owns_environment && !name.starts_with("LICTOR_"),
        SecretRef::File(_) => false,
    };
    for channel in given {
        let new = secrets_of(channel).into_iter().find(|secret| !known.contains(secret) && !is_own(secret.1));
        if let Some((_, new)) = new {
            let why = format!(
                "{new} is used for the first time here: only the server's operator gives such secrets"
            );
            return Err(Refusal::Invalid { pointer: format!("/channel/{}", channel.id), why }.into());
        }
    }
    Ok(())
}

/// A secret that is there and that the protocol can never use is a mistake now, not at the first call. One that is not
/// there yet may come before it.
fn secrets_fit(secrets: &dyn SecretSource, channel: &Channel) -> Result<(), UseCaseError> {
    let Some(protocol) = protocol_for(&channel.protocol.0) else { return Ok(()) };
    for key in &channel.access_keys {
        let secret = secrets.resolve(&key.value).ok();
        if let Some(fault) = secret.and_then(|secret| protocol.key_fault(&secret)) {
            let why = format!("{} cannot be used: {fault}", key.value);
            return Err(Refusal::Invalid { pointer: format!("/channel/{}", channel.id), why }.into());
        }
    }
    Ok(())
}

/// What cannot be read on the server yet, by channel: a file may come before its secrets, and never unseen.
fn unread_secrets(secrets: &dyn SecretSource, channels: &[Channel]) -> Vec<(ChannelId, String)> {
    let of = |channel: &Channel| {
        let faults =
            secrets_of(channel).into_iter().filter_map(|(_, reference)| secrets.resolve(reference).err());
        let warning = |fault| (channel.id.clone(), format!("warning: {fault}"));
        faults.map(warning).collect::<Vec<_>>()
    };
    channels.iter().flat_map(of).collect()
}

/// What each secret of a channel is for, and where it is found.
fn secrets_of(channel: &Channel) -> Vec<(&'static str, &SecretRef)> {
    let access_keys = channel.access_keys.iter().map(|key| (key.used_for.as_str(), &key.value));
    let open_api = channel.open_api.iter().flat_map(|open_api| {
        [("open API access key", &open_api.access_key), ("open API secret key", &open_api.secret_key)]
    });
    access_keys.chain(open_api).collect()
}

fn resolved(
    app: &App,
    secrets: &Arc<dyn SecretSource>,
    file: ApplyFile,
    merchant: &MerchantId,
) -> Result<Catalog, UseCaseError> {
    let now = app.now();
    let token = |given: TokenGiven| token(secrets, given, merchant, now);
    Ok(Catalog {
        merchant: file.merchant,
        products: file.products,
        specs: file.specs,
        channels: file.channels,
        api_tokens: file.api_tokens.into_iter().map(token).collect::<Result<_, _>>()?,
    })
}

fn token(
    secrets: &Arc<dyn SecretSource>,
    given: TokenGiven,
    merchant: &MerchantId,
    now: Instant,
) -> Result<ApiToken, UseCaseError> {
    let invalid = |why: String| Refusal::Invalid { pointer: format!("/api_token/{}", given.name), why };
    let text = secrets.resolve(&given.value).map_err(|fault| invalid(fault.to_string()))?;
    let digest = token_digest(text.expose_secret());
    let owner = if given.scopes.contains(&Scope::Operator) {
        TokenOwner::Server
    } else {
        TokenOwner::Merchant(merchant.clone())
    };
    Ok(ApiToken {
        id: ApiTokenId::from_uuid(u128::from_be_bytes(digest[..16].try_into().unwrap_or_default())),
        digest,
        name: given.name,
        owner,
        scopes: given.scopes,
        created_at: now,
        expires_at: None,
        revoked_at: None,
    })
}
