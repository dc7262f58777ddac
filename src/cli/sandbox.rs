//! `lictor sandbox …`

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::sandbox_chaos::ChaosArgs;
use super::{Common, Failure, Output, Table};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::config::SecretResolver;
use crate::domain::{SecretRef, Term};
use crate::sandbox::address::AddressKeys;
use crate::sandbox::caller::{CallAnswer, CallError};
use crate::sandbox::chaos::StormTarget;
use crate::sandbox::family::Family;
use crate::sandbox::orders::{Basket, Billing, Period};
use crate::sandbox::{OpenApiKeys, Sale, Sandbox as Marketplace, Shop, Step};

/// How often a call that is answered "not ready" is repeated, and after how long.
const REPEATS_MAX: u32 = 25;
const BETWEEN_REPEATS: Duration = Duration::from_millis(400);

/// A stand-in marketplace.
#[derive(Debug, Subcommand)]
pub enum Sandbox {
    /// Serve it: answers order queries, and buys at a production address with real signatures.
    Serve(Box<Serve>),
    /// Judge any production address as the marketplace would: prints every rule, its source and what broke it.
    Judge(Box<super::sandbox_judge::Judge>),
}

/// What it serves, and what it buys.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where it answers: address and port. Name it as `open_api.base_url` of the channel.
    #[arg(long, default_value = "127.0.0.1:9080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The channel's open_api access key: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref)]
    open_api_access_key: SecretRef,
    /// The channel's open_api secret key: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref)]
    open_api_secret_key: SecretRef,
    /// The production address to buy at: …/marketplace/MERCHANT/CHANNEL.
    #[arg(long, value_name = "URL", requires = "access_key")]
    target: Option<String>,
    /// The channel's access key, which signs the calls: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref, requires = "target")]
    access_key: Option<SecretRef>,
    /// Buy this: SKU=TERM, such as CAD-PRO=P1Y, CAD-FOREVER=permanent, SMS=on-demand (pay-per-use) or SMS-PACK=package; may
    /// be given several times.
    #[arg(long, value_name = "SKU=TERM", value_parser = basket, requires = "target")]
    buy: Vec<Basket>,
    /// The family that the production address speaks; kit-v1 and kit-v2 lie below the address of any.
    #[arg(long, default_value = "saas-v2", value_name = "PROTOCOL", value_parser = family, requires = "target")]
    protocol: Family,
    /// The Kit's own access key, where it has one: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref, requires = "target")]
    kit_access_key: Option<SecretRef>,
    /// Stop after buying instead of serving on.
    #[arg(long, requires = "buy")]
    once: bool,
    #[command(flatten)]
    chaos: ChaosArgs,
}

pub fn secret_ref(text: &str) -> Result<SecretRef, String> {
    SecretRef::parse(text).ok_or_else(|| "write env:NAME or file:PATH, never the secret itself".to_owned())
}

pub(super) fn basket(text: &str) -> Result<Basket, String> {
    let (sku, term) = text.rsplit_once('=').ok_or("write SKU=TERM, such as CAD-PRO=P1Y")?;
    let metered = match term {
        "on-demand" => Some(Billing::OnDemand),
        "package" => Some(Billing::OnDemandPackage),
        _ => None,
    };
    if let Some(billing) = metered {
        return Ok(Basket::of(sku, billing));
    }
    let billing = match Term::parse(term).map_err(|error| error.to_string())? {
        Term::Days(count) => Billing::Period(Period::Days(count)),
        Term::Months(count) => Billing::Period(Period::Months(count)),
        Term::Years(count) => Billing::Period(Period::Years(count)),
        Term::Permanent => Billing::OneTime,
    };
    Ok(Basket::of(sku, billing))
}

fn family(text: &str) -> Result<Family, String> {
    let known = || Family::ALL.map(Family::name).join(", ");
    Family::named(text).ok_or_else(|| format!("write one of {}", known()))
}

impl Sandbox {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Serve(serve) => serve.run(common.output()),
            Self::Judge(judge) => judge.run(common.output()),
        }
    }
}

impl Serve {
    fn run(self, output: Output) -> Result<(), Failure> {
        let secrets = SecretResolver::of_process();
        let secret = |of: &SecretRef| secrets.resolve(of).map_err(|error| Failure::Usage(error.to_string()));
        let access_key = secrecy::ExposeSecret::expose_secret(&secret(&self.open_api_access_key)?).to_owned();
        let keys = OpenApiKeys { access_key, secret_key: secret(&self.open_api_secret_key)? };
        let failed =
            |error: std::io::Error| Failure::Refused(format!("cannot serve at {}: {error}", self.listen));
        let listener = TcpListener::bind(self.listen).map_err(failed)?;
        let marketplace =
            Marketplace::start(listener, keys, Arc::new(|| SystemClock.now())).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(failed)?;
        output.note(&format!("the sandbox marketplace listens on {}", marketplace.base_url()));
        if let (Some(target), Some(key)) = (&self.target, &self.access_key) {
            let kit = self.kit_access_key.as_ref().map(secret).transpose()?;
            let keys = AddressKeys { callbacks: secret(key)?, kit };
            if self.chaos.chaos {
                let next = self.chaos.next_access_key.as_ref().map(secret).transpose()?;
                let next_kit = self.chaos.next_kit_access_key.as_ref().map(secret).transpose()?;
                let kit = next_kit.or_else(|| keys.kit.clone());
                let next = next.map(|callbacks| AddressKeys { callbacks, kit });
                let target = StormTarget {
                    family: self.protocol,
                    production_address: target.clone(),
                    keys,
                    next_keys: next,
                };
                return self.chaos.run(&marketplace, target, self.buy, &runtime, output);
            }
            if self.protocol.is_kit() && !self.buy.is_empty() {
                let words = "the Kit sells nothing: leave --buy out, or name the protocol of the orders";
                return Err(Failure::Usage(words.to_owned()));
            }
            let shop = marketplace.shop(self.protocol, target, keys);
            let bought: Vec<Value> =
                self.buy.into_iter().map(|basket| buy(&shop, basket, &runtime)).collect::<Result<_, _>>()?;
            if !bought.is_empty() {
                output.answer(&json!({ "purchases": bought }), purchases);
            }
            match unsold(&bought) {
                Some(reason) if self.once => return Err(Failure::Refused(reason)),
                Some(reason) => output.note(&reason),
                None => (),
            }
        }
        if !self.once {
            runtime.block_on(super::stop_signal()).map_err(failed)?;
        }
        Ok(())
    }
}

