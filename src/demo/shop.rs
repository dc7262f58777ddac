//! What the demo's merchant sells, and the marketplace where it sells it.

use std::sync::Arc;

use secrecy::SecretString;

use super::report::Failure;
use crate::application::ports::Clock;
use crate::clock::SystemClock;
use crate::sandbox::orders::{Basket, Billing, Period};
use crate::sandbox::{OpenApiKeys, Sandbox};

pub const ISSUER: &str = "https://license.acme.example";
pub const PRODUCT: &str = "acme-cad";
/// Secrets of a marketplace and a merchant that live for one run on loopback.
pub const ACCESS_KEY: &str = "demo-access-key";
pub const OPEN_API_KEY: &str = "demo-open-api-key";
pub const OPEN_API_SECRET: &str = "demo-open-api-secret";
pub const API_TOKEN: &str = "lictor_demo-token-of-one-run-on-loopback-only";

/// Starts the stand-in marketplace on a free port.
pub fn open() -> Result<Sandbox, Failure> {
    let failed = |error: std::io::Error| format!("cannot start the sandbox marketplace: {error}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let keys = OpenApiKeys {
        access_key: OPEN_API_KEY.into(),
        secret_key: SecretString::from(OPEN_API_SECRET.to_owned()),
    };
    Sandbox::start(listener, keys, Arc::new(|| SystemClock.now())).map_err(failed)
}

/// One basket per spec: a month, a year, for good, and a year with a quota package.
pub fn baskets() -> Vec<Basket> {
    vec![
        Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))),
        Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))),
        Basket::of("CAD-FOREVER", Billing::OneTime),
        Basket::of("CAD-RENDER", Billing::Period(Period::Years(1))),
    ]
}

/// The merchant's catalog.
pub fn apply_file(sandbox: &Sandbox) -> String {
    format!(
        r#"[merchant]
id = "acme"
name = {{ zh = "艾克米软件", en = "Acme Software" }}
issuer = "{ISSUER}"
time_zone = "Asia/Shanghai"
locale = "en"

[[product]]
id = "{PRODUCT}"
name = "Acme CAD"
memo = {{ zh = "激活码 {{claim_code}}，下载授权：{{portal_url}}", en = "Claim code {{claim_code}}, license at {{portal_url}}" }}

[[spec]]
id = "cad-month"
product = "{PRODUCT}"
sku = "CAD-MONTH"
name = "Monthly"
term = "P1M"

[[spec]]
id = "cad-year"
product = "{PRODUCT}"
sku = "CAD-YEAR"
name = "Yearly"
term = "P1Y"
machines = 3
entitlements = ["export", "render"]

[[spec]]
id = "cad-forever"
product = "{PRODUCT}"
sku = "CAD-FOREVER"
name = "For good"
term = "permanent"

[[spec]]
id = "cad-render"
product = "{PRODUCT}"
sku = "CAD-RENDER"
name = "Yearly with render minutes"
term = "P1Y"
entitlements = ["render"]
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 1000
reset = "month"

[[channel]]
id = "cad-koogallery"
marketplace = "koogallery"
protocol = "saas-v2"
products = ["{PRODUCT}"]
access_keys = ["env:DEMO_ACCESS_KEY"]
open_api = {{ base_url = "{base_url}", access_key = "env:DEMO_OPEN_API_KEY", secret_key = "env:DEMO_OPEN_API_SECRET" }}

[[api_token]]
name = "demo"
scopes = ["admin"]
value = "env:DEMO_API_TOKEN"
"#,
        base_url = sandbox.base_url(),
    )
}
