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
use crate::config::{Section, read_as_far_as_it_goes};
use crate::domain::{Channel, Merchant, Product, ProductId, Scope, SecretRef, Spec, SpecId};

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
    /// Specs that the merchant has already, and what they license: specs may lead to them too.
    pub known_specs: Vec<(SpecId, ProductId)>,
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
    let (file, mistakes) = read_apply_file(text, context);
    if mistakes.is_empty() { Ok(file) } else { Err(mistakes) }
}

/// The same, for whoever goes on looking for mistakes: beside them stands what of the file has none.
pub fn read_apply_file(text: &str, context: &ApplyContext) -> (ApplyFile, Vec<Mistake>) {
    if text.len() > APPLY_FILE_BYTES_MAX {
        let message = format!("the file is longer than {APPLY_FILE_BYTES_MAX} bytes; split it");
        return (ApplyFile::default(), vec![Mistake { line: 1, pointer: String::new(), message }]);
    }
    let (file, mistakes) = read_as_far_as_it_goes(text, |root| read(root, context));
    (file.sound(&mistakes), mistakes)
}

/// What was read of a file; each list has a place for every table, also for those that could not be read.
struct ReadFile {
    merchant: Option<Merchant>,
    products: Vec<Option<Product>>,
    specs: Vec<Option<Spec>>,
    channels: Vec<Option<Channel>>,
    api_tokens: Vec<Option<TokenGiven>>,
}

impl ReadFile {
    /// What has no mistake in it. Of a file that is no TOML nothing is believed.
    fn sound(self, mistakes: &[Mistake]) -> ApplyFile {
        if mistakes.iter().any(|mistake| mistake.pointer.is_empty()) {
            return ApplyFile::default();
        }
        let is_sound = |place: &str| {
            let within = |mistake: &Mistake| {
                mistake
                    .pointer
                    .strip_prefix(place)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            !mistakes.iter().any(within)
        };
        ApplyFile {
            merchant: self.merchant.filter(|_| is_sound("/merchant")),
            products: sound_of(self.products, "product", is_sound),
            specs: sound_of(self.specs, "spec", is_sound),
            channels: sound_of(self.channels, "channel", is_sound),
            api_tokens: sound_of(self.api_tokens, "api_token", is_sound),
        }
    }
}

fn sound_of<T>(read: Vec<Option<T>>, name: &str, is_sound: impl Fn(&str) -> bool) -> Vec<T> {
    let numbered = read.into_iter().enumerate();
    numbered.filter(|(number, _)| is_sound(&format!("/{name}/{number}"))).filter_map(|(_, it)| it).collect()
}

fn read(root: &Section<'_>, context: &ApplyContext) -> ReadFile {
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
    ReadFile {
        merchant,
        products: products.into_iter().map(|product| product.value).collect(),
        specs: specs.into_iter().map(|spec| spec.value).collect(),
        channels: channels.into_iter().map(|channel| channel.value).collect(),
        api_tokens,
    }
}
