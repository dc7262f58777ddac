use axum::http::HeaderValue;
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;

fn trusted() -> TrustedProxies {
    TrustedProxies::of(
        ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"].map(|it| it.parse::<IpNet>().expect("valid")),
    )
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("a test writes valid addresses")
}

fn headers(lines: &[(&HeaderName, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("no control characters"));
    }
    map
}

fn client(peer: &str, lines: &[(&HeaderName, &str)]) -> String {
    client_address(&trusted(), ip(peer), &headers(lines)).0.to_string()
}

#[test]
fn only_trusted_hops_are_passed_from_right_to_left() {
    let x = &X_FORWARDED_FOR;
    for (peer, line, expected) in [
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7, 10.1.1.1", "198.51.100.7"),
        ("127.0.0.1", "10.2.2.2,10.1.1.1", "10.2.2.2"),
        ("127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "[2001:db8::7]:443 , [fd00::1]", "2001:db8::7"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, _hidden, 10.1.1.1", "10.1.1.1"),
        ("127.0.0.1", "198.51.100.7,", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "straße, 198.51.100.7", "198.51.100.7"),
    ] {
        assert_eq!(client(peer, &[(x, line)]), expected, "{peer} {line}");
    }
    assert_eq!(client("127.0.0.1", &[(x, "203.0.113.9"), (x, "198.51.100.7")]), "198.51.100.7");
    assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    for (line, expected) in [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
        ("by=10.0.0.1;host=\"a,b;c\";for=192.0.2.43", "192.0.2.43"),
        ("for=192.0.2.43, for=\"10.1.1.1:80\"", "192.0.2.43"),
        ("for=\"192.0.2.66, for=198.51.100.17", "198.51.100.17"),
        ("for=unknown", "127.0.0.1"),
        ("for=\"_gazonk\"", "127.0.0.1"),
        ("proto=https", "127.0.0.1"),
    ] {
        assert_eq!(client("127.0.0.1", &[(&FORWARDED, line)]), expected, "{line}");
    }
    let both = [(&FORWARDED, "for=203.0.113.9"), (&X_FORWARDED_FOR, "198.51.100.7")];
    assert_eq!(client("127.0.0.1", &both), "198.51.100.7", "a client cannot bring a second header into play");
}

#[test]
fn hops_are_followed_only_so_far() {
    let line = vec!["10.1.1.1"; HOPS_MAX].join(", ");
    assert_eq!(client("127.0.0.1", &[(&X_FORWARDED_FOR, &format!("198.51.100.7, {line}"))]), "10.1.1.1");
}

fn any_line() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<IpAddr>().prop_map(|it| it.to_string()),
        any::<[u8; 3]>().prop_map(|[a, b, c]| format!("10.{a}.{b}.{c}")),
        any::<SocketAddr>().prop_map(|it| it.to_string()),
        any::<IpAddr>().prop_map(|it| format!("for=\"{it}\"")),
        "[ -~äß]{0,12}",
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.join(","))
}

proptest! {
    #[test]
    fn a_peer_that_is_not_trusted_is_the_client_whatever_it_sends(peer: IpAddr, x in any_line(), f in any_line()) {
        prop_assume!(!trusted().include(peer));
        let sent = headers(&[(&X_FORWARDED_FOR, &x), (&FORWARDED, &f)]);
        prop_assert_eq!(client_address(&trusted(), peer, &sent).0, peer.to_canonical());
    }

    #[test]
    fn what_a_client_writes_cannot_change_what_its_proxy_says(
        spoofed in any_line(), real: IpAddr, name in prop_oneof![Just(X_FORWARDED_FOR), Just(FORWARDED)],
        own_line: bool,
    ) {
        prop_assume!(!trusted().include(real));
        let said = if name == FORWARDED { format!("for=\"[{real}]\"") } else { real.to_string() };
        let sent = if own_line {
            headers(&[(&name, &spoofed), (&name, &said)])
        } else {
            headers(&[(&name, &format!("{spoofed}, {said}"))])
        };
        prop_assert_eq!(client_address(&trusted(), ip("127.0.0.1"), &sent).0, real.to_canonical());
    }

    #[test]
    fn any_line_leads_to_the_peer_or_to_an_address_in_it(x in any_line(), f in any_line(), which: bool) {
        let (name, line) = if which { (&X_FORWARDED_FOR, x) } else { (&FORWARDED, f) };
        let found = client_address(&trusted(), ip("127.0.0.1"), &headers(&[(name, &line)])).0;
        let named = line.split(|letter: char| !(letter.is_ascii_hexdigit() || ".:".contains(letter)));
        let mut named = named.filter_map(|word| {
            word.parse().ok().or_else(|| word.parse::<SocketAddr>().ok().map(|it| it.ip())).map(|it| it.to_canonical())
        });
        // A port after brackets is split off by the letters, after an IPv4 address it is not.
        prop_assert!(found == ip("127.0.0.1") || named.any(|it| it == found) || line.contains(&found.to_string()));
    }
}
