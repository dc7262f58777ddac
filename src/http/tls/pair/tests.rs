use super::*;

#[test]
fn the_host_of_an_address_is_found() {
    for (url, host) in [
        ("https://license.acme.example", Some("license.acme.example")),
        ("https://license.acme.example:8443/below", Some("license.acme.example")),
        ("https://[2001:db8::1]:443", Some("2001:db8::1")),
        ("https://192.0.2.1/", Some("192.0.2.1")),
        ("license.acme.example", None),
    ] {
        assert_eq!(host_of(url), host, "{url}");
    }
}
