//! Licenses that merchants upload for an application, checked as the page says.
//!
//! Source: zh-cn_topic_0070649351 (upload), zh-cn_topic_0070649352 (codes).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};

const CHARACTERS_MAX: usize = 1024;

/// What came for each application.
#[derive(Debug, Default)]
pub struct Uploads {
    known: Mutex<BTreeSet<String>>,
    by_event: Mutex<HashMap<String, Vec<Upload>>>,
}

/// A License as a buyer downloads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub is_file: bool,
    pub text: String,
}

impl Uploads {
    /// Somebody applies under this event id.
    pub fn expect(&self, event_id: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(event_id.to_owned());
    }

    /// The application is withdrawn: nothing is taken for it any more.
    pub fn close(&self, event_id: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(event_id);
    }

    /// What was uploaded for an application, in order of arrival.
    pub fn of(&self, event_id: &str) -> Vec<Upload> {
        let uploads = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.get(event_id).cloned().unwrap_or_default()
    }

    /// Takes a multipart body; gives the status and the `error_code`.
    pub fn take(&self, event_id: &str, content_type: &str, body: &[u8]) -> (u16, &'static str) {
        if !self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(event_id) {
            return (200, "91381034");
        }
        match read(content_type, body) {
            Some(upload) => {
                let mut uploads = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
                uploads.entry(event_id.to_owned()).or_default().push(upload);
                (200, "CBC.0000")
            }
            None => (400, "CBC.0101"),
        }
    }
}

/// One part of a form: its name, its file name, its content.
struct Part {
    name: String,
    file_name: Option<String>,
    content: String,
}

fn read(content_type: &str, body: &[u8]) -> Option<Upload> {
    let boundary = content_type.strip_prefix("multipart/form-data")?.split("boundary=").nth(1)?;
    let parts = parts(boundary.trim_matches('"'), std::str::from_utf8(body).ok()?)?;
    let request = parts.iter().find(|part| part.name == "isvUpdateFileReq")?;
    let request: Value = serde_json::from_str(&request.content).ok()?;
    match request["type"].as_str()? {
        "CHARACTERS" => {
            let text = request["characters"].as_str()?.to_owned();
            let fits = (1..=CHARACTERS_MAX).contains(&text.chars().count());
            fits.then_some(Upload { is_file: false, text })
        }
        "FILE" => {
            let file = parts.into_iter().find(|part| part.name == "file")?;
            let digest: String =
                Sha256::digest(&file.content).iter().map(|byte| format!("{byte:02x}")).collect();
            let named =
                file.file_name.as_deref() == request["file_name"].as_str() && file.file_name.is_some();
            let fits = named && request["sha256"].as_str() == Some(&digest);
            fits.then_some(Upload { is_file: true, text: file.content })
        }
        _ => None,
    }
}

fn parts(boundary: &str, body: &str) -> Option<Vec<Part>> {
    let body = body.strip_suffix(&format!("--{boundary}--\r\n"))?;
    let delimiter = format!("--{boundary}\r\n");
    body.split(&delimiter).filter(|piece| !piece.is_empty()).map(part).collect()
}

fn part(piece: &str) -> Option<Part> {
    let (head, content) = piece.strip_suffix("\r\n")?.split_once("\r\n\r\n")?;
    let disposition = head.lines().find_map(|line| line.strip_prefix("Content-Disposition: form-data; "))?;
    let member = |name: &str| {
        let prefix = format!("{name}=\"");
        let found = disposition.split("; ").find_map(|member| member.strip_prefix(&prefix));
        found.map(|value| value.trim_end_matches('"').to_owned())
    };
    Some(Part { name: member("name")?, file_name: member("filename"), content: content.to_owned() })
}
