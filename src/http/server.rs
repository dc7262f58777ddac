//! Serving: HTTP/1.1 with title-case headers, bounds, and an end in good order.

use std::future::Future;
use std::io;
use std::net::TcpListener;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use hyper_util::rt::TokioTimer;

use super::state::HttpLimits;

/// Request line and headers together, in bytes; more is answered 431.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// Serves until `shutdown` comes, then finishes what is open, for at most `limits.drain_time`.
///
/// Headers leave as `Body-Sign`: a marketplace compares the letter case. HTTP/2 would lower-case them, so only
/// HTTP/1.1 is spoken.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let handle = Handle::new();
    let mut server =
        axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new()).http1_only().handle(handle.clone());
    server
        .http_builder()
        .http1()
        .keep_alive(true)
        .title_case_headers(true)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time);
    let stopping = async move {
        shutdown.await;
        handle.graceful_shutdown(Some(limits.drain_time));
        std::future::pending().await
    };
    tokio::select! {
        served = server.serve(router.into_make_service()) => served,
        () = stopping => Ok(()),
    }
}
