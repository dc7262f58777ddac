//! A bound on how long a connection may leave open which HTTP it speaks.
//!
//! HTTP/1.1 alone is served under a limit for its headers. Where HTTP/2 may be chosen, the first bytes decide, and
//! whoever waits for them waits without a limit: this is that limit.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// RFC 9113 3.4
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bounds what another acceptor lets in.
#[derive(Clone)]
pub struct PrefaceAcceptor<A> {
    inner: A,
    within: Duration,
}

impl<A> PrefaceAcceptor<A> {
    /// The version must be known within that time.
    pub fn new(inner: A, within: Duration) -> Self {
        Self { inner, within }
    }
}

type Accepting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl<A, I, S> Accept<I, S> for PrefaceAcceptor<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: Unpin,
{
    type Stream = Undecided<A::Stream>;
    type Service = A::Service;
    type Future = Accepting<(Self::Stream, Self::Service)>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (accepting, within) = (self.inner.accept(stream, service), self.within);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            Ok((Undecided::new(stream, within), service))
        })
    }
}

/// A connection; until its first bytes have decided, a read that takes too long fails.
pub struct Undecided<S> {
    stream: S,
    /// How much of the preface has come, and when the patience ends.
    waiting: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> Undecided<S> {
    fn new(stream: S, within: Duration) -> Self {
        Self { stream, waiting: Some((0, Box::pin(tokio::time::sleep(within)))) }
    }

    fn heard(&mut self, fresh: &[u8]) {
        let Some((matched, _)) = &mut self.waiting else { return };
        let goes_on = PREFACE[*matched..].starts_with(fresh) && !fresh.is_empty();
        *matched += fresh.len();
        if !goes_on || *matched >= PREFACE.len() {
            self.waiting = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Undecided<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            self.heard(&buffer.filled()[before..]);
            return Poll::Ready(read);
        }
        let Some((_, patience)) = &mut self.waiting else { return Poll::Pending };
        ready!(patience.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Undecided<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn connected(within: Duration) -> (Undecided<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let caller = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let (accepted, _) = listener.accept().await.expect("it called");
        (Undecided::new(accepted, within), caller)
    }

    #[tokio::test]
    async fn who_leaves_the_version_open_is_cut_off() {
        for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let (mut stream, mut caller) = connected(Duration::from_millis(20)).await;
            caller.write_all(said).await.expect("written");
            let mut read = Vec::new();
            let error = stream.read_to_end(&mut read).await.expect_err("nothing more comes");
            assert_eq!((error.kind(), read.as_slice()), (io::ErrorKind::TimedOut, said));
        }
    }

    #[tokio::test]
    async fn who_has_decided_may_take_its_time() {
        for said in [&b"GET /"[..], b"POST /", PREFACE] {
            let (mut stream, mut caller) = connected(Duration::from_secs(600)).await;
            caller.write_all(said).await.expect("written");
            let mut read = vec![0; said.len()];
            stream.read_exact(&mut read).await.expect("it came");
            assert!(stream.waiting.is_none());
        }
    }
}
