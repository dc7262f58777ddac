//! Applies an apply file's text: the one act behind `apply`, `--bootstrap` and the merchant API.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use super::open::token_digest;
use crate::application::ports::SecretSource;
use crate::application::{
    App, AppliedEntry, ApplyCaller, ApplyFault, ApplyFiles, ApplyMistake, Catalog, UseCaseError,
};
use crate::catalog::{ApplyContext, ApplyFile, Mistake, TokenGiven, parse_apply_file_in};
use crate::domain::{
    ApiToken, ApiTokenId, Binding, Channel, Instant, MerchantId, Refusal, Scope, SecretRef, Spec, SpecKind,
    Starts, TokenOwner,
};

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
        let is_operator = matches!(caller, ApplyCaller::Operator(_));
        let caller = caller.merchant();
        let known_products = match caller {
            Some(merchant) => {
                let products = self.app.catalog(merchant).await?.products;
                products.into_iter().map(|product| product.id).collect()
            }
            None => Vec::new(),
        };
        let context = ApplyContext { known_products, may_grant_operator: caller.is_none() };
        let file = parse_apply_file_in(text, &context)
            .map_err(|mistakes| ApplyFault::Mistakes(mistakes.into_iter().map(mistake).collect()))?;
        not_built_yet(&file.specs)?;
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
        if !is_operator {
            known_secrets_only(&file.channels, &self.app.catalog(&merchant).await?.channels)?;
        }
        let catalog = resolved(&self.app, &self.secrets, file, &merchant)?;
        let entries = self.app.apply_catalog(&merchant, catalog, dry_run).await?;
        Ok((merchant, entries))
    }
}

fn mistake(mistake: Mistake) -> ApplyMistake {
    ApplyMistake { line: mistake.line, pointer: mistake.pointer, message: mistake.message }
}

/// What the file may say and the service cannot do yet is refused, never silently ignored.
fn not_built_yet(specs: &[Spec]) -> Result<(), UseCaseError> {
    for spec in specs {
        let member = match (spec.starts, spec.kind, spec.machine.binding) {
            (Starts::FirstActivation | Starts::Acceptance, _, _) => Some(("starts", "only `purchase`")),
            (_, SpecKind::Package, _) => Some(("kind", "only `license`")),
            (_, _, Binding::DeviceKey) => Some(("machine/binding", "`hardware`, `floating` or `none`")),
            (
                Starts::Purchase,
                SpecKind::License,
                Binding::Hardware | Binding::Floating | Binding::Unbound,
            ) => None,
        };
        if let Some((member, supported)) = member {
            let why = format!("this version serves {supported} here");
            return Err(Refusal::Invalid { pointer: format!("/spec/{}/{member}", spec.id), why }.into());
        }
    }
    Ok(())
}

/// References name what lies on the server's machine, other merchants' secrets and the operator's own token among
/// it, and the open API's access key leaves in the clear. A merchant uses those that the operator gave it, each for
/// what it was given.
fn known_secrets_only(given: &[Channel], known: &[Channel]) -> Result<(), UseCaseError> {
    let known: Vec<_> = known.iter().flat_map(secrets_of).collect();
    for channel in given {
        if let Some((_, new)) = secrets_of(channel).into_iter().find(|secret| !known.contains(secret)) {
            let why =
                format!("{new} is used for the first time here: only the server's operator gives secrets");
            return Err(Refusal::Invalid { pointer: format!("/channel/{}", channel.id), why }.into());
        }
    }
    Ok(())
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
