//! Flag over environment over file over default, with every mistake at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::document::{Member, Mistake, Section, read_document};
use super::environment::{Environment, PREFIX};
use super::files::read_text;
use super::nearest::nearest;
use super::types::{Form, read_form};
use super::{SETTINGS, Setting, Settings, Shape};

/// Longest settings file.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Variables of this program that are no settings of the service.
const OTHER_VARIABLES: &[&str] =
    &["LICTOR_CONFIG", "LICTOR_CA_FILE", "LICTOR_URL", "LICTOR_TOKEN", "LICTOR_MERCHANT"];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment,
    /// The settings file.
    File,
    /// Nobody said otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// What is wrong with a setting, and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMistake {
    /// `--listen`, `LICTOR_LISTEN`, or a file with its line.
    pub place: String,
    /// What to write instead.
    pub message: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// In the order of the settings.
    pub mistakes: Vec<ConfigMistake>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.mistakes.iter().map(|mistake| format!("{}: {}", mistake.place, mistake.message));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

/// A setting as it counts, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The setting.
    pub name: &'static str,
    /// Its value as text; a secret is hidden.
    pub shown: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// The settings, and what people should know about them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What works, but is probably not meant.
    pub warnings: Vec<String>,
    /// Every setting with its origin.
    pub resolved: Vec<Resolved>,
}

/// Where settings may be said.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// Flags of the command line, by setting.
    pub flags: BTreeMap<String, String>,
    /// The environment.
    pub environment: Environment,
    /// The settings file and its text.
    pub file: Option<(PathBuf, String)>,
}

impl Layers {
    /// The flags, the process's environment, and the file that `--config` or `LICTOR_CONFIG` names.
    pub fn of_process(flags: BTreeMap<String, String>, config: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = Environment::of_process();
        let path =
            config.map(Path::to_owned).or_else(|| environment.filled("LICTOR_CONFIG").map(PathBuf::from));
        let file = path.map(|path| match read_text(&path, FILE_BYTES_MAX) {
            Ok(text) => Ok((path, text)),
            Err(error) => Err(one(path.display().to_string(), error.to_string())),
        });
        Ok(Self { flags, environment, file: file.transpose()? })
    }

    /// Resolves every setting.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let mut reading = Reading::of(self);
        reading.read_file();
        let settings = Settings::read(&mut reading);
        reading.check_pairs();
        let Reading { mistakes, resolved, .. } = reading;
        match settings {
            Some(settings) if mistakes.is_empty() => {
                let warnings = self.warnings(&settings);
                Ok(Loaded { settings, warnings, resolved })
            }
            _ => Err(ConfigError { mistakes }),
        }
    }

    fn warnings(&self, settings: &Settings) -> Vec<String> {
        let mut warnings = unknown_variables(&self.environment);
        if settings.tls_cert_file.is_some() && settings.public_base_url().starts_with("http://") {
            let url = settings.public_base_url();
            warnings
                .push(format!("tls_cert_file is set, but public_url is {url}: nobody answers plain HTTP"));
        }
        if settings.public_url.is_none() && !settings.listen.ip().is_loopback() {
            let url = settings.public_base_url();
            warnings.push(format!(
                "public_url is not set: license keys will name {url}, which others cannot reach"
            ));
        }
        warnings
    }
}

fn one(place: String, message: String) -> ConfigError {
    ConfigError { mistakes: vec![ConfigMistake { place, message }] }
}

/// Reads settings one after the other and collects what is wrong.
pub struct Reading<'a> {
    layers: &'a Layers,
    in_file: BTreeMap<&'static str, String>,
    mistakes: Vec<ConfigMistake>,
    resolved: Vec<Resolved>,
}

impl<'a> Reading<'a> {
    fn of(layers: &'a Layers) -> Self {
        Self { layers, in_file: BTreeMap::new(), mistakes: Vec::new(), resolved: Vec::new() }
    }

    /// Takes the texts out of the file; form and names are judged with their lines.
    fn read_file(&mut self) {
        let Some((path, text)) = &self.layers.file else { return };
        match read_document(text, file_texts) {
            Ok(texts) => self.in_file = texts,
            Err(mistakes) => {
                self.mistakes.extend(mistakes.into_iter().map(|Mistake { line, pointer, message }| {
                    let name = pointer.trim_start_matches('/');
                    let message = if name.is_empty() { message } else { format!("{name}: {message}") };
                    ConfigMistake { place: format!("{}:{line}", path.display()), message }
                }))
            }
        }
    }

