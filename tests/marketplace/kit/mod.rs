//! The Kit below the production address: bytes in, bytes out.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

mod interfaces;
mod signature;
mod support;
