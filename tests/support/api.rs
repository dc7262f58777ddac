//! Calls over real HTTP, as `curl` would make them.

use std::cell::RefCell;

use serde_json::{Value, json};
use ureq::http::{Method, Request, Response};

/// A caller with its credentials.
#[derive(Clone)]
pub struct Api {
    agent: ureq::Agent,
    url: String,
    headers: Vec<(String, String)>,
}

/// A call and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    /// Without its query.
    pub path: String,
    pub answer: Answer,
}

thread_local! {
    /// What this thread was answered, while somebody wants to know.
    static EXCHANGES: RefCell<Option<Vec<Exchange>>> = const { RefCell::new(None) };
}

/// All calls of this thread while `calling`.
pub fn exchanges(calling: impl FnOnce()) -> Vec<Exchange> {
    EXCHANGES.set(Some(Vec::new()));
    calling();
    EXCHANGES.take().unwrap_or_default()
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Api {
    pub fn new(url: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
        Self { agent, url: url.to_owned(), headers: Vec::new() }
    }

    /// A caller that goes nowhere by itself.
    pub fn staying(url: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = agent.max_redirects(0).max_redirects_will_error(false).build().new_agent();
        Self { agent, ..Self::new(url) }
    }

    /// The same caller with one more header.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut api = self.clone();
        api.headers.push((name.to_owned(), value.to_owned()));
        api
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body.to_string().as_bytes())
    }

    /// Reads what may be no text.
    pub fn fetch(&self, path: &str) -> (Answer, Vec<u8>) {
        let mut response = self.answered("GET", path, b"");
        let bytes =
            response.body_mut().with_config().read_to_vec().expect("an answer of some megabytes at most");
        (Answer::of(&response, String::new()), bytes)
    }

    /// Sends exactly these bytes.
    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut response = self.answered(method, path, body);
        let text = response.body_mut().read_to_string().expect("answers are text");
        let answer = Answer::of(&response, text);
        EXCHANGES.with_borrow_mut(|kept| {
            let path = path.split('?').next().unwrap_or(path).to_owned();
            kept.iter_mut().for_each(|kept| {
                kept.push(Exchange { method: method.to_owned(), path: path.clone(), answer: answer.clone() });
            });
        });
        answer
    }

    fn answered(&self, method: &str, path: &str, body: &[u8]) -> Response<ureq::Body> {
        let mut request = Request::builder()
            .method(method.parse::<Method>().expect("a test names real methods"))
            .uri(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let built = "a test builds valid requests";
        let answered = if body.is_empty() {
            self.agent.run(request.body(()).expect(built))
        } else {
            self.agent.run(request.body(body.to_vec()).expect(built))
        };
        answered.expect("the service answers")
    }
}

impl Answer {
    fn of(response: &Response<ureq::Body>, text: String) -> Self {
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let headers = headers.collect();
        Self { status: response.status().as_u16(), headers, text }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// A member by JSON pointer; null when it is not there.
    pub fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    pub fn text_at(&self, pointer: &str) -> String {
        let value = self.at(pointer);
        value.as_str().unwrap_or_else(|| panic!("no text at {pointer}: {self:?}")).to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The answer is this.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.header("request-id").is_some_and(|id| id.starts_with("req_")), "{self:?}");
        self
    }

    /// The answer is a problem of this status and code, in the documented form.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        assert_eq!(answer.at("/code"), json!(code), "{answer:?}");
        assert_eq!(answer.at("/status"), json!(status), "{answer:?}");
        for member in ["/type", "/title", "/reason"] {
            assert!(answer.at(member).as_str().is_some_and(|text| !text.is_empty()), "{member}: {answer:?}");
        }
        assert_eq!(answer.at("/request_id").as_str(), answer.header("request-id"), "{answer:?}");
        answer
    }

    /// The answer without what differs from request to request: what a caller could tell two cases apart by.
    pub fn without_request_id(&self) -> (u16, Vec<(String, String)>, String) {
        let id = self.header("request-id").unwrap_or_default();
        let headers =
            self.headers.iter().filter(|(name, _)| !["request-id", "date"].contains(&name.as_str()));
        (self.status, headers.cloned().collect(), self.text.replace(id, "req_"))
    }
}
