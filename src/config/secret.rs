//! From the reference of a secret to the secret, at the moment of use.

use std::path::Path;

use secrecy::SecretString;

use super::environment::Environment;
use super::files::{ReadError, read_text};
use crate::domain::SecretRef;

/// Longest secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Why a secret could not be had. Names the reference, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such variable.
    #[error("{0} is not set in the server's environment")]
    Missing(SecretRef),
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(SecretRef),
    /// The file cannot be read.
    #[error("{reference}: {source}")]
    Unreadable {
        /// Which.
        reference: SecretRef,
        /// Why.
        source: ReadError,
    },
}

/// Resolves references to secrets. A file is read anew at each use, so that a rotated secret counts at once.
#[derive(Debug, Clone)]
pub struct SecretResolver {
    environment: Environment,
}

impl SecretResolver {
    /// Over the environment of this process.
    pub fn of_process() -> Self {
        Self::over(Environment::of_process())
    }

    /// Over a given environment.
    pub fn over(environment: Environment) -> Self {
        Self { environment }
    }

    /// The secret. The line end at the end of a file does not belong to it.
    pub fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let text = match reference {
            SecretRef::Env(name) => {
                let value = self.environment.get(name).map(str::to_owned);
                value.ok_or_else(|| SecretError::Missing(reference.clone()))?
            }
            SecretRef::File(path) => {
                let text = read_text(Path::new(path), SECRET_BYTES_MAX)
                    .map_err(|source| SecretError::Unreadable { reference: reference.clone(), source })?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if text.is_empty() {
            Err(SecretError::Empty(reference.clone()))
        } else {
            Ok(SecretString::from(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn resolve(text: &str) -> Result<String, String> {
        let environment = Environment::of([("ACME_KEY", "geheim"), ("ACME_EMPTY", "")]);
        let reference = SecretRef::parse(text).expect("a test writes valid references");
        let secret = SecretResolver::over(environment).resolve(&reference);
        secret.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_missing_or_empty_secret_is_an_error_by_name() {
        assert_eq!(resolve("env:ACME_KEY").as_deref(), Ok("geheim"));
        let missing = "env:ACME_OTHER is not set in the server's environment";
        assert_eq!(resolve("env:ACME_OTHER").map_err(|it| it == missing), Err(true));
        assert_eq!(resolve("env:ACME_EMPTY").map_err(|it| it == "env:ACME_EMPTY is empty"), Err(true));
        let absent = resolve("file:/nowhere/key").expect_err("there is no such file");
        assert!(absent.starts_with("file:/nowhere/key: cannot read"), "{absent}");
    }

    #[test]
    fn the_line_end_of_a_file_is_no_part_of_the_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        for (content, expected) in
            [("geheim\n", Some("geheim")), ("geheim\r\n", Some("geheim")), (" x ", Some(" x ")), ("\n", None)]
        {
            std::fs::write(&path, content).expect("writable");
            assert_eq!(resolve(&format!("file:{}", path.display())).ok().as_deref(), expected, "{content:?}");
        }
    }

    #[test]
    fn neither_resolver_nor_secret_prints() {
        let environment = Environment::of([("ACME_KEY", "geheim")]);
        let resolver = SecretResolver::over(environment);
        let secret = resolver.resolve(&SecretRef::Env("ACME_KEY".into())).expect("it is set");
        assert!(!format!("{resolver:?} {secret:?}").contains("geheim"));
    }
}
