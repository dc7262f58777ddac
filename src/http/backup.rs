//! Backups of the running server, for its operator.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use futures_core::Stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use super::error::ApiError;
use super::openapi::forms::InstantForm;
use super::reply::{Reply, instant, ok};
use super::state::HttpState;
use crate::application::UseCaseError;
use crate::application::ports::StoreError;
use crate::domain::{Refusal, Scope, TokenOwner};

/// Pieces that may wait for a slow reader.
const PIECES_WAITING_MAX: usize = 16;

#[derive(Serialize, ToSchema)]
#[schema(as = KeysBackup)]
struct KeysBackupAnswer {
    /// Null is never.
    #[schema(value_type = Option<InstantForm>)]
    last_at: Option<String>,
    not_in_it: Vec<String>,
}

/// A consistent backup of everything but the keys. It ends with a trailer: an answer that was cut off has none.
#[utoipa::path(
    get, path = "/v1/server/backup",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn download(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    state.operator(&headers).await?;
    let (sender, mut receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let (backups, taken_at) = (state.backups.clone(), state.app.now());
    let writing = tokio::spawn(async move { backups.write_backup(sender, taken_at).await });
    // What fails at once is an answer of its own.
    let Some(first) = receiver.recv().await else { return Err(cause(writing.await)) };
    let body = Body::from_stream(Pieces { first: Some(first), receiver, writing: Some(writing) });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// When the keys were last backed up on the server's machine.
#[utoipa::path(
    get, path = "/v1/server/keys-backup",
    responses((status = 200, body = KeysBackupAnswer)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn keys(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    state.operator(&headers).await?;
    let known = state.backups.keys_backup().map_err(UseCaseError::from)?;
    ok(&KeysBackupAnswer { last_at: known.last_at.map(instant), not_in_it: known.not_in_it })
}

impl HttpState {
    /// The caller is the server's own operator.
    pub(super) async fn operator(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let token = self.token(headers, Scope::Operator).await?;
        match token.owner {
            TokenOwner::Server => Ok(()),
            TokenOwner::Merchant(_) => Err(Refusal::ScopeMissing { scope: Scope::Operator.as_str() }.into()),
        }
    }
}

type Written = Result<Result<(), StoreError>, tokio::task::JoinError>;

fn cause(written: Written) -> ApiError {
    let nothing = || StoreError::Failed("the backup ended before its first byte".into());
    ApiError::Store(match written {
        Ok(Err(error)) => error,
        Ok(Ok(())) => nothing(),
        Err(_panicked) => nothing(),
    })
}

/// The backup while it is written. A failure breaks the connection off: an answer that ends well is whole.
struct Pieces {
    first: Option<Vec<u8>>,
    receiver: mpsc::Receiver<Vec<u8>>,
    writing: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Stream for Pieces {
    type Item = Result<Vec<u8>, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Some(piece) = ready!(self.receiver.poll_recv(context)) {
            return Poll::Ready(Some(Ok(piece)));
        }
        let Some(writing) = &mut self.writing else { return Poll::Ready(None) };
        let written = ready!(Pin::new(writing).poll(context));
        self.writing = None;
        Poll::Ready(match written {
            Ok(Ok(())) => None,
            failed => {
                let error = cause(failed);
                tracing::error!(?error, "a backup was cut off");
                Some(Err(io::Error::other("the backup was cut off")))
            }
        })
    }
}
