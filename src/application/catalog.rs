//! What an apply file says, and what became of it.

use async_trait::async_trait;

use super::app::UseCaseError;
use super::compare_catalog::MemberChange;
use crate::domain::{Actor, ApiToken, Channel, Merchant, MerchantId, Product, Spec};

/// What an apply file says, for one merchant.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The merchant itself.
    pub merchant: Option<Merchant>,
    /// Its products.
    pub products: Vec<Product>,
    /// Its specs.
    pub specs: Vec<Spec>,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// Tokens given from outside.
    pub api_tokens: Vec<ApiToken>,
}

/// What became of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChange {
    /// It was not there.
    Created,
    /// It was there and is different now.
    Changed,
    /// It is as it was.
    Unchanged,
    /// The file leaves it out, and it is there no more.
    Removed,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedEntry {
    /// `merchant`, `product`, `mapping`, `spec`, `channel` or `api_token`.
    pub kind: &'static str,
    /// Its id, the SKU of a mapping, or the name of a token.
    pub id: String,
    /// What became of it.
    pub change: EntryChange,
    /// What of it changed, when it was there.
    pub members: Vec<MemberChange>,
    /// What of it changed, in words, for what people have to follow step by step: access keys.
    pub details: Vec<String>,
}

impl AppliedEntry {
    pub(super) fn new(kind: &'static str, id: String, change: EntryChange) -> Self {
        Self { kind, id, change, members: Vec::new(), details: Vec::new() }
    }
}

/// How a catalog is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApplyMode {
    /// Only says what would change.
    pub dry_run: bool,
    /// Products, specs and channels that it leaves out are removed.
    pub prune: bool,
}

/// What an apply file breaks of what only the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogMistake {
    /// Which object, by its id, and which member of it: `/spec/cad-pro/product`.
    pub pointer: String,
    /// The rule, and what to write instead.
    pub why: String,
}

/// What became of every entry, or every mistake; then nothing was applied.
pub type Applied = Result<Vec<AppliedEntry>, Vec<CatalogMistake>>;

/// A mistake in an apply file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyMistake {
    /// Line, counted from 1.
    pub line: usize,
    /// Which member; a JSON pointer (RFC 6901), empty for the file itself.
    pub pointer: String,
    /// The rule, and what to write instead.
    pub message: String,
}

/// Why an apply file was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyFault {
    /// Every mistake in it.
    #[error("the apply file has mistakes: {}", shown(.0))]
    Mistakes(Vec<ApplyMistake>),
    /// The rules say no, or something broke.
    #[error(transparent)]
    UseCase(#[from] UseCaseError),
}

fn shown(mistakes: &[ApplyMistake]) -> String {
    let lines: Vec<_> = mistakes.iter().map(|it| format!("line {}: {}", it.line, it.message)).collect();
    lines.join("; ")
}

/// Who applies a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyCaller {
    /// The server's operator, for this merchant or for the one that the file names.
    Operator(Option<MerchantId>),
    /// Somebody with a token of this merchant.
    Merchant {
        /// Of which.
        merchant: MerchantId,
        /// Whether the token may do all that can be done for that merchant, or keeps its catalog only.
        is_admin: bool,
    },
}

impl ApplyCaller {
    /// For whom, if that is said outside the file.
    pub fn merchant(&self) -> Option<&MerchantId> {
        match self {
            Self::Operator(merchant) => merchant.as_ref(),
            Self::Merchant { merchant, is_admin: _ } => Some(merchant),
        }
    }
}

/// Applies apply files: the one act behind `apply`, `--bootstrap` and the merchant API.
#[async_trait]
pub trait ApplyFiles: Send + Sync {
    /// Applies the text for the merchant that it names, or for the caller's.
    async fn apply(
        &self,
        text: &str,
        caller: &ApplyCaller,
        mode: ApplyMode,
        actor: &Actor,
    ) -> Result<(MerchantId, Vec<AppliedEntry>), ApplyFault>;
}
