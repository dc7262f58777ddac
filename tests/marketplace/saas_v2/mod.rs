//! The SaaS V2.0 adapter from outside: bytes in, bytes out.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

mod activities;
mod bad_input;
mod signature;
mod support;
mod vectors;
