//! What the server says when it says no: `application/problem+json` (RFC 9457).

use std::fmt;

use serde_json::{Value, json};

use super::output::printable;

/// The server's answer to a request that it did not do.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: u16,
    body: Value,
}

impl Problem {
    /// Reads an answer. One that is no problem document comes from something else than this service.
    pub fn read(status: u16, body: &str) -> Self {
        let body = serde_json::from_str(body).ok().filter(|body: &Value| body.get("code").is_some());
        let body = body.unwrap_or_else(|| {
            json!({
                "code": "unexpected_answer",
                "status": status,
                "reason": format!("the server answered with status {status} and no problem document"),
            })
        });
        Self { status, body }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }

    /// Whether it may work later: the service, or what stands before it, cannot answer now.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.status, 502..=504)
    }

    /// Whether every other request of this caller would be answered alike.
    pub fn is_about_the_caller(&self) -> bool {
        matches!(self.status, 401 | 403 | 429)
    }

    /// The document as received.
    pub fn to_json(&self) -> Value {
        self.body.clone()
    }

    /// A member as text.
    fn text(&self, name: &str) -> Option<String> {
        self.body.get(name).and_then(Value::as_str).map(printable).filter(|text| !text.is_empty())
    }

    /// Whether the server misses the merchant: it names the header, which here is a flag.
    fn names_merchant_header(&self) -> bool {
        self.text("reason").is_some_and(|reason| reason.contains("Lictor-Merchant"))
    }

    /// What the reader does next, in words.
    fn next_step(&self) -> Option<String> {
        let by_code = match self.code() {
            "token_refused" => {
                Some("set LICTOR_TOKEN, or --token-file FILE; the first start wrote data/operator-token")
            }
            "scope_missing" => Some("use a token with that scope: lictor api-token create NAME --scope …"),
            "revision_conflict" => Some("look at it again, then repeat the command"),
            "idempotency_conflict" => Some("use another --idempotency-key"),
            "unexpected_answer" => Some("check that LICTOR_URL or --url names the lictor service"),
            "invalid_request" if self.names_merchant_header() => {
                Some("name the merchant with --merchant or LICTOR_MERCHANT")
            }
            "unavailable" | "outcome_unknown" | "rate_limited" => Some("try again in a while"),
            _ => None,
        };
        let by_action = || {
            Some(
                match self.body.get("next_action").and_then(Value::as_str)? {
                    "paste_current_key" => "use the current license key",
                    "renew" => "renew the license at the marketplace",
                    "release_a_machine" => "release a machine first",
                    "set_clock" => "set the clock of the machine",
                    "go_online" => "let the machine go online once",
                    "contact_seller" => "ask the seller",
                    "retry" => "try again in a while",
                    other => return Some(printable(other)),
                }
                .to_owned(),
            )
        };
        by_code.map(str::to_owned).or_else(by_action)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.text("reason").or_else(|| self.text("detail")).or_else(|| self.text("title"));
        write!(
            f,
            "{}: {}",
            printable(self.code()),
            reason.unwrap_or_else(|| format!("status {}", self.status))
        )?;
        if let Some(pointer) = self.text("pointer") {
            write!(f, " (at {pointer})")?;
        }
        for mistake in self.body.get("mistakes").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| printable(mistake[name].as_str().unwrap_or(""));
            let pointer = Some(text("pointer")).filter(|pointer| !pointer.is_empty());
            let pointer = pointer.map(|pointer| format!("{pointer}: ")).unwrap_or_default();
            write!(f, "\n  line {}: {pointer}{}", mistake["line"], text("message"))?;
        }
        if let Some(secs) = self.body.get("retry_after_secs").and_then(Value::as_u64) {
            write!(f, "\nretry after: {secs} s")?;
        }
        if let Some(next) = self.next_step() {
            write!(f, "\nnext: {next}")?;
        }
        match self.text("request_id") {
            Some(id) => write!(f, "\nrequest: {id}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_code_its_reason_and_the_next_step() {
        let body = r#"{"code":"license_expired","reason":"the license has expired","next_action":"renew"}"#;
        let told = Problem::read(403, body).to_string();
        assert_eq!(
            told,
            "license_expired: the license has expired\nnext: renew the license at the marketplace"
        );
        let body =
            r#"{"code":"invalid_request","reason":"Name the merchant by the header Lictor-Merchant."}"#;
        assert!(Problem::read(422, body).to_string().contains("\nnext: name the merchant with --merchant"));
        let body = r#"{"code":"invalid_request","reason":"must be a term","pointer":"/term"}"#;
        assert_eq!(Problem::read(422, body).to_string(), "invalid_request: must be a term (at /term)");
    }

    #[test]
    fn the_mistakes_of_an_apply_file_are_listed_by_line() {
        let body = r#"{"code":"invalid_request","reason":"2 mistakes","mistakes":[
            {"line":3,"pointer":"/merchant/id","message":"must be a slug"},
            {"line":9,"pointer":"/spec/0/term","message":"must be a term"},
            {"line":12,"pointer":"","message":"not valid TOML"}]}"#;
        let told = Problem::read(422, body).to_string();
        assert!(told.ends_with(
            "\n  line 3: /merchant/id: must be a slug\n  line 9: /spec/0/term: must be a term\
                 \n  line 12: not valid TOML"
        ));
    }

    #[test]
    fn what_is_no_problem_document_is_told_as_such_and_cannot_steer_the_terminal() {
        let told = Problem::read(404, "<html>").to_string();
        assert!(told.starts_with("unexpected_answer: ") && told.contains("LICTOR_URL"), "{told}");
        let told = Problem::read(403, "{\"code\":\"x\\u001b[2J\",\"reason\":\"\\u0007\"}").to_string();
        assert!(!told.contains(char::is_control), "{told:?}");
    }
}
