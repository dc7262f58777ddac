//! The apply file: a merchant's catalog as TOML, read into domain values with every mistake at once.

mod channel;
mod merchant;
mod place;
mod product;
mod quota;
mod rules;
mod sample;
mod served;
mod spec;
mod token;
mod values;

pub use place::mistake_at;
pub use sample::sample;
pub use served::PROTOCOLS_SERVED;

pub use crate::config::Mistake;
use crate::config::{Section, read_document};
use crate::domain::{Channel, Merchant, Product, ProductId, Scope, SecretRef, Spec};

/// Longest apply file.
pub const APPLY_FILE_BYTES_MAX: usize = 1 << 20;

/// The families of interfaces that a channel may speak.
pub const PROTOCOLS: &[&str] =
    &["license-code", "license-online", "license-v1", "saas-v2", "saas-v1", "standard-webhooks"];

/// What an apply file says. What it does not name stays as it is: applying creates and changes, never deletes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApplyFile {
    /// The merchant, if the file describes it.
    pub merchant: Option<Merchant>,
    /// Its products.
    pub products: Vec<Product>,
    /// What can be bought of them.
    pub specs: Vec<Spec>,
    /// Where.
    pub channels: Vec<Channel>,
    /// API tokens given from outside.
    pub api_tokens: Vec<TokenGiven>,
}

/// An API token whose text is given from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGiven {
    /// The actor in the audit log.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Where its text is found.
    pub value: SecretRef,
}

/// What is known besides the file.
#[derive(Debug, Clone, Default)]
pub struct ApplyContext {
    /// Products that the merchant has already: specs and channels may name them too.
    pub known_products: Vec<ProductId>,
    /// Whether the file may give a token the scope `operator`: only the server's own operator may.
    pub may_grant_operator: bool,
    /// Whether what this version does not do yet is a mistake: it is for who applies, not for who only reads.
    pub only_served: bool,
}

/// Reads an apply file that stands on its own.
pub fn parse_apply_file(text: &str) -> Result<ApplyFile, Vec<Mistake>> {
    parse_apply_file_in(text, &ApplyContext::default())
}

/// Reads an apply file that adds to what is known.
pub fn parse_apply_file_in(text: &str, context: &ApplyContext) -> Result<ApplyFile, Vec<Mistake>> {
    if text.len() > APPLY_FILE_BYTES_MAX {
        let message = format!("the file is longer than {APPLY_FILE_BYTES_MAX} bytes; split it");
        return Err(vec![Mistake { line: 1, pointer: String::new(), message }]);
    }
    read_document(text, |root| read(root, context))
}

fn read(root: &Section<'_>, context: &ApplyContext) -> ApplyFile {
    let merchant = root.section("merchant").and_then(|section| merchant::read(&section));
    let products = product::read_all(root);
    let specs = spec::read_all(root);
    let channels = channel::read_all(root);
    let api_tokens = token::read_all(root, context.may_grant_operator);
    root.finish();
    rules::check(root, context, &products, &specs, &channels);
    if context.only_served {
        served::check(root);
    }
    ApplyFile {
        merchant,
        products: products.into_iter().filter_map(|product| product.value).collect(),
        specs: specs.into_iter().filter_map(|spec| spec.value).collect(),
        channels: channels.into_iter().filter_map(|channel| channel.value).collect(),
        api_tokens,
    }
}
