//! The socket in the data folder: whoever administers the server's own machine makes, lists and ends tokens there without
//! one. A lost token is no dead end.
//!
//! Only the user that the server runs as, and root, are let in: the file says so, and so does what the system tells of the
//! other end. What they do is done by a token of the server's own that is named after the user and has no text: nobody can
//! present it elsewhere.

use std::fs::{Permissions, metadata, remove_file, rename, set_permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::serve::IncomingStream;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::net::UnixListener;

use super::error::ApiError;
use super::reply::{Reply, hex};
use super::router;
use super::state::HttpState;
use crate::domain::{ApiToken, Refusal};

/// The socket's name in the data folder.
pub const CONTROL_SOCKET: &str = "control.sock";
/// Under this name until it is in its place; a start removes what is left of it.
const UNFINISHED: &str = ".unfinished-control.sock";
/// By what the server knows who came through the socket; its parameters are known to this process alone.
pub const CONTROL_SCHEME: &str = "Control";

/// What proves within this process that a request came through the socket.
pub struct ControlSecret(SecretString);

impl ControlSecret {
    /// From unpredictable bytes.
    pub fn of(bytes: &[u8; 32]) -> Self {
        Self(SecretString::from(hex(bytes)))
    }
}

/// The user at the other end.
#[derive(Debug, Clone, Copy)]
struct Peer {
    uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|credentials| credentials.uid()) }
    }
}

/// A socket that listens; its file goes with it.
pub struct ControlSocket {
    listener: UnixListener,
    file: SocketFile,
}

struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Servers on one database may share a folder: the socket of a later one stays.
        let is_own = metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_own {
            // One that stays is replaced by the next start, and nobody answers there meanwhile.
            let _ = remove_file(&self.path);
        }
    }
}

impl ControlSocket {
    /// Listens in this folder. For whoever holds its lock: a socket that is there is one that a server has left.
    pub fn bind(folder: &Path) -> io::Result<Self> {
        let (unfinished, path) = (folder.join(UNFINISHED), folder.join(CONTROL_SOCKET));
        match remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&unfinished)?;
        set_permissions(&unfinished, Permissions::from_mode(0o600))?;
        let inode = metadata(&unfinished)?.ino();
        rename(&unfinished, &path)?;
        Ok(Self { listener, file: SocketFile { path, inode } })
    }

    /// Serves what is done without a token, until `shutdown` comes.
    pub async fn serve(
        self,
        state: HttpState,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let Self { listener, file } = self;
        let routes: Router = router::control(state);
        let service = routes.into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(listener, service).with_graceful_shutdown(shutdown).await;
        drop(file);
        served
    }
}

/// Around every request through the socket: who is not let in is nobody, whatever else they present.
pub async fn admit(State(state): State<HttpState>, mut request: Request, next: Next) -> Reply {
    let uid = request.extensions().get::<ConnectInfo<Peer>>().and_then(|ConnectInfo(peer)| peer.uid);
    let own = rustix::process::geteuid().as_raw();
    let uid = uid.filter(|uid| *uid == own || *uid == 0).ok_or(Refusal::TokenRefused)?;
    let value = format!("{CONTROL_SCHEME} {}.{uid}", state.control.0.expose_secret());
    let value = HeaderValue::from_str(&value).map_err(|_| ApiError::from(Refusal::TokenRefused))?;
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(next.run(request).await)
}

/// The layer that admits.
pub fn admitting(state: &HttpState, routes: Router<HttpState>) -> Router<HttpState> {
    routes.layer(from_fn_with_state(state.clone(), admit))
}

impl HttpState {
    /// The token of whoever came through the socket.
    pub(super) async fn control_token(&self, text: &str) -> Result<ApiToken, ApiError> {
        let (secret, uid) = text.split_once('.').ok_or(Refusal::TokenRefused)?;
        let known = self.control.0.expose_secret().as_bytes();
        let uid = uid.parse().ok().filter(|_uid| bool::from(known.ct_eq(secret.as_bytes())));
        Ok(self.app.local_token(uid.ok_or(Refusal::TokenRefused)?).await?)
    }
}
