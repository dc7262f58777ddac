//! Serving: HTTP/1.1 with title-case headers, bounds, and an end in good order; the same with and without TLS.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;

use super::state::HttpLimits;
use super::tls::{PrefaceAcceptor, Tls};

/// Request line and headers together, in bytes; more is answered 431.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Requests that one HTTP/2 connection may have open.
const HTTP2_STREAMS_MAX: u32 = 100;
/// From one sign of life of an HTTP/2 connection to the next, and how long it may keep the server waiting.
const HTTP2_PING: Duration = Duration::from_secs(20);

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
    serve_as(None, listener, router, limits, shutdown).await
}

/// The same over TLS, if there is a certificate; and HTTP/2 too, if that was asked for.
pub async fn serve_as(
    tls: Option<Tls>,
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)?.handle(handle.clone());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> = match &tls {
        None => {
            Box::pin(bounded(server.acceptor(NoDelayAcceptor::new()).http1_only(), limits).serve(service))
        }
        Some(tls) => {
            let acceptor = tls.acceptor(limits.handshake_time);
            if tls.offers_http2() {
                let acceptor = PrefaceAcceptor::new(acceptor, limits.header_time);
                Box::pin(bounded(server.acceptor(acceptor), limits).serve(service))
            } else {
                Box::pin(bounded(server.acceptor(acceptor).http1_only(), limits).serve(service))
            }
        }
    };
    let stopping = async move {
        shutdown.await;
        handle.graceful_shutdown(Some(limits.drain_time));
        std::future::pending().await
    };
    let looking_after = async move {
        match tls {
            Some(tls) => match tls.keep_current().await {},
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        served = serving => served,
        () = stopping => Ok(()),
        () = looking_after => Ok(()),
    }
}

fn bounded<A>(mut server: Server<SocketAddr, A>, limits: HttpLimits) -> Server<SocketAddr, A> {
    let builder = server.http_builder();
    builder
        .http1()
        .keep_alive(true)
        .title_case_headers(true)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    server
}
