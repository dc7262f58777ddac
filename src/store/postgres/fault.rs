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
