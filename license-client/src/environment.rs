//! The environment variables of containers: `<APP>_LICENSE_KEY`, `_LICENSE_FILE`, `_LICENSE_STATE_DIR`,
//! `_LICENSE_MACHINE_ID`. An empty one counts as absent.

use std::sync::Arc;

/// Reads one variable by its whole name.
pub(crate) type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub(crate) fn process() -> Environment {
    Arc::new(|name| {
        #[expect(clippy::disallowed_methods, reason = "this crate's only reading of the environment")]
        let value = std::env::var(name);
        value.ok().filter(|value| !value.trim().is_empty())
    })
}

/// `acme-cad` → `ACME_CAD`.
pub(crate) fn prefix(product: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    product.chars().map(letter).collect()
}
