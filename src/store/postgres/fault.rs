//! What a database says when it does not do something, in the words of a store.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::store::error::StoreError;

/// A lost race (serialization failure, deadlock, a lock that was waited for too long) is decided again; anything else
/// is told as a database that cannot be used at the moment.
pub fn of(doing: &'static str, error: &Error) -> StoreError {
    if error.code() == Some(&SqlState::UNDEFINED_TABLE) {
        let why = "its records are not there: they were moved to another store (start the server with that one), or somebody \
                   removed them";
        return StoreError::Unreachable { doing, why: format!("{why}: {}", words(error)) };
    }
    if is_race(error) { StoreError::Raced } else { StoreError::Unreachable { doing, why: words(error) } }
}

/// The same for work that came in time or not at all.
pub fn overdue(doing: &'static str) -> StoreError {
    StoreError::Unreachable { doing, why: "it did not answer in time".to_owned() }
}

/// Why there is no connection.
pub struct ConnectFault {
    why: String,
    next: &'static str,
}

impl ConnectFault {
    /// What was said, and what to do about it.
    pub fn of(error: &Error) -> Self {
        Self { why: words(error), next: next_step(error) }
    }

    /// Nobody has answered.
    pub fn overdue() -> Self {
        Self { why: "it did not answer in time".to_owned(), next: AWAY }
    }

    /// While the program runs: it is tried again.
    pub fn passing(self) -> StoreError {
        StoreError::Unreachable { doing: "connecting", why: format!("{} ({})", self.why, self.next) }
    }

    /// At a start, which ends with it.
    pub fn at_start(self, database: &str) -> StoreError {
        StoreError::Database {
            what: format!("the database {database} cannot be reached: {}", self.why),
            next: self.next,
        }
    }
}

/// What to do about a database that takes no writes.
pub const READ_ONLY: &str =
    "name the primary in LICTOR_STORE (several hosts may be named: the one that takes writes is used)";
const AWAY: &str = "start the database, or correct the address in LICTOR_STORE";

fn next_step(error: &Error) -> &'static str {
    if let Some(certificate) = certificate_fault(error) {
        return certificate;
    }
    if words(error).contains("server does not support TLS") {
        return "switch ssl on there, or say sslmode=disable in LICTOR_STORE if the network between is yours alone";
    }
    if words(error).contains("does not allow writes") {
        return READ_ONLY;
    }
    let known = [
        (SqlState::TOO_MANY_CONNECTIONS, "raise max_connections, or let fewer programs connect"),
        (SqlState::INVALID_PASSWORD, "correct user and password in LICTOR_STORE"),
        (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "let this user in: pg_hba.conf, or LICTOR_STORE"),
        (SqlState::INVALID_CATALOG_NAME, "create the database, or correct its name in LICTOR_STORE"),
        (SqlState::CANNOT_CONNECT_NOW, "wait until it has started"),
    ];
    let found = error.code().and_then(|code| known.iter().find(|(state, _)| state == code));
    found.map_or(AWAY, |(_, next)| next)
}

/// What to do about a certificate that is not believed.
fn certificate_fault(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use rustls::{CertificateError as Bad, Error as Tls};
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = inside.and_then(|inside| inside.downcast_ref::<Tls>()) {
            return Some(match tls {
                Tls::InvalidCertificate(Bad::UnknownIssuer) => {
                    "name the file of the authority that signed its certificate: sslrootcert=FILE"
                }
                Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
                    "use a name that stands in its certificate, or sslmode=verify-ca if its authority signs for nobody else"
                }
                Tls::InvalidCertificate(
                    Bad::Expired
                    | Bad::ExpiredContext { .. }
                    | Bad::NotValidYet
                    | Bad::NotValidYetContext { .. },
                ) => "renew its certificate, and check the clocks",
                Tls::AlertReceived(_) => "look at the database's log: it does not take what it was shown",
                _ => "look at the certificate of the database, or name its authority with sslrootcert=FILE",
            });
        }
        cause = error.source();
    }
    None
}

/// Of a commit nobody can say whether it was made, unless the database says that it was not.
pub fn of_commit(error: &Error) -> StoreError {
    match error.as_db_error() {
        // A database that shuts down between the commit and its answer says so with these.
        Some(told) if told.code().code().starts_with("57P") => StoreError::OutcomeLost { why: words(error) },
        Some(_) => of("committing a batch", error),
        None => StoreError::OutcomeLost { why: words(error) },
    }
}

fn is_race(error: &Error) -> bool {
    let races = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::UNIQUE_VIOLATION,
    ];
    error.code().is_some_and(|code| races.contains(code))
}

/// The whole chain: the first error alone often says no more than "db error".
pub fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
