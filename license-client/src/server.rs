//! Calls to the license server. Blocking, bounded in time and size.

use std::collections::BTreeMap;
use std::time::Duration;

use license_token::Machine;
use license_token::token::{KEY_SET_TOKEN_MAX_BYTES, STATUS_LIST_TOKEN_MAX_BYTES};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::http::{Response, StatusCode, header};

use crate::Config;

const ANSWER_MAX_BYTES: u64 = 64 * 1024;

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No answer, an answer that cannot be read, or "try again later".
    Unreachable,
    /// The server says no, by this code.
    Refused(String),
}

/// `machine` of a request: its components, or what its own key has signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MachineBody {
    Components(BTreeMap<&'static str, String>),
    Request(String),
}

/// What a machine with a key of its own sends besides.
#[derive(Debug, Default, Serialize)]
pub(crate) struct DeviceBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quota: Vec<AskBody>,
}

/// How much of a metric it wants to hold.
#[derive(Debug, Serialize)]
pub(crate) struct AskBody {
    pub metric: String,
    /// As text, so that nobody rounds it.
    pub amount: String,
}

#[derive(Serialize)]
struct ActivateBody<'a> {
    license_key: &'a str,
    machine: MachineBody,
    name: &'a str,
    nonce: &'a str,
    #[serde(flatten)]
    device: DeviceBody,
}

#[derive(Serialize)]
struct RenewBody<'a> {
    certificate: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<MachineBody>,
    nonce: &'a str,
    #[serde(flatten)]
    device: DeviceBody,
}

#[derive(Serialize)]
struct ReleaseBody<'a> {
    certificate: &'a str,
    #[serde(flatten)]
    device: DeviceBody,
}

impl From<&Machine> for MachineBody {
    fn from(machine: &Machine) -> Self {
        let entries = machine.components.iter();
        Self::Components(entries.map(|(name, commitment)| (name.as_str(), commitment.to_text())).collect())
    }
}

/// Answer to an activation and to a renewal. Members that are not needed are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Activated {
    pub activation_id: String,
    pub certificate: String,
    pub license_key: String,
}

/// Answer to a claim: the key, or when to ask again.
#[derive(Debug, Deserialize)]
pub(crate) struct Claimed {
    pub license_key: Option<String>,
    pub retry_after_secs: Option<i64>,
}

/// A status list or key set as published.
pub(crate) struct Published {
    pub text: String,
    pub etag: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

pub(crate) struct Server {
    base: String,
    time_limit: Duration,
}

impl Server {
    /// `None` when the configuration names no server.
    pub fn of(config: &Config) -> Option<Self> {
        Some(Self { base: config.server.clone()?, time_limit: config.time_limit })
    }

    pub fn claim(&self, code: &str, product: &str) -> Result<Claimed, Failure> {
        self.post("/v1/claims", &serde_json::json!({ "claim_code": code, "product": product }))
    }

    pub fn activate(
        &self,
        license_key: &str,
        machine: MachineBody,
        name: &str,
        nonce: &str,
        device: DeviceBody,
    ) -> Result<Activated, Failure> {
        self.post("/v1/activations", &ActivateBody { license_key, machine, name, nonce, device })
    }

    /// With a claim code in the place of a license key: for a license that begins with its first activation.
    pub fn activate_by_code(
        &self,
        code: &str,
        machine: &Machine,
        name: &str,
        nonce: &str,
    ) -> Result<Activated, Failure> {
        let machine = MachineBody::from(machine);
        let body =
            serde_json::json!({ "claim_code": code, "machine": machine, "name": name, "nonce": nonce });
        self.post("/v1/activations", &body)
    }

    pub fn renew(
        &self,
        id: &str,
        certificate: &str,
        machine: &Machine,
        nonce: &str,
        device: DeviceBody,
    ) -> Result<Activated, Failure> {
        let machine = (!machine.components.is_empty()).then(|| MachineBody::from(machine));
        let body = RenewBody { certificate, machine, nonce, device };
        self.post(&format!("/v1/activations/{id}/renew"), &body)
    }

    pub fn release(&self, id: &str, certificate: &str, device: DeviceBody) -> Result<(), Failure> {
        let body = ReleaseBody { certificate, device };
        self.send(&format!("/v1/activations/{id}/release"), &body).map(drop)
    }

    /// `None` when the list is still the one of `etag`; refused when the server answers that there is no such list. The
    /// address comes out of a signed token.
    pub fn status_list(&self, address: &str, etag: Option<&str>) -> Result<Option<Published>, Failure> {
        let mut request =
            self.agent(address).get(address).header(header::ACCEPT, "application/statuslist+jwt");
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let response = request.call().map_err(|_unreachable| Failure::Unreachable)?;
        if response.status() == StatusCode::NOT_MODIFIED && etag.is_some() {
            return Ok(None);
        }
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(Failure::Refused("not_found".to_owned())),
            _ => return Err(Failure::Unreachable),
        }
        let etag =
            response.headers().get(header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let limit = u64::try_from(STATUS_LIST_TOKEN_MAX_BYTES).unwrap_or(u64::MAX);
        let text = body(response, limit)?;
        Ok(Some(Published { text: text.trim().to_owned(), etag }))
    }

    /// `None` when it is still the one of `etag`; refused when the server has none.
    pub fn key_set(&self, issuer: &str, etag: Option<&str>) -> Result<Option<Published>, Failure> {
        let address = format!("{}/v1/keysets", self.base);
        let mut request = self.agent(&address).get(&address).query("issuer", issuer);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let response = request.call().map_err(|_unreachable| Failure::Unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(None),
            // A server of an earlier version has none either.
            StatusCode::NOT_FOUND => return Err(Failure::Refused("not_found".to_owned())),
            _ => return Err(Failure::Unreachable),
        }
        let etag =
            response.headers().get(header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let limit = u64::try_from(KEY_SET_TOKEN_MAX_BYTES).unwrap_or(u64::MAX);
        let text = body(response, limit)?;
        Ok(Some(Published { text: text.trim().to_owned(), etag }))
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let answer = self.send(path, body)?;
        serde_json::from_str(&answer).map_err(|_unreadable| Failure::Unreachable)
    }

    fn send(&self, path: &str, request: &impl Serialize) -> Result<String, Failure> {
        let address = format!("{}{path}", self.base);
        let json = serde_json::to_string(request).map_err(|_never| Failure::Unreachable)?;
        let call =
            self.agent(&address).post(&address).header(header::CONTENT_TYPE, "application/json").send(&json);
        let response = call.map_err(|_unreachable| Failure::Unreachable)?;
        let status = response.status();
        let answer = body(response, ANSWER_MAX_BYTES)?;
        if status.is_success() {
            return Ok(answer);
        }
        let is_about_the_license = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
        match serde_json::from_str::<Problem>(&answer) {
            Ok(problem) if is_about_the_license => Err(Failure::Refused(problem.code)),
            _ => Err(Failure::Unreachable),
        }
    }

    /// No redirects: a request carries a license key. No proxy for this machine itself.
    fn agent(&self, address: &str) -> Agent {
        let builder = Agent::config_builder()
            .timeout_global(Some(self.time_limit))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("license-client/", env!("CARGO_PKG_VERSION")));
        let is_loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|start| address.starts_with(start));
        let builder = if is_loopback { builder.proxy(None) } else { builder };
        builder.build().new_agent()
    }
}

fn body(response: Response<ureq::Body>, limit: u64) -> Result<String, Failure> {
    let read = response.into_body().into_with_config().limit(limit).read_to_string();
    read.map_err(|_unreadable| Failure::Unreachable)
}
