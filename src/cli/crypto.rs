//! `lictor crypto …`: checks of signatures for integrators. Works on its input alone, without a server.

use std::process::ExitCode;

use clap::Subcommand;
use license_token::key_set::ed25519_verify_strict;
use serde_json::json;

use super::Output;
use super::json_lines::{self, Answer, Members, text};

/// Longest line: a message of 1 MiB in hex, and room for the rest.
const LINE_BYTES_MAX: usize = 2 * 1024 * 1024 + 4 * 1024;

/// Checks on JSON lines from the standard input; for each line one JSON line is answered.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Crypto {
    /// Verify {public_key, message, signature} in hex: answers {valid}, as strictly as every token is verified.
    #[command(name = "ed25519-verify")]
    Ed25519Verify,
}

/// Does it. One line: 0 valid, 1 not. Many lines: 0 when every line was answered.
pub fn run(command: Crypto, output: Output) -> ExitCode {
    match command {
        Crypto::Ed25519Verify => json_lines::run(output, LINE_BYTES_MAX, ed25519_verify),
    }
}

/// A key or a signature of another length is not valid; what is no hex is no question.
fn ed25519_verify(members: &Members) -> Result<Answer, String> {
    let (public, message) = (hex(members, "public_key")?, hex(members, "message")?);
    let signature = hex(members, "signature")?;
    let valid = match (public.try_into(), signature.try_into()) {
        (Ok(public), Ok(signature)) => ed25519_verify_strict(&public, &message, &signature),
        (Err(_), _) | (_, Err(_)) => false,
    };
    Ok(Answer { value: json!({ "valid": valid }), accepted: valid })
}

fn hex(members: &Members, name: &str) -> Result<Vec<u8>, String> {
    let text = text(members, name)?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes = text.as_bytes().chunks(2).map(pair).collect::<Option<Vec<u8>>>();
    bytes.ok_or_else(|| format!("the member `{name}` must be hex: two digits for each byte"))
}
