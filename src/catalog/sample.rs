//! `lictor apply --sample PROTOCOL`: a file to start from.

use super::PROTOCOLS;

const HEAD: &str = r#"# A merchant's catalog. Apply it with `lictor apply FILE`; try it first with `--dry-run`.
# Applying creates and changes; what is left out here stays as it is on the server, unless you apply with `--prune`.

[merchant]
id = "acme"                                  # lower-case letters, digits, inner hyphens
name = { zh = "艾克米软件", en = "Acme Software" } # or one string for all readers
issuer = "https://license.acme.example"      # in every license key, for ever: an identity, never fetched
time_zone = "Asia/Shanghai"                  # display only; everything is computed in UTC
locale = "zh-CN"

[[product]]
id = "acme-cad"                              # what your software names when it checks a license
name = "Acme CAD"
# front_end_url = "https://cad.acme.example" # shown to the buyer; default: the customer's page of this server
memo = { zh = "激活码 {claim_code}，下载授权：{portal_url}", en = "Claim code {claim_code}, license at {portal_url}" }

# One [[spec]] for each thing that can be bought. `sku` is the marketplace's skuCode; it may stay "" until the
# product is listed: purchases of an unknown sku are held, not lost.
[[spec]]
id = "cad-month"
product = "acme-cad"
sku = "CAD-MONTH"
name = { zh = "包月", en = "Monthly" }
term = "P1M"                                 # P3D to P180D (trial), P1M, P1Y, permanent, or "order": as the order says
machines = 1                                 # or "unlimited"
entitlements = ["export"]

[[spec]]
id = "cad-pro"
product = "acme-cad"
sku = "CAD-PRO"
name = { zh = "专业版包年", en = "Pro, yearly" }
term = "P1Y"
machines = 3
multiply = "machines"                        # what the order's quantity multiplies: machines | quota | none
entitlements = ["export", "render"]
attributes = { edition = "pro" }             # your own facts, carried in the license key
starts = "purchase"                          # or first-activation | acceptance: pending until then, with a claim code and no license key
# changes_to = ["cad-month"]                 # what changeInstanceCheck agrees to; default: every spec of the product
[spec.offline]
lease_days = 30                              # how long a machine runs without asking
renew_after_days = 7
status = "prefer"                            # an old revocation list: require | prefer | ignore
grace_days = 3
[spec.machine]
binding = "hardware"                         # hardware | device-key | floating | none
when_full = "refuse"                         # refuse | replace-idle

[[spec]]
id = "cad-forever"
product = "acme-cad"
sku = "CAD-FOREVER"
name = { zh = "永久授权", en = "Permanent" }
term = "permanent"
updates = "P1Y"                              # runs for ever; new versions of the first year

[[spec]]
id = "cad-render-pack"
product = "acme-cad"
sku = "CAD-RENDER-1000"
name = { zh = "渲染套餐包", en = "Render package" }
term = "P1Y"
kind = "license"                             # or package: its quota is for a running license of the same customer and product
multiply = "quota"
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 1000                                # in each window; at most 4 decimals
reset = "month"                              # none | hour | day | week | month | year
window = "anniversary"                       # anniversary | calendar
overage = "stop"                             # stop | count
alert_percent = [80, 95]

"#;

const CHANNEL: &str = r#"# One [[channel]] for each production address. Paste into the marketplace's console:
#   <public_url>/marketplace/acme/cad-koogallery
[[channel]]
id = "cad-koogallery"
marketplace = "koogallery"
protocol = "{protocol}"
products = ["acme-cad"]
access_keys = ["env:ACME_KOOGALLERY_KEY"]    # env:NAME or file:PATH of the server; newest first, old ones may stay
open_api = { base_url = "https://mkt.myhuaweicloud.com", access_key = "env:ACME_AK", secret_key = "env:ACME_SK" }
ready = "minted"                             # or "app-info" (SaaS): not ready until you have set the instance's app info
# Pay-per-use: which interface takes your usage (new | old: by product id), when it is billed (hourly | daily), and which
# packages you sell beside it (pay-per-use | stop-before-excess). A key of its own is an access_key whose use is "usage-push".
# usage = { push = "new", billing = "hourly", packages = "pay-per-use" }
"#;

/// Families whose calls carry the order: nothing has to be asked for.
const V1_CHANNEL: &str = r#"# One [[channel]] for each production address. Paste into the marketplace's console:
#   <public_url>/marketplace/acme/cad-koogallery
[[channel]]
id = "cad-koogallery"
marketplace = "koogallery"
protocol = "{protocol}"
products = ["acme-cad"]
# Pay-per-use: with what your usage is pushed, through which interface (new | old: by product id), when it is billed (hourly |
# daily), and which packages you sell beside it (pay-per-use | stop-before-excess).
# open_api = { access_key = "env:ACME_AK", secret_key = "env:ACME_SK" }
# usage = { push = "new", billing = "hourly", packages = "pay-per-use" }
[[channel.access_key]]                       # env:NAME or file:PATH of the server; newest first, old ones may stay
id = "acme-2026"                             # the marketplace's key id
use = "callbacks"                            # callbacks | kit | usage-push: the Kit and usage may have keys of their own
value = "env:ACME_KOOGALLERY_KEY"            # beside it, of an old one: retired = true, which lets nothing in and explains
"#;

const GENERIC_CHANNEL: &str = r#"# One [[channel]] for each production address. Your shop sends Standard Webhooks to:
#   <public_url>/marketplace/acme/cad-shop
[[channel]]
id = "cad-shop"
marketplace = "generic"
protocol = "{protocol}"
products = ["acme-cad"]
access_keys = ["env:ACME_WEBHOOK_SECRET"]    # env:NAME or file:PATH of a `whsec_…`; newest first, old ones may stay
"#;

const TAIL: &str = r#"
# A token for automation. Its text is given to the server by reference, and stored as a digest only.
# [[api_token]]
# name = "ci"                                # the actor in the audit log
# scopes = ["read", "issue"]                 # read keys support issue revoke usage catalog admin
# value = "env:ACME_API_TOKEN"
"#;

/// A commented, valid apply file for a channel of the protocol; `None` when there is no such protocol.
pub fn sample(protocol: &str) -> Option<String> {
    if !PROTOCOLS.contains(&protocol) {
        return None;
    }
    let channel = match protocol {
        "standard-webhooks" => GENERIC_CHANNEL,
        "license-v1" | "saas-v1" => V1_CHANNEL,
        _ => CHANNEL,
    };
    Some(format!("{HEAD}{}{TAIL}", channel.replace("{protocol}", protocol)))
}
