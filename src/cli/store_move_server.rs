//! The server that has a folder open whose records are moved, as `lictor store move` speaks with it.

use serde_json::{Value, json};

use super::api::Api;
use super::store_move::failure;
use super::{Common, Failure};
use crate::store::{EmbeddedFiles, MoveError, MoveId, Moved, Position, Revision, SourceServer};

/// A server that hears nothing more of a move goes on after so long.
const HOLD_SECS: u64 = 15;

/// The server that has the folder open.
pub(super) struct RunningServer {
    api: Api,
    store: String,
}

impl RunningServer {
    pub(super) fn of(common: &Common, files: &EmbeddedFiles) -> Result<Self, Failure> {
        let server = Self { api: common.api()?, store: files.store() };
        server.stand().map_err(|error| match error {
            MoveError::Server { why, is_reached: false } => Failure::Unreachable(format!(
                "{why}\na process holds the data folder: name the address of that server with --url, or stop it"
            )),
            other => failure(other),
        })?;
        Ok(server)
    }

    fn position(&self, answer: &Value) -> Result<Position, MoveError> {
        let number = |name: &str| answer[name].as_u64();
        let refused = |why: &str| MoveError::Server { why: why.to_owned(), is_reached: true };
        match (number("batch"), number("revision")) {
            (Some(batch), Some(revision)) if answer["store"] == self.store.as_str() => {
                Ok(Position { batch, revision: Revision::from_number(revision) })
            }
            (Some(_), Some(_)) => Err(refused(
                "the server that answers has another store open than the one in that folder; name the right one with --url; \
                 nothing was changed",
            )),
            _ => Err(refused("the server answered something else than where its store stands")),
        }
    }
}

impl SourceServer for RunningServer {
    fn stand(&self) -> Result<Position, MoveError> {
        self.position(&self.api.get("/v1/server/move").map_err(told)?)
    }

    fn pause(&self, id: MoveId) -> Result<Position, MoveError> {
        let body = json!({ "move": id.to_string(), "hold_secs": HOLD_SECS });
        self.position(&self.api.post("/v1/server/move/pause", &body).map_err(told)?)
    }

    fn resume(&self, id: MoveId) {
        // One that does not hear it goes on by itself.
        let _ = self.api.post("/v1/server/move/resume", &json!({ "move": id.to_string() }));
    }

    fn leave(&self, moved: &Moved) -> Result<bool, MoveError> {
        let body = json!({ "move": moved.id.to_string(), "to": moved.to });
        match self.api.post("/v1/server/move/leave", &body) {
            Ok(_) => Ok(true),
            Err(Failure::Problem(problem)) if problem.code() == "illegal_state" => Ok(false),
            Err(other) => Err(told(other)),
        }
    }
}

fn told(failure: Failure) -> MoveError {
    let is_reached = !matches!(failure, Failure::Unreachable(_) | Failure::Lost(_));
    let why = match &failure {
        Failure::Problem(problem) if problem.code() == "not_found" => {
            "the running server knows nothing of moves: start this version of the program, or stop the server"
                .to_owned()
        }
        other => format!(
            "the running server did not do its part: {other}; run the same command again: it finds out"
        ),
    };
    MoveError::Server { why, is_reached }
}
