//! Where the command line finds the server, and who it is there.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;

use super::environment::Environment;
use super::files::read_text;
use super::layers::{ConfigError, ConfigMistake};
use super::types::is_http_url;
use crate::domain::MerchantId;

/// Where the server is, if nobody says otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:8080";
/// Longest token file.
const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Longest file of authorities' certificates.
const CA_BYTES_MAX: usize = 1024 * 1024;

/// What the command line says about the server.
#[derive(Debug, Clone, Default)]
pub struct ClientFlags {
    /// `--url`
    pub url: Option<String>,
    /// `--token-file`
    pub token_file: Option<PathBuf>,
    /// `--merchant`
    pub merchant: Option<String>,
}

/// Where the server is and who asks.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Scheme and host of the merchant API, without a trailing slash. `LICTOR_URL`.
    pub url: String,
    /// Whether somebody said where; otherwise it is the default.
    pub names_server: bool,
    /// The API token, if there is one. `--token-file`, else `LICTOR_TOKEN`.
    pub token: Option<SecretString>,
    /// For whom an operator's token asks. `LICTOR_MERCHANT`.
    pub merchant: Option<MerchantId>,
    /// Whose certificates are believed instead of the public authorities'; empty: theirs. `LICTOR_CA_FILE`.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The language of answers: `zh` or `en`, from the environment's locale.
    pub language: &'static str,
}

impl ClientSettings {
    /// From flags and the process's environment.
    pub fn of_process(flags: &ClientFlags) -> Result<Self, ConfigError> {
        Self::read(flags, &Environment::of_process())
    }

    /// From flags and an environment.
    pub fn read(flags: &ClientFlags, environment: &Environment) -> Result<Self, ConfigError> {
        let mut mistakes = Vec::new();
        let mut note = |place: &str, message: String| {
            mistakes.push(ConfigMistake { place: place.to_owned(), message });
        };
        let said = |flag: &Option<String>, name: &'static str, variable: &'static str| match flag {
            Some(value) => Some((value.clone(), name)),
            None => environment.filled(variable).map(|value| (value.to_owned(), variable)),
        };
        let named = said(&flags.url, "--url", "LICTOR_URL");
        let names_server = named.is_some();
        let (url, place) = named.unwrap_or((URL_DEFAULT.to_owned(), "--url"));
        if !is_http_url(&url) {
            note(place, format!("must be an address such as {URL_DEFAULT}"));
        }
        let merchant = said(&flags.merchant, "--merchant", "LICTOR_MERCHANT").and_then(|(text, place)| {
            MerchantId::parse(&text).map_err(|error| note(place, error.to_string())).ok()
        });
        let token = match &flags.token_file {
            Some(path) => token_of(path).map_err(|message| note("--token-file", message)).ok(),
            None => environment.filled("LICTOR_TOKEN").map(|token| SecretString::from(token.trim())),
        };
        let authorities = environment.filled("LICTOR_CA_FILE").map_or_else(Vec::new, |path| {
            authorities(Path::new(path))
                .map_err(|message| note("LICTOR_CA_FILE", message))
                .unwrap_or_default()
        });
        let language = language(environment);
        let url = url.trim_end_matches('/').to_owned();
        if mistakes.is_empty() {
            Ok(Self { url, names_server, token, merchant, authorities, language })
        } else {
            Err(ConfigError { mistakes })
        }
    }
}

fn token_of(path: &Path) -> Result<SecretString, String> {
    let text = read_text(path, TOKEN_BYTES_MAX).map_err(|error| error.to_string())?;
    match text.trim() {
        "" => Err(format!("{} is empty", path.display())),
        token => Ok(SecretString::from(token)),
    }
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read_text(path, CA_BYTES_MAX).map_err(|error| error.to_string())?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(format!("{} holds no certificates in PEM form", path.display())),
    }
}

fn language(environment: &Environment) -> &'static str {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| environment.filled(name));
    if locale.is_some_and(|locale| locale.starts_with("zh")) { "zh" } else { "en" }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn flags_win_over_the_environment() {
        let environment = Environment::of([
            ("LICTOR_URL", "http://a:1"),
            ("LICTOR_TOKEN", "lictor_x"),
            ("LANG", "zh_CN.UTF-8"),
        ]);
        let settings = ClientSettings::read(&ClientFlags::default(), &environment).expect("valid");
        assert_eq!((settings.url.as_str(), settings.language), ("http://a:1", "zh"));
        assert_eq!(settings.token.expect("given").expose_secret(), "lictor_x");
        let flags = ClientFlags { url: Some("https://b/".into()), ..ClientFlags::default() };
        let settings = ClientSettings::read(&flags, &environment).expect("valid");
        assert_eq!(settings.url, "https://b");
        let settings = ClientSettings::read(&ClientFlags::default(), &Environment::default()).expect("valid");
        assert_eq!((settings.url.as_str(), settings.token.is_none()), (URL_DEFAULT, true));
    }

    #[test]
    fn what_is_wrong_is_told_by_name_and_no_token_prints() {
        let environment = Environment::of([("LICTOR_URL", "ftp://a"), ("LICTOR_MERCHANT", "Acme!")]);
        let error = ClientSettings::read(&ClientFlags::default(), &environment).expect_err("two mistakes");
        let places: Vec<&str> = error.mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        assert_eq!(places, ["LICTOR_URL", "LICTOR_MERCHANT"]);
        let environment = Environment::of([("LICTOR_CA_FILE", "/dev/null")]);
        let error = ClientSettings::read(&ClientFlags::default(), &environment).expect_err("nothing in it");
        assert_eq!(error.to_string(), "LICTOR_CA_FILE: /dev/null holds no certificates in PEM form");
        let environment = Environment::of([("LICTOR_TOKEN", "lictor_geheim")]);
        let settings = ClientSettings::read(&ClientFlags::default(), &environment).expect("valid");
        assert!(!format!("{settings:?} {environment:?}").contains("geheim"));
    }
}