    /// One setting in its form, from the first layer that says it.
    pub(super) fn read<F: Form>(&mut self, name: &'static str) -> Option<F::Value> {
        let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
        let (text, origin) = self.said(setting);
        self.resolved.push(Resolved { name, shown: shown::<F>(&text), origin: origin.clone() });
        match read_form::<F>(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                let place = match origin {
                    Origin::Flag => format!("--{}", setting.flag()),
                    Origin::Environment => setting.variable(),
                    Origin::File | Origin::Default => self.file_place(name),
                };
                self.mistakes.push(ConfigMistake { place, message });
                None
            }
        }
    }

    fn said(&self, setting: &Setting) -> (String, Origin) {
        let flag = self.layers.flags.get(setting.name).map(|text| (text.clone(), Origin::Flag));
        let variable =
            || Some((self.layers.environment.get(&setting.variable())?.to_owned(), Origin::Environment));
        let file = || self.in_file.get(setting.name).map(|text| (text.clone(), Origin::File));
        let default = || (setting.default.to_owned(), Origin::Default);
        flag.or_else(variable).or_else(file).unwrap_or_else(default)
    }

    fn file_place(&self, name: &str) -> String {
        match &self.layers.file {
            Some((path, _)) => format!("{}: {name}", path.display()),
            None => name.to_owned(),
        }
    }

    /// Certificate and key come together; HTTP/2 comes with them or not at all.
    fn check_pairs(&mut self) {
        let given = |name: &str| self.resolved.iter().any(|it| it.name == name && !it.shown.is_empty());
        let http2 = self.resolved.iter().any(|it| it.name == "tls_http2" && it.shown == "on");
        if http2 && !given("tls_cert_file") && !given("tls_key_file") {
            let message =
                "is on, but HTTP/2 is spoken over TLS only; set tls_cert_file and tls_key_file, or write off";
            self.mistakes.push(ConfigMistake { place: "tls_http2".to_owned(), message: message.to_owned() });
        }
        for (one, other) in [("tls_cert_file", "tls_key_file"), ("tls_key_file", "tls_cert_file")] {
            if given(one) && !given(other) {
                let message = format!("is missing, but {one} is set; write both or neither");
                self.mistakes.push(ConfigMistake { place: other.to_owned(), message });
                return;
            }
        }
    }
}

fn shown<F: Form>(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, _)) if F::IS_SECRET => format!("{scheme}://…"),
        _ => text.to_owned(),
    }
}

/// The members of a settings file as text, each in the shape and form it must have.
fn file_texts(root: &Section<'_>) -> BTreeMap<&'static str, String> {
    let mut texts = BTreeMap::new();
    for setting in SETTINGS {
        let Some(member) = root.member(setting.name) else { continue };
        if let Some(text) = text_of(&member, setting.shape) {
            if let Err(message) = (setting.check)(&text) {
                member.mistake(message);
            }
            texts.insert(setting.name, text);
        }
    }
    root.finish();
    texts
}

fn text_of(member: &Member<'_>, shape: Shape) -> Option<String> {
    match (shape, member.value()) {
        (Shape::Text, _) => member.text().map(str::to_owned),
        (Shape::Integer, DeValue::Integer(number)) if number.radix() == 10 => {
            Some(number.as_str().to_owned())
        }
        (Shape::Integer, _) => member.wrong_type("a whole number without quotes"),
    }
}

/// A warning for each variable that looks like ours and is not.
fn unknown_variables(environment: &Environment) -> Vec<String> {
    let mut known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    known.extend(OTHER_VARIABLES.iter().map(|&name| name.to_owned()));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let unknown = environment.own_names().filter(|name| !known.contains(name));
    let (injected, strange): (Vec<&str>, Vec<&str>) = unknown.partition(|name| is_injected(name));
    let near =
        |name: &str| nearest(name, known.iter().copied()).map(|near| format!("; did you mean {near}?"));
    let strange = strange
        .into_iter()
        .map(|name| format!("{name} is not a setting and has no effect{}", near(name).unwrap_or_default()));
    let mut warnings: Vec<String> = strange.collect();
    if !injected.is_empty() {
        let names = injected.join(", ");
        warnings.push(format!(
            "Kubernetes injected {names}; they have no effect (enableServiceLinks: false stops it)"
        ));
    }
    warnings
}

/// `LICTOR_PORT…` and `LICTOR_SERVICE_…` are what Kubernetes makes of a service named lictor.
fn is_injected(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    rest == "PORT"
        || rest.starts_with("PORT_")
        || rest.contains("SERVICE_HOST")
        || rest.contains("SERVICE_PORT")
}

#[cfg(test)]
mod tests;
