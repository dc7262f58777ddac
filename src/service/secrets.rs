//! The server's own secrets, as the use cases ask for them.

use secrecy::SecretString;

use crate::application::ports::{SecretFault, SecretSource};
use crate::config::SecretResolver;
use crate::domain::SecretRef;

/// Secrets of the server's environment and files.
#[derive(Debug, Clone)]
pub struct ServerSecrets(pub SecretResolver);

impl SecretSource for ServerSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretFault> {
        self.0.resolve(reference).map_err(|error| SecretFault(error.to_string()))
    }
}
