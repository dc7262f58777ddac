//! Applies an apply file's text: the one act behind `apply`, `--bootstrap` and the merchant API.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use crate::application::ports::{SecretFault, SecretSource};
use crate::application::{
    App, AppliedEntry, ApplyCaller, ApplyFault, ApplyFiles, ApplyMistake, ApplyMode, Catalog, CatalogMistake,
    UseCaseError,
};
use crate::catalog::{ApplyContext, ApplyFile, Mistake, TokenGiven, mistake_at, read_apply_file};
use crate::domain::{
    AccessKeyRef, Actor, ApiToken, ApiTokenId, Channel, ChannelId, Instant, Merchant, MerchantId, Refusal,
    Scope, SecretRef, TokenOwner,
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
        mode: ApplyMode,
        actor: &Actor,
    ) -> Result<(MerchantId, Vec<AppliedEntry>), ApplyFault> {
        let context = self.context(text, caller.merchant()).await?;
        let (file, mut mistakes) = read_apply_file(text, &context);
        let merchant = match whose(text, file.merchant.as_ref(), caller.merchant()) {
            Ok(merchant) => merchant,
            Err(_) if !mistakes.is_empty() => return Err(told(mistakes)),
            Err(refusal) => return Err(UseCaseError::from(refusal).into()),
        };
        if let ApplyCaller::Merchant { is_admin, .. } = caller {
            let owns_environment = *is_admin && self.app.merchants().await?.len() == 1;
            let known = self.app.catalog(&merchant).await?.channels;
            secrets_it_may_name(&file.channels, &known, owns_environment)?;
        }
        let secrets = self.secrets.as_ref();
        mistakes
            .extend(file.channels.iter().flat_map(|it| unfit_secrets(secrets, it)).map(|it| it.placed(text)));
        let unread = unread_secrets(secrets, &file.channels);
        let (catalog, unresolved) = resolved(&self.app, secrets, file, &merchant);
        mistakes.extend(unresolved.into_iter().map(|it| it.placed(text)));
        // With a mistake nothing is applied; what else is wrong is looked for all the same, in what has none.
        let judged = if mistakes.is_empty() { mode } else { ApplyMode { dry_run: true, prune: false } };
        let mut entries = match self.app.apply_catalog(&merchant, catalog, judged, actor).await {
            Ok(Ok(entries)) => entries,
            Ok(Err(others)) => {
                mistakes.extend(others.into_iter().map(|it| it.placed(text)));
                return Err(told(mistakes));
            }
            Err(UseCaseError::Refused(_)) if !mistakes.is_empty() => return Err(told(mistakes)),
            Err(error) => return Err(error.into()),
        };
        if !mistakes.is_empty() {
            return Err(told(mistakes));
        }
        for entry in entries.iter_mut().filter(|entry| entry.kind == "channel") {
            let own = unread.iter().filter(|(channel, _)| channel.as_str() == entry.id);
            entry.details.extend(own.map(|(_, warning)| warning.clone()));
        }
        Ok((merchant, entries))
    }
}

/// For whom a file is: for the merchant that it names, or for the caller's.
fn whose(text: &str, read: Option<&Merchant>, caller: Option<&MerchantId>) -> Result<MerchantId, Refusal> {
    let named = read.map(|merchant| merchant.id.clone()).or_else(|| named_merchant(text));
    match (named, caller) {
        (Some(named), Some(caller)) if named != *caller => Err(Refusal::NotFound { what: "merchant" }),
        (Some(named), _) => Ok(named),
        (None, Some(caller)) => Ok(caller.clone()),
        (None, None) => {
            let why = "the file has no [merchant] and the caller names none".to_owned();
            Err(Refusal::Invalid { pointer: "/merchant".into(), why })
        }
    }
}

/// All of them, in the order of lines.
fn told(mut mistakes: Vec<Mistake>) -> ApplyFault {
    mistakes.sort_by_key(|mistake| mistake.line);
    mistakes.dedup();
    ApplyFault::Mistakes(mistakes.into_iter().map(mistake).collect())
}

/// A rule that only the server knows, told with the line like any other.
trait Placed {
    fn placed(&self, text: &str) -> Mistake;
}

impl Placed for CatalogMistake {
    fn placed(&self, text: &str) -> Mistake {
        mistake_at(text, &self.pointer, &self.why)
    }
}

impl CatalogApplier {
    /// What is known of the file's merchant already: the caller's, or for the operator the one it names.
    async fn context(&self, text: &str, caller: Option<&MerchantId>) -> Result<ApplyContext, UseCaseError> {
        let known = match caller.cloned().or_else(|| named_merchant(text)) {
            Some(merchant) => self.app.catalog(&merchant).await?,
            None => Catalog::default(),
        };
        Ok(ApplyContext {
            known_specs: known.specs.into_iter().map(|spec| (spec.id, spec.product)).collect(),
            known_products: known.products.into_iter().map(|product| product.id).collect(),
            may_grant_operator: caller.is_none(),
            only_served: true,
        })
    }
}

/// What a file that may hold mistakes says of its merchant's id.
fn named_merchant(text: &str) -> Option<MerchantId> {
    let file: toml::Table = text.parse().ok()?;
    MerchantId::parse(file.get("merchant")?.get("id")?.as_str()?).ok()
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
fn unfit_secrets(secrets: &dyn SecretSource, channel: &Channel) -> Vec<CatalogMistake> {
    let Some(protocol) = protocol_for(&channel.protocol.0) else { return Vec::new() };
    let fault = |key: &AccessKeyRef| {
        let secret = secrets.resolve(&key.value).ok()?;
        let why = format!("{} cannot be used: {}", key.value, protocol.key_fault(&secret)?);
        Some(CatalogMistake { pointer: format!("/channel/{}", channel.id), why })
    };
    channel.access_keys.iter().filter_map(fault).collect()
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

/// The catalog that the file says, and every token whose text is not there.
fn resolved(
    app: &App,
    secrets: &dyn SecretSource,
    file: ApplyFile,
    merchant: &MerchantId,
) -> (Catalog, Vec<CatalogMistake>) {
    let now = app.now();
    let (mut api_tokens, mut mistakes) = (Vec::new(), Vec::new());
    for given in file.api_tokens {
        match token(secrets, given, merchant, now) {
            Ok(token) => api_tokens.push(token),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    let (merchant, products) = (file.merchant, file.products);
    let (specs, channels) = (file.specs, file.channels);
    (Catalog { merchant, products, specs, channels, api_tokens }, mistakes)
}

fn token(
    secrets: &dyn SecretSource,
    given: TokenGiven,
    merchant: &MerchantId,
    now: Instant,
) -> Result<ApiToken, CatalogMistake> {
    let invalid = |fault: SecretFault| CatalogMistake {
        pointer: format!("/api_token/{}", given.name),
        why: fault.to_string(),
    };
    let text = secrets.resolve(&given.value).map_err(invalid)?;
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
