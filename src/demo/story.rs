//! The steps, in order.

use std::path::Path;
use std::time::{Duration, Instant};

use license_token::UnverifiedToken;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::{Client, Started};
use super::report::{Details, Failure, Report};
use super::server::Server;
use super::shop::{self, API_TOKEN, ISSUER, PRODUCT};
use crate::cli::api::{Api, ApiFailure};
use crate::sandbox::Storefront;
use crate::sandbox::orders::MockOrder;

/// How long a minted license or a published list may take.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A license as the marketplace's buyer and the merchant see it.
struct Sold {
    order: MockOrder,
    claim_code: String,
    license: Value,
}

impl Sold {
    fn text(&self, member: &str) -> String {
        self.license[member].as_str().unwrap_or_default().to_owned()
    }
}

pub fn tell(report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let folder = folder.path();
    let sandbox = shop::open()?;
    std::fs::write(folder.join("apply.toml"), shop::apply_file(&sandbox))
        .map_err(|error| format!("cannot write the apply file: {error}"))?;
    let server = report.step("the server and a sandbox marketplace start on loopback", |details| {
        let server = Server::start(folder, "127.0.0.1:0")?;
        details.add(format!("production address  {}/marketplace/acme/cad-koogallery", server.url));
        Ok(server)
    })?;
    let (url, address) = (server.url.clone(), server.address().to_owned());
    let production_address = format!("{url}/marketplace/acme/cad-koogallery");
    let storefront = sandbox.storefront(&production_address, SecretString::from(shop::ACCESS_KEY.to_owned()));
    let api = Api::new(&url, Some(SecretString::from(API_TOKEN.to_owned())), Some("acme".into()));

    let jwks = api.get("/v1/keysets/acme/jwks.json").map_err(told)?;
    report.fact("jwks", jwks.clone());
    let mut sold = Vec::new();
    for basket in shop::baskets() {
        let name = format!("a signed purchase of {} is received, minted and durable", basket.sku);
        sold.push(report.step(&name, |details| buy(&storefront, &api, basket, details))?);
    }
    report.fact("licenses", sold.iter().map(license_fact).collect());

    let client = client_of(folder, &url, &jwks)?;
    let bought = &sold[1];
    report.step("the customer's software activates with the claim code", |details| {
        let started = client.start(&["--key", &bought.claim_code])?;
        expect_run(&started, details)
    })?;
    let (activation_id, certificate) = client.kept()?;
    report.fact("activation", json!({ "activation_id": activation_id, "certificate": certificate }));

    report.step("the server is stopped", |details| {
        server.stop()?;
        details.add(format!("the process has ended, nobody answers at {address}"));
        Ok(())
    })?;
    let offline = report.step("the software starts again and verifies offline", |details| {
        let started = client.start(&["--offline"])?;
        expect_run(&started, details)?;
        Ok(started)
    })?;
    report.fact("offline_verdict", offline.word().into());

    let server = report.step("the server starts again over the same data", |details| {
        let server = Server::start(folder, &address)?;
        let again =
            api.get(&format!("/v1/merchant/licenses/{}?reveal=true", bought.text("id"))).map_err(told)?;
        if again["license_key"] != bought.license["license_key"] {
            return Err("the license key is another one after the restart".into());
        }
        details.add("the license key is the same, byte for byte");
        Ok(server)
    })?;
    report.step("the merchant revokes the license", |details| {
        let path = format!("/v1/merchant/licenses/{}/revoke", bought.text("id"));
        let revoked = api.post(&path, &json!({ "reason": "demo" })).map_err(told)?;
        details.add(format!("{} is {}", bought.text("id"), revoked["state"].as_str().unwrap_or("?")));
        Ok(())
    })?;
    let refused = report.step("the software refuses once it has the new status list", |details| {
        let refused = wait_until(|| {
            let started = client.start(&["--maintain"])?;
            Ok((!started.runs).then_some(started))
        })?;
        details.add(verdict_line(&refused));
        if refused.word() == "revoked" { Ok(refused) } else { Err("the verdict is not `revoked`".into()) }
    })?;
    report.fact("verdict_after_revocation", refused.word().into());
    server.stop()
}

