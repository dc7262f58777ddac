//! Over plain HTTP, over TLS of its own, and behind each shipped proxy file, the real program is reached by callers who
//! would rather speak HTTP/2: `Body-Sign` comes in exactly these letters, and every byte arrives as it was sent.

#[path = "reachable/addresses.rs"]
mod addresses;
#[path = "reachable/bytes.rs"]
mod bytes;
#[path = "reachable/calls.rs"]
mod calls;
#[path = "support/certificates.rs"]
#[expect(dead_code, reason = "each test binary uses a part of it")]
mod certificates;
#[path = "reachable/command_line.rs"]
mod command_line;
#[path = "reachable/curl.rs"]
mod curl;
#[path = "reachable/everywhere.rs"]
mod everywhere;
#[path = "reachable/front.rs"]
mod front;
#[path = "reachable/handshakes.rs"]
mod handshakes;
mod process;
#[path = "reachable/proxy.rs"]
mod proxy;
#[path = "reachable/renewal.rs"]
mod renewal;
#[path = "support/koogallery_v1.rs"]
#[expect(dead_code, reason = "the tests of the families use the rest")]
mod v1;
#[path = "reachable/wire.rs"]
mod wire;
