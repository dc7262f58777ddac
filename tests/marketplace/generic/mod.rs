//! The Standard Webhooks adapter from outside: bytes in, bytes out.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

mod answers;
mod events;
mod hostile;
mod signature;
mod support;
mod vectors;
