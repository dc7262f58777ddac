//! The customer's software of the demo: this binary again, as `lictor client-example`, with a folder of its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::report::Failure;
use crate::config::own_program;

/// The software on the customer's machine.
pub struct Client {
    pub server: String,
    pub issuer: String,
    pub product: String,
    /// The JWK Set that the software was built with.
    pub keys_file: PathBuf,
    /// What it keeps between starts.
    pub state_dir: PathBuf,
}

/// How one start of the software ended.
pub struct Started {
    /// Whether it would have run.
    pub runs: bool,
    /// What it printed.
    pub verdict: Value,
}

impl Started {
    /// The verdict's word.
    pub fn word(&self) -> &str {
        self.verdict["verdict"].as_str().unwrap_or("?")
    }
}

impl Client {
    /// Starts it once with more arguments.
    pub fn start(&self, more: &[&str]) -> Result<Started, Failure> {
        let program = own_program().map_err(|error| format!("cannot find this program: {error}"))?;
        let output = Command::new(program)
            .arg("client-example")
            .args(["--server", &self.server, "--issuer", &self.issuer, "--product", &self.product, "--json"])
            .arg("--keys")
            .arg(&self.keys_file)
            .arg("--state")
            .arg(&self.state_dir)
            .args(more)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot start the client: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let verdict = serde_json::from_str(text.trim()).map_err(|_| {
            format!("the client printed no verdict: {text}{}", String::from_utf8_lossy(&output.stderr))
        })?;
        Ok(Started { runs: output.status.success(), verdict })
    }

    /// The activation id and the certificate that it keeps.
    pub fn kept(&self) -> Result<(String, String), Failure> {
        let unreadable = |error: std::io::Error| format!("cannot read the client's folder: {error}");
        for entry in std::fs::read_dir(&self.state_dir).map_err(unreadable)? {
            let text = std::fs::read_to_string(entry.map_err(unreadable)?.path()).unwrap_or_default();
            let state: Value = serde_json::from_str(&text).unwrap_or_default();
            if let (Some(id), Some(certificate)) =
                (state["activation_id"].as_str(), state["certificate"].as_str())
            {
                return Ok((id.to_owned(), certificate.to_owned()));
            }
        }
        Err("the client keeps no certificate".into())
    }
}
