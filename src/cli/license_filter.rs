//! Which licenses a command is about.

use clap::Args;

/// Filters; all that are given must fit.
#[derive(Debug, Clone, Args)]
pub struct LicenseFilter {
    /// What you have: the beginning of an order, instance, customer, label or machine name; the last 8 characters of a
    /// license key; a whole license key, claim code or authorization code, also an old one; a license id.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    q: Option<String>,
    /// Of this order.
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    order_id: Option<String>,
    /// Of this instance of the marketplace.
    #[arg(long, value_name = "INSTANCE", allow_hyphen_values = true)]
    instance_id: Option<String>,
    /// In this state: revoked, released, suspended, expired, pending or active.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Of this product.
    #[arg(long, value_name = "PRODUCT")]
    product: Option<String>,
    /// Of this spec.
    #[arg(long, value_name = "SPEC")]
    spec: Option<String>,
    /// Of this SKU.
    #[arg(long, value_name = "SKU", allow_hyphen_values = true)]
    sku: Option<String>,
    /// Of this customer.
    #[arg(long, value_name = "CUSTOMER", allow_hyphen_values = true)]
    customer: Option<String>,
    /// Of this environment: live or test.
    #[arg(long, value_name = "ENV")]
    env: Option<String>,
    /// Those that end before this instant (RFC 3339, UTC), and not at it.
    #[arg(long, value_name = "INSTANT")]
    ends_before: Option<String>,
    /// Those that end at this instant or later; permanent ones have no end.
    #[arg(long, value_name = "INSTANT")]
    ends_after: Option<String>,
}

impl LicenseFilter {
    /// As parameters of a query.
    pub fn parameters(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("q", self.q.clone()),
            ("order_id", self.order_id.clone()),
            ("instance_id", self.instance_id.clone()),
            ("state", self.state.clone()),
            ("product", self.product.clone()),
            ("spec", self.spec.clone()),
            ("sku", self.sku.clone()),
            ("customer", self.customer.clone()),
            ("env", self.env.clone()),
            ("ends_before", self.ends_before.clone()),
            ("ends_after", self.ends_after.clone()),
        ]
    }
}
