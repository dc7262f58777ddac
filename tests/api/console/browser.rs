//! A browser without JavaScript: it keeps cookies, fills in the forms of the page it has, and sends them.

use std::collections::BTreeMap;

use lictor::domain::Scope;
use roxmltree::{Document, Node, ParsingOptions};

use crate::support::Harness;
use crate::support::api::{Answer, Api};

/// Somebody in front of the console.
pub struct Browser {
    api: Api,
    cookies: BTreeMap<String, String>,
}

/// What is on the screen.
pub struct Page {
    pub answer: Answer,
    /// Where it is.
    pub path: String,
}

/// A form as it stands on a page, to be filled in.
#[derive(Clone)]
pub struct Form {
    pub action: String,
    pub method: String,
    pub fields: Vec<(String, String)>,
}

impl Browser {
    /// Somebody who has signed in with a token of these scopes.
    pub fn signed_in(harness: &Harness, scopes: &[Scope], language: &'static str) -> Self {
        Self::with_token(harness, &harness.token(scopes), language)
    }

    /// The same with this token.
    pub fn with_token(harness: &Harness, token: &str, language: &'static str) -> Self {
        let mut browser = Self::new(harness, language);
        let form = Form {
            action: "/console/sign-in".into(),
            method: "post".into(),
            fields: vec![("token".into(), token.into())],
        };
        let answer = browser.send(&form);
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }

    /// Somebody who has not signed in.
    pub fn new(harness: &Harness, language: &'static str) -> Self {
        let api = Api::staying(&harness.url).with("Accept-Language", language);
        Self { api, cookies: BTreeMap::new() }
    }

    /// The same session in another language.
    pub fn reading(&self, harness: &Harness, language: &'static str) -> Self {
        let api = Api::staying(&harness.url).with("Accept-Language", language);
        Self { api, cookies: self.cookies.clone() }
    }

    /// The answer as it comes, redirects and all.
    pub fn ask(&mut self, path: &str) -> Answer {
        let answer = self.with_cookies().get(path);
        self.keep(&answer);
        answer
    }

    /// A page, whatever its status.
    pub fn get(&mut self, path: &str) -> Page {
        let answer = self.ask(path);
        self.follow(answer, path)
    }

    /// Sends a form; the answer as it comes.
    pub fn send(&mut self, form: &Form) -> Answer {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let pairs = form.fields.iter().map(|(name, value)| {
            // Browsers send line ends so.
            format!("{}={}", encoded(name), encoded(&value.replace('\n', "\r\n")))
        });
        let body = pairs.collect::<Vec<_>>().join("&");
        let answer = if form.method == "get" {
            self.with_cookies().get(&format!("{}?{body}", form.action))
        } else {
            let api = self.with_cookies().with("Content-Type", "application/x-www-form-urlencoded");
            api.send("POST", &form.action, body.as_bytes())
        };
        self.keep(&answer);
        answer
    }

    /// Sends a form and goes where that leads.
    pub fn submit(&mut self, form: &Form) -> Page {
        let answer = self.send(form);
        self.follow(answer, &form.action)
    }

    fn follow(&mut self, answer: Answer, path: &str) -> Page {
        match answer.header("location").map(str::to_owned) {
            Some(location) if answer.status == 303 => self.get(&location),
            _ => Page { answer, path: path.to_owned() },
        }
    }

    fn with_cookies(&self) -> Api {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        self.api.with("Cookie", &cookies.collect::<Vec<_>>().join("; "))
    }

    fn keep(&mut self, answer: &Answer) {
        for (name, value) in &answer.headers {
            let Some((pair, _attributes)) = value.split_once(';').filter(|_| name == "set-cookie") else {
                continue;
            };
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Page {
    /// The page, read as strictly as XML is.
    pub fn read<T>(&self, look: impl FnOnce(&Document<'_>) -> T) -> T {
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        let document = Document::parse_with_options(&self.answer.text, options);
        look(&document.unwrap_or_else(|error| panic!("{}: {error}: {}", self.path, self.answer.text)))
    }

    /// The form that is sent there; of several the last: what stands above is on every page.
    #[track_caller]
    pub fn form(&self, action: &str) -> Form {
        let found = self.read(|page| {
            let mut forms = page.descendants().filter(|node| node.has_tag_name("form"));
            forms.rfind(|form| form.attribute("action") == Some(action)).map(|form| Form::of(&form))
        });
        found.unwrap_or_else(|| panic!("{} has no form to {action}: {}", self.path, self.answer.text))
    }

    /// All that is read in the part that is about this page, blanks made one.
    pub fn main_text(&self) -> String {
        self.read(|page| {
            let main = page.descendants().find(|node| node.has_tag_name("main")).expect("there is one");
            let text = main.descendants().filter(|node| node.is_text()).filter_map(|node| node.text());
            text.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
        })
    }
}

impl Form {
    /// As a browser fills it in by itself; of a choice the chosen one, else the first.
    fn of(form: &Node<'_, '_>) -> Self {
        let attribute = |node: &Node<'_, '_>, name: &str| node.attribute(name).unwrap_or_default().to_owned();
        let mut fields = Vec::new();
        for node in form.descendants().filter(|node| node.attribute("name").is_some()) {
            let name = attribute(&node, "name");
            match node.tag_name().name() {
                "input" if attribute(&node, "type") == "checkbox" && node.attribute("checked").is_none() => {}
                "input" => fields.push((name, attribute(&node, "value"))),
                "textarea" => {
                    let text = node.text().unwrap_or_default();
                    // A line end right after the tag is none.
                    fields.push((name, text.strip_prefix('\n').unwrap_or(text).to_owned()));
                }
                "select" => {
                    let options: Vec<_> = node.children().filter(|it| it.has_tag_name("option")).collect();
                    let chosen = options.iter().find(|it| it.attribute("selected").is_some());
                    let chosen = chosen.or(options.first()).expect("a choice has options");
                    fields.push((name, attribute(chosen, "value")));
                }
                _ => {}
            }
        }
        Self { action: attribute(form, "action"), method: attribute(form, "method"), fields }
    }

    /// What a field holds.
    pub fn value(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no field {name}"))
    }

    /// Types into a field.
    #[must_use]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, field)) => *field = value.to_owned(),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Without a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self
    }
}

/// Whether a page was answered so, and has these texts in the part that is about it.
#[track_caller]
pub fn shows(page: &Page, status: u16, texts: &[&str]) {
    assert_eq!(page.answer.status, status, "{}", page.answer.text);
    let text = page.main_text();
    for part in texts {
        assert!(text.contains(part), "{part:?} is not on {}: {text}", page.path);
    }
}
