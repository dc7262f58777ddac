//! A customer's software with a machine and a state folder of its own.

use std::path::PathBuf;
use std::sync::Arc;

use license_client::{Config, Verdict, check, maintain, release};
use license_token::Component;
use lictor::application::ports::Clock;
use serde_json::Value;

use super::support::Harness;
use super::witness::Witness;

pub struct Client {
    pub name: String,
    pub license_key: String,
    config: Config,
    state: PathBuf,
}

impl Client {
    /// Installed, and not activated yet.
    pub fn install(harness: &Harness, name: &str, license_key: &str) -> Self {
        let folder = harness.world.folder.path().join("clients").join(name);
        let keys = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
        let (clock, machine) = (Arc::clone(&harness.world.clock), name.to_owned());
        let components = move || {
            let of = |component: Component| (component, format!("{} of {machine}", component.as_str()));
            [Component::Os, Component::Fw, Component::Brd].map(of).to_vec()
        };
        let config = Config::new("acme-cad", "https://license.acme.example", &keys, &folder)
            .expect("a valid configuration")
            .server(&harness.url)
            .clock(move || clock.now().timestamp())
            .boot_clock(|| license_client::Uptime { boot: "the only start".into(), secs: 0 })
            .environment(|_| None)
            .machine(components);
        let state = folder.join("acme-cad.license.json");
        Self { name: name.to_owned(), license_key: license_key.to_owned(), config, state }
    }

    /// Somebody pastes the license key.
    pub fn paste(&self, witness: &Witness) -> Verdict {
        let verdict = check(&self.config, Some(&self.license_key));
        self.shown(witness, &verdict);
        verdict
    }

    /// What the software does now and then by itself.
    pub fn maintain(&self, witness: &Witness) -> Verdict {
        let verdict = maintain(&self.config);
        self.shown(witness, &verdict);
        verdict
    }

    /// Gives its place back.
    pub fn release(&self) {
        release(&self.config).expect("the place is given back");
    }

    /// The state file, as the next process would find it.
    pub fn state(&self) -> Value {
        let text = std::fs::read_to_string(&self.state).expect("the client keeps its state");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The certificate that it holds.
    pub fn certificate(&self) -> String {
        self.state()["certificate"].as_str().expect("the client is activated").to_owned()
    }

    /// No list was refused as old or as another one of the same number, and no copy is suspected.
    fn shown(&self, witness: &Witness, verdict: &Verdict) {
        let state = self.state();
        if let Some(text) = state["license_key"].as_str() {
            witness.license_key(text);
        }
        if let Some(text) = state["certificate"].as_str() {
            witness.certificate(&self.name, text);
        }
        for list in state["lists"].as_object().into_iter().flat_map(|lists| lists.values()) {
            witness.list(&self.name, list["text"].as_str().expect("a list has a text"));
        }
        // A list that goes back or is forged counts as a failure, like a server that is not there.
        if state["failures"] != 0 {
            witness.fault(format!("{}: an answer was not believed ({verdict:?})", self.name));
        }
        if state["refusal"]["code"] == "clone_suspected" {
            witness.fault(format!("{}: taken for a clone", self.name));
        }
    }
}