/// Buys, and asks again while the service is not ready, as the marketplace does.
fn buy(shop: &Shop, basket: Basket, runtime: &Runtime) -> Result<Value, Failure> {
    let failed = |error: CallError| Failure::Unreachable(format!("the call failed: {error}"));
    let (mut sale, mut answer) = shop.buy(basket).map_err(failed)?;
    for _ in 0..REPEATS_MAX {
        if answer.result_code() != "000004" {
            break;
        }
        // The timer is made inside the runtime: it belongs to it.
        runtime.block_on(async { tokio::time::sleep(BETWEEN_REPEATS).await });
        answer = shop.take(&mut sale, &Step::Buy).map_err(failed)?;
    }
    Ok(json!({
        "sku": sale.order.basket.sku,
        "order_id": sale.order.order_id,
        "order_line_id": sale.order.order_line_id,
        "status": answer.status,
        "result_code": answer.result_code(),
        "instance_id": sale.instance,
        "memo": shown_to_the_buyer(shop, &mut sale, &answer)?,
    }))
}

/// The memo of an instance; the license where the answer brings it; the code where the marketplace makes it.
fn shown_to_the_buyer(shop: &Shop, sale: &mut Sale, answer: &CallAnswer) -> Result<Option<String>, Failure> {
    match shop.family() {
        Family::LicenseV1 => Ok(Some(answer.text("license").to_owned()).filter(|text| !text.is_empty())),
        Family::LicenseCode => Ok(Some(sale.instance.clone())),
        Family::SaasV2 | Family::LicenseOnline | Family::SaasV1 | Family::KitV1 | Family::KitV2 => {
            let failed = |error: CallError| Failure::Unreachable(format!("the call failed: {error}"));
            let shown = shop.take(sale, &Step::Query).map_err(failed)?;
            Ok(shown.app_info(&sale.instance).and_then(|info| info["memo"].as_str()).map(str::to_owned))
        }
    }
}

/// What was not sold, and what to look at. 000004 is no refusal: the purchase is kept and waits.
fn unsold(purchases: &[Value]) -> Option<String> {
    let told = purchases.iter().filter_map(|purchase| {
        let sku = purchase["sku"].as_str().unwrap_or_default();
        match purchase["result_code"].as_str().unwrap_or_default() {
            "000000" => None,
            "000004" => Some(format!(
                "{sku}: still in progress: does a spec name this SKU, and does the order query reach this \
                 sandbox? The log of the server tells"
            )),
            "000001" => Some(format!("{sku}: the signature was refused: is --access-key the channel's?")),
            "" => Some(format!(
                "{sku}: status {} instead of an answer: is --target …/marketplace/MERCHANT/CHANNEL of a \
                 channel that was applied?",
                purchase["status"]
            )),
            code => Some(format!("{sku}: refused with {code}: the log of the server tells why")),
        }
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join("\n"))
}

fn purchases(answer: &Value) -> String {
    let columns = [
        ("SKU", "sku"),
        ("ORDER", "order_id"),
        ("ANSWER", "result_code"),
        ("INSTANCE", "instance_id"),
        ("SHOWN TO THE BUYER", "memo"),
    ];
    Table::of_items(&answer["purchases"], &columns).render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purchase_that_was_not_answered_well_is_told() {
        let bought = |code: &str| json!({ "sku": "CAD-PRO", "status": 404, "result_code": code });
        let told = |codes: &[&str]| unsold(&codes.iter().map(|code| bought(code)).collect::<Vec<_>>());
        assert_eq!(told(&["000000", "000000"]), None);
        assert!(told(&["000000", ""]).is_some_and(|text| text.contains("status 404")));
        for code in ["000001", "000002", "000004", "000005"] {
            assert!(told(&[code]).is_some_and(|text| text.starts_with("CAD-PRO: ")), "{code}");
        }
    }

    #[test]
    fn what_is_bought_is_a_sku_and_a_term() {
        let billing = |text: &str| basket(text).map(|basket| (basket.sku, basket.billing));
        assert_eq!(billing("CAD-PRO=P1Y"), Ok(("CAD-PRO".to_owned(), Billing::Period(Period::Years(1)))));
        assert_eq!(billing("A=B=P14D"), Ok(("A=B".to_owned(), Billing::Period(Period::Days(14)))));
        assert_eq!(billing("CAD-FOREVER=permanent"), Ok(("CAD-FOREVER".to_owned(), Billing::OneTime)));
        assert_eq!(billing("SMS=on-demand"), Ok(("SMS".to_owned(), Billing::OnDemand)));
        assert_eq!(billing("SMS-PACK=package"), Ok(("SMS-PACK".to_owned(), Billing::OnDemandPackage)));
        assert!(billing("CAD-PRO").is_err() && billing("CAD-PRO=1Y").is_err());
    }
}