/// Buys as a customer would: the marketplace calls, asks again, and shows the buyer what it was told.
fn buy(
    storefront: &Storefront,
    api: &Api,
    basket: crate::sandbox::orders::Basket,
    details: &mut Details,
) -> Result<Sold, Failure> {
    let failed = |error: crate::sandbox::caller::CallError| format!("the marketplace's call failed: {error}");
    let purchase = storefront.buy(basket).map_err(failed)?;
    let first_code = purchase.answer.result_code().to_owned();
    let instance = purchase.answer.instance_id().to_owned();
    wait_until(|| {
        let again = storefront.deliver(&purchase.order).map_err(failed)?;
        if again.instance_id() != instance {
            return Err("a repeated call got another instance id".into());
        }
        Ok((again.result_code() == "000000").then_some(()))
    })?;
    let shown = storefront.query(&[&instance]).map_err(failed)?;
    let memo =
        shown.app_info(&instance).and_then(|info| info["memo"].as_str()).unwrap_or_default().to_owned();
    let is_code = |word: &&str| word.len() == 29 && word.split('-').count() == 5;
    let claim_code =
        memo.split([' ', ',', ',']).find(is_code).ok_or("the memo shows no claim code")?.to_owned();
    let found = api.get(&format!("/v1/merchant/licenses?instance_id={instance}")).map_err(told)?;
    let id = found["items"][0]["id"].as_str().ok_or("the merchant does not see the license")?.to_owned();
    let license = api.get(&format!("/v1/merchant/licenses/{id}?reveal=true")).map_err(told)?;
    let key = license["license_key"].as_str().ok_or("the license has no key")?.to_owned();
    details.add(format!("order {}  newInstance answered {first_code}, then 000000", purchase.order.order_id));
    details.add(format!("claim code {claim_code}"));
    details.add(format!("license key ({} characters) {key}", key.len()));
    details.add(format!("encodes {}", encoded(&key)?));
    Ok(Sold { order: purchase.order, claim_code, license })
}

/// What a license key says, for people.
fn encoded(key: &str) -> Result<String, Failure> {
    let token =
        UnverifiedToken::parse(key).map_err(|refusal| format!("the license key is malformed: {refusal}"))?;
    let claims: Value = serde_json::from_str(&token.inspect().claims.to_string())
        .map_err(|error| format!("the license key is malformed: {error}"))?;
    let lic = &claims["lic"];
    let instant = |claim: &Value| {
        let seconds = claim.as_i64().unwrap_or_default();
        chrono::DateTime::from_timestamp(seconds, 0)
            .unwrap_or_default()
            .format("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    };
    let end = if claims["exp"].is_null() {
        "for ever".to_owned()
    } else {
        format!("to {}", instant(&claims["exp"]))
    };
    let mut line = format!(
        "spec {}, term {}, from {} {end}, machines {}",
        lic["spec"]["sku"].as_str().unwrap_or("?"),
        lic["term"].as_str().unwrap_or("?"),
        instant(&claims["nbf"]),
        lic["machines"],
    );
    for package in lic["quota"].as_array().into_iter().flatten() {
        let total = if package["total"].is_null() {
            "no total".to_owned()
        } else {
            format!("{} in all", package["total"])
        };
        line += &format!(
            ", {} {} {} per {}, {total}",
            package["amount"],
            package["unit"].as_str().unwrap_or("?"),
            package["metric"].as_str().unwrap_or("?"),
            package["reset"].as_str().unwrap_or("?"),
        );
    }
    Ok(line)
}

fn license_fact(sold: &Sold) -> Value {
    json!({
        "order_id": sold.order.order_id,
        "order_line_id": sold.order.order_line_id,
        "sku": sold.license["sku"],
        "term": sold.license["term"],
        "claim_code": sold.claim_code,
        "license_key": sold.license["license_key"],
    })
}

fn client_of(folder: &Path, url: &str, jwks: &Value) -> Result<Client, Failure> {
    let keys_file = folder.join("jwks.json");
    std::fs::write(&keys_file, jwks.to_string())
        .map_err(|error| format!("cannot write the key set: {error}"))?;
    Ok(Client {
        server: url.to_owned(),
        issuer: ISSUER.to_owned(),
        product: PRODUCT.to_owned(),
        keys_file,
        state_dir: folder.join("customer"),
    })
}

fn expect_run(started: &Started, details: &mut Details) -> Result<(), Failure> {
    details.add(verdict_line(started));
    if started.runs && started.word() == "valid" { Ok(()) } else { Err("the software does not run".into()) }
}

fn verdict_line(started: &Started) -> String {
    format!("verdict {}: {}", started.word(), started.verdict["reason"].as_str().unwrap_or_default())
}

fn told(failure: ApiFailure) -> Failure {
    format!("the merchant API refused: {failure}")
}

/// Looks again until there is something to see.
fn wait_until<T>(mut look: impl FnMut() -> Result<Option<T>, Failure>) -> Result<T, Failure> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the marketplace asks again after a while; so does the demo"
        )]
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Err("it took too long".into())
}
