//! Who called, as the log has it; and what no log has.

use std::net::{IpAddr, Ipv4Addr};

use crate::calls::{BODY_BYTES_MAX, Post, sized};
use crate::front::{FRONTS, Front, Service};
use crate::process::wait_until;
use crate::proxy::Kind;
use crate::wire::Connection;

const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 1));

/// A refused call with headers that claim to come from elsewhere; what the service says of it.
fn refused_line(service: &Service) -> String {
    let forged = Post::signed_with("another channel's key", "{\"activity\":\"newInstance\"}");
    let request = String::from_utf8(forged.bytes("close")).expect("text");
    let claims = "\r\nX-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.10\r\nContent-Type";
    let request = request.replacen("\r\nContent-Type", claims, 1);
    let answer = Connection::from(&service.address, CALLER).ask(request.as_bytes());
    assert_eq!(answer.status(), 200, "{answer:?}");
    let refused =
        || service.server.said().lines().find(|line| line.contains("a call was refused")).map(str::to_owned);
    wait_until("the refusal is logged", || refused().is_some());
    refused().expect("it was there")
}

#[test]
fn the_address_of_a_caller_is_taken_from_trusted_proxies_only() {
    for front in FRONTS {
        for trusts in [false, true] {
            let trusted = [("LICTOR_TRUSTED_PROXIES", if trusts { "127.0.0.1" } else { "" })];
            let Some(service) = Service::with(front, &trusted) else { continue };
            let line = refused_line(&service);
            let expected = match front {
                Front::Plain | Front::Tls => "client=127.77.0.1",
                Front::Proxy(_) if trusts => "client=127.77.0.1",
                Front::Proxy(_) => "client=127.0.0.1",
            };
            assert!(line.contains(expected), "{front:?} {trusts} {line}");
            assert!(line.contains("id=req_") && !line.contains("203.0.113"), "{front:?} {trusts} {line}");
        }
    }
}

#[test]
fn no_log_holds_the_query_of_a_production_address() {
    for front in FRONTS {
        let Some(mut service) = Service::with(front, &[("LICTOR_LOG_FILTER", "trace")]) else { continue };
        let secret = "/marketplace/acme/cad-koogallery?activity=newInstance&authToken=geheim0123456789";
        let proxied = service.proxy.is_some();
        let ask = |body: usize| Connection::to(&service.address).ask(&sized(secret, body, proxied)).status();
        assert_eq!((ask(7), ask(BODY_BYTES_MAX + 1)), (400, 413), "{front:?}");
        let said = service.server.said();
        assert!(
            said.contains("a request was answered"),
            "{front:?}: the request is logged, without its query"
        );
        assert!(service.server.terminate().success());
        let Some(proxy) = &service.proxy else {
            assert!(!said.contains("geheim"), "{front:?} {said}");
            continue;
        };
        // What goes wrong on the way is where proxies like to write the whole request down.
        let gone = Connection::to(&service.address).ask(&sized(secret, 7, true)).status();
        assert!([502, 503].contains(&gone), "{front:?} {gone}");
        let path = "/marketplace/acme/cad-koogallery";
        wait_until("all three are logged", || proxy.said().matches(path).count() >= 3);
        let logged = proxy.said() + &service.server.said();
        assert!(!logged.contains("geheim") && !logged.contains("authToken"), "{front:?} {logged}");
        if front == Front::Proxy(Kind::Nginx) {
            assert!(logged.contains(&format!("\"POST {path}\" 413")), "{logged}");
        }
    }
}
