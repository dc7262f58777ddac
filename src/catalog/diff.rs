//! What applying a file would change. Nothing is ever deleted.

use super::{ApplyFile, TokenGiven};
use crate::domain::{Channel, Merchant, Product, Scope, Spec};

/// A merchant's catalog as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// The merchant, if there is one.
    pub merchant: Option<Merchant>,
    /// Its products.
    pub products: Vec<Product>,
    /// Its specs.
    pub specs: Vec<Spec>,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// Its API tokens that were given from outside, and are live.
    pub api_tokens: Vec<TokenKnown>,
}

/// An API token as it stands; its text is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKnown {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Whether the digest of what the file's reference resolves to is the stored one.
    pub value_is_current: bool,
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogObject {
    /// The merchant itself.
    Merchant,
    /// A product.
    Product,
    /// A spec.
    Spec,
    /// A channel.
    Channel,
    /// An API token.
    ApiToken,
}

impl CatalogObject {
    /// The name of its table in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Product => "product",
            Self::Spec => "spec",
            Self::Channel => "channel",
            Self::ApiToken => "api_token",
        }
    }
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is made.
    Create,
    /// These members become other ones, by their names in the file.
    Change(Vec<&'static str>),
    /// Nothing.
    Unchanged,
}

impl ChangeKind {
    /// The word in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change(_) => "change",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One object of the file and what applying it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogChange {
    /// What it is.
    pub object: CatalogObject,
    /// Its id, or the name of a token.
    pub id: String,
    /// What happens.
    pub kind: ChangeKind,
}

/// Compares every object of the file with what is there, in the order of the file.
pub fn diff(current: &Catalog, new: &ApplyFile) -> Vec<CatalogChange> {
    let mut changes = Vec::new();
    let mut note = |object, id: &str, members: Option<Vec<&'static str>>| {
        let kind = match members {
            None => ChangeKind::Create,
            Some(members) if members.is_empty() => ChangeKind::Unchanged,
            Some(members) => ChangeKind::Change(members),
        };
        changes.push(CatalogChange { object, id: id.to_owned(), kind });
    };
    if let Some(merchant) = &new.merchant {
        let old = current.merchant.as_ref().filter(|old| old.id == merchant.id);
        note(CatalogObject::Merchant, merchant.id.as_str(), old.map(|old| merchant_members(old, merchant)));
    }
    for product in &new.products {
        let old = current.products.iter().find(|old| old.id == product.id);
        note(CatalogObject::Product, product.id.as_str(), old.map(|old| product_members(old, product)));
    }
    for spec in &new.specs {
        let old = current.specs.iter().find(|old| old.id == spec.id);
        note(CatalogObject::Spec, spec.id.as_str(), old.map(|old| spec_members(old, spec)));
    }
    for channel in &new.channels {
        let old = current.channels.iter().find(|old| old.id == channel.id);
        note(CatalogObject::Channel, channel.id.as_str(), old.map(|old| channel_members(old, channel)));
    }
    for token in &new.api_tokens {
        let old = current.api_tokens.iter().find(|old| old.name == token.name);
        note(CatalogObject::ApiToken, &token.name, old.map(|old| token_members(old, token)));
    }
    changes
}

/// The names of the members that differ. Takes the structs apart, so that a new member cannot be forgotten.
macro_rules! members {
    ($(#[$doc:meta])* $function:ident($type:ident) { $($field:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        fn $function(old: &$type, new: &$type) -> Vec<&'static str> {
            let $type { id: _, $($field),+ } = new;
            let mut names = Vec::new();
            $(if *$field != old.$field { names.push($name); })+
            names
        }
    };
}

members!(merchant_members(Merchant) { name = "name", issuer = "issuer", time_zone = "time_zone", locale = "locale" });
members!(product_members(Product) { name = "name", front_end_url = "front_end_url", memo = "memo" });
members!(spec_members(Spec) {
    product = "product",
    skus = "sku",
    product_ids = "product_ids",
    name = "name",
    term = "term",
    machines = "machines",
    multiply = "multiply",
    entitlements = "entitlements",
    attributes = "attributes",
    updates = "updates",
    starts = "starts",
    kind = "kind",
    offline = "offline",
    machine = "machine",
    quota = "quota",
});
members!(channel_members(Channel) {
    marketplace = "marketplace",
    protocol = "protocol",
    products = "products",
    access_keys = "access_keys",
    open_api = "open_api",
    ready = "ready",
});

fn token_members(old: &TokenKnown, new: &TokenGiven) -> Vec<&'static str> {
    let same_scopes =
        old.scopes.len() == new.scopes.len() && old.scopes.iter().all(|scope| new.scopes.contains(scope));
    let mut names = Vec::new();
    if !same_scopes {
        names.push("scopes");
    }
    if !old.value_is_current {
        names.push("value");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{parse_apply_file, sample};

    fn file() -> ApplyFile {
        let text = sample("saas-v2").expect("a known protocol");
        let mut file = parse_apply_file(&text).expect("the sample is valid");
        let value = crate::domain::SecretRef::Env("ACME_API_TOKEN".into());
        file.api_tokens =
            vec![TokenGiven { name: "ci".into(), scopes: vec![Scope::Read, Scope::Issue], value }];
        file
    }

    fn as_stored(file: &ApplyFile) -> Catalog {
        let token = |token: &TokenGiven| TokenKnown {
            name: token.name.clone(),
            scopes: token.scopes.iter().rev().copied().collect(),
            value_is_current: true,
        };
        Catalog {
            merchant: file.merchant.clone(),
            products: file.products.clone(),
            specs: file.specs.clone(),
            channels: file.channels.clone(),
            api_tokens: file.api_tokens.iter().map(token).collect(),
        }
    }

    #[test]
    fn on_an_empty_server_everything_is_created() {
        let file = file();
        let changes = diff(&Catalog::default(), &file);
        assert_eq!(changes.len(), 2 + file.products.len() + file.specs.len() + file.channels.len());
        assert!(changes.iter().all(|change| change.kind == ChangeKind::Create));
    }

    #[test]
    fn the_same_file_again_changes_nothing() {
        let file = file();
        assert!(diff(&as_stored(&file), &file).iter().all(|change| change.kind == ChangeKind::Unchanged));
    }

    #[test]
    fn a_change_names_its_members_and_what_the_file_leaves_out_is_left_alone() {
        let file = file();
        let mut current = as_stored(&file);
        current.api_tokens[0].value_is_current = false;
        let mut new = file.clone();
        new.merchant = None;
        new.products.clear();
        new.channels.clear();
        new.specs.truncate(1);
        new.specs[0].machines = crate::domain::MachineLimit::Unlimited;
        new.specs[0].entitlements.push("render".into());
        let kinds: Vec<_> = diff(&current, &new).into_iter().map(|change| change.kind).collect();
        assert_eq!(
            kinds,
            [ChangeKind::Change(vec!["machines", "entitlements"]), ChangeKind::Change(vec!["value"])]
        );
    }
}
