//! C programs, compiled against the header and linked with the library as a customer would, and what they say.

mod compiled;
mod conformance;
mod example;
mod header;
mod hostile;
mod life;
#[path = "../../../license-client/tests/client/support.rs"]
#[expect(dead_code, reason = "the client's own tests use the rest")]
mod server;
