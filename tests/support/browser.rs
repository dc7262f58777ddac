//! A browser without JavaScript: keeps cookies as one does, says where a form comes from, follows nothing by itself.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::api::{Answer, Api};

/// One browser, at one server.
pub struct Browser {
    api: Api,
    /// As the address line has it: scheme and host.
    origin: String,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl Browser {
    /// Reads English, on the server's own machine.
    pub fn at(url: &str) -> Self {
        let api = Api::staying(url).with("Accept-Language", "en");
        Self { api, origin: url.to_owned(), cookies: RefCell::default() }
    }

    /// The same server behind an address of its own, reached over HTTPS at a proxy.
    pub fn behind(url: &str, origin: &str) -> Self {
        let browser = Self::at(url);
        let host = origin.split_once("://").expect("an origin").1;
        Self { api: browser.api.with("Host", host), origin: origin.to_owned(), ..browser }
    }

    /// Follows a link or types an address.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "none")
    }

    /// Sends a form of a page of this server.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", path, &form(fields), "same-origin")
    }

    /// Sends a form of a page of another site.
    pub fn submit_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let other = Self { origin: origin.to_owned(), api: self.api.clone(), cookies: self.cookies.clone() };
        other.send("POST", path, &form(fields), "cross-site")
    }

    /// Sends the form of the last page with its secret, and these fields.
    pub fn submit_with(&self, page: &Answer, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = field(page, "csrf");
        self.submit(path, &[fields, &[("csrf", csrf.as_str())]].concat())
    }

    /// A cookie that it keeps.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    /// As if somebody had planted or stolen one.
    pub fn plant(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    fn send(&self, method: &str, path: &str, body: &str, site: &str) -> Answer {
        let cookies =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let mut api = self.api.clone().with("Sec-Fetch-Site", site);
        if !cookies.is_empty() {
            api = api.with("Cookie", &cookies.join("; "));
        }
        if method == "POST" {
            api = api.with("Origin", &self.origin).with("Content-Type", "application/x-www-form-urlencoded");
        }
        let answer = api.send(method, path, body.as_bytes());
        answer.headers.iter().filter(|(name, _)| name == "set-cookie").for_each(|(_, line)| self.keep(line));
        answer
    }

    /// As the strictest of today's browsers: nothing `Secure` over plain HTTP, no prefix without what it asks for.
    fn keep(&self, line: &str) {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie has a name");
        let attributes: Vec<&str> = parts.collect();
        let is_secure = attributes.contains(&"Secure");
        let is_https = self.origin.starts_with("https://");
        assert!(!name.starts_with("__Host-") || (is_secure && attributes.contains(&"Path=/")), "{line}");
        assert!(!attributes.iter().any(|attribute| attribute.starts_with("Domain")), "{line}");
        if is_secure && !is_https {
            return;
        }
        let mut cookies = self.cookies.borrow_mut();
        if attributes.contains(&"Max-Age=0") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// The value of the first field of this name on a page.
pub fn field(page: &Answer, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.text.split_once(&start).unwrap_or_else(|| panic!("no field {name}: {}", page.text)).1;
    rest.split_once('"').expect("it is closed").0.to_owned()
}

fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}
