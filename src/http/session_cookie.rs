//! The cookie that says who is signed in, and the secret that forms prove they were made for it.
//!
//! Over HTTPS it is `__Host-lictor-session`: browsers keep it only with `Secure`, for this host alone and for all of its
//! paths, so that no neighbour can plant one. Over plain HTTP they keep no such cookie. Chromium and Safari refuse the
//! prefix there, Safari refuses `Secure` too, also on the machine itself. So a browser that works on the server's own
//! machine, and no other, gets `lictor-session` without both. The name goes into the digest: neither opens what the other does.

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use hmac::{Hmac, KeyInit, Mac};
use license_token::base64url;
use sha2::{Digest, Sha256};

use crate::application::record::RecordKey;
use crate::domain::{MerchantId, SessionDigest};

const STRICT: &str = "__Host-lictor-session";
const LOOPBACK: &str = "lictor-session";
/// Longest secret text that is looked at, in bytes.
const TEXT_BYTES_MAX: usize = 128;
/// What the secret of forms is made of, beside the cookie.
const FORM: &[u8] = b"lictor console form";
/// What the digests of sign-in links begin with.
const LINK: &str = "sign-in link";

/// How the reader's browser comes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over HTTPS, here or at a proxy in front.
    Https,
    /// Over plain HTTP on the server's own machine.
    Loopback,
    /// Over plain HTTP from elsewhere: whoever listens on the way reads along.
    Plain,
}

impl Way {
    /// As the browser says, which knows; what says nothing is believed to use HTTPS, which costs only programs a cookie.
    pub fn of(headers: &HeaderMap) -> Self {
        let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
        let Some(origin) = origin.filter(|origin| *origin != "null") else {
            return if is_loopback(host(headers)) { Self::Loopback } else { Self::Https };
        };
        match origin.split_once("://") {
            Some(("https", _)) => Self::Https,
            Some((_, host)) if is_loopback(Some(host)) => Self::Loopback,
            Some(_) | None => Self::Plain,
        }
    }

    fn cookie_name(self) -> &'static str {
        match self {
            Self::Https | Self::Plain => STRICT,
            Self::Loopback => LOOPBACK,
        }
    }
}

/// The secret of one session, as the browser keeps it.
#[derive(Clone)]
pub struct SessionCookie {
    way: Way,
    text: String,
}

impl SessionCookie {
    /// A new one, of a session that belongs to this merchant or to the server.
    pub fn fresh(way: Way, owner: Option<&MerchantId>, secret: &[u8; 32]) -> Self {
        Self { way, text: secret_text(owner, secret) }
    }

    /// The one that was sent. That of the loopback counts only there.
    pub fn sent(headers: &HeaderMap) -> Option<Self> {
        let sent = |way: Way| {
            let text = cookie(headers, way.cookie_name()).filter(|text| text.len() <= TEXT_BYTES_MAX)?;
            Some(Self { way, text: text.to_owned() })
        };
        sent(Way::Https).or_else(|| is_loopback(host(headers)).then(|| sent(Way::Loopback)).flatten())
    }

    /// Under which its session is stored; none for what no session can have.
    pub fn key(&self) -> Option<RecordKey> {
        let (owner, digest) = named(self.way.cookie_name(), &self.text)?;
        Some(RecordKey::Session(owner, digest))
    }

    /// What is kept of it.
    pub fn digest(&self) -> SessionDigest {
        digest(self.way.cookie_name(), &self.text)
    }

    /// What every form of this session carries. Whoever reads it in a page does not know the cookie by it.
    pub fn csrf(&self) -> String {
        let mac =
            Hmac::<Sha256>::new_from_slice(self.text.as_bytes()).expect("HMAC takes keys of any length");
        base64url::encode(&mac.chain_update(FORM).finalize().into_bytes())
    }

    /// Has the browser keep it until it is closed; the server may end it sooner.
    pub fn set(&self) -> HeaderValue {
        self.header(&self.text, "")
    }

    /// Has the browser forget it.
    pub fn cleared(&self) -> HeaderValue {
        self.header("", "; Max-Age=0")
    }

    fn header(&self, value: &str, more: &str) -> HeaderValue {
        let secure = if self.way == Way::Loopback { "" } else { "; Secure" };
        let name = self.way.cookie_name();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
        HeaderValue::from_str(&text).expect("slugs and base64url are visible ASCII")
    }
}

/// The text of a secret that is found again: whose it is, and the secret.
pub fn secret_text(owner: Option<&MerchantId>, secret: &[u8; 32]) -> String {
    format!("{}.{}", owner.map_or("", MerchantId::as_str), base64url::encode(secret))
}

/// Whose a sign-in link of this text is, and under which it is stored; none for what no link can be.
pub fn link_named(text: &str) -> Option<(Option<MerchantId>, SessionDigest)> {
    named(LINK, text).filter(|_named| text.len() <= TEXT_BYTES_MAX)
}

/// Under which a sign-in link is stored.
pub fn link_digest(text: &str) -> SessionDigest {
    digest(LINK, text)
}

fn named(what: &str, text: &str) -> Option<(Option<MerchantId>, SessionDigest)> {
    let (owner, _secret) = text.split_once('.')?;
    let owner = if owner.is_empty() { None } else { Some(MerchantId::parse(owner).ok()?) };
    Some((owner, digest(what, text)))
}

fn digest(what: &str, text: &str) -> SessionDigest {
    Sha256::digest(format!("{what}\0{text}").as_bytes()).into()
}

/// The value of a cookie; of several with one name the first.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Whether a page of this server sent the request. Every browser of today says so itself, wherever it may keep a session;
/// older ones name the page's origin; what is no browser says nothing, and has no cookie that another site could use.
pub fn came_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let from = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
            from.is_some() && from.as_deref() == host(headers)
        }
        (None, None) => true,
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether this host, perhaps with a port, can only be the reader's own machine.
fn is_loopback(host: Option<&str>) -> bool {
    let Some(host) = host.and_then(|host| host.parse::<axum::http::uri::Authority>().ok()) else {
        return false;
    };
    let name = host.host();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a test writes valid headers"),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_a_browser_on_the_machine_itself_goes_without_https() {
        for (pairs, way) in [
            (&[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")][..], Way::Loopback),
            (&[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")], Way::Loopback),
            (&[("host", "localhost:8080"), ("origin", "http://localhost:8080")], Way::Loopback),
            (&[("host", "localhost:8080")], Way::Loopback),
            (&[("host", "127.0.0.1:8080"), ("origin", "https://license.acme.example")], Way::Https),
            (&[("host", "license.acme.example"), ("origin", "null")], Way::Https),
            (&[("host", "license.acme.example")], Way::Https),
            (&[("host", "license.acme.example"), ("origin", "http://license.acme.example")], Way::Plain),
            (&[("host", "10.0.0.7:8080"), ("origin", "http://10.0.0.7:8080")], Way::Plain),
            (&[("host", "x"), ("origin", "http://127.0.0.1.evil.example")], Way::Plain),
            (&[("host", "x"), ("origin", "http://localhost.evil.example")], Way::Plain),
        ] {
            assert_eq!(Way::of(&headers(pairs)), way, "{pairs:?}");
        }
    }

    #[test]
    fn a_cookie_of_the_loopback_counts_only_there_and_opens_nothing_else() {
        let fresh = SessionCookie::fresh(Way::Loopback, None, &[7; 32]);
        let sent = |host: &str, name: &str| {
            SessionCookie::sent(&headers(&[
                ("host", host),
                ("cookie", &format!("a=b; {name}={}", fresh.text)),
            ]))
        };
        let key = |cookie: Option<SessionCookie>| cookie.and_then(|cookie| cookie.key());
        assert_eq!(key(sent("127.0.0.1:1", LOOPBACK)), fresh.key());
        assert_eq!(key(sent("license.acme.example", LOOPBACK)), None);
        assert_ne!(key(sent("license.acme.example", STRICT)), fresh.key());
        assert!(key(sent("license.acme.example", STRICT)).is_some());
    }

    #[test]
    fn attributes_are_those_that_the_prefix_asks_for() {
        let acme = MerchantId::parse("acme").expect("valid");
        let strict = SessionCookie::fresh(Way::Https, Some(&acme), &[7; 32]);
        let set = strict.set();
        let set = set.to_str().expect("visible");
        assert!(set.starts_with("__Host-lictor-session=acme."), "{set}");
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set}");
        let cleared = strict.cleared();
        assert_eq!(
            cleared.to_str().expect("visible"),
            "__Host-lictor-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        );
        let loopback = SessionCookie::fresh(Way::Loopback, None, &[7; 32]).set();
        assert!(loopback.to_str().expect("visible").ends_with("; Path=/; HttpOnly; SameSite=Lax"));
    }

    #[test]
    fn other_sites_are_told_by_what_the_browser_says() {
        for (pairs, here) in [
            (&[("sec-fetch-site", "same-origin"), ("host", "a")][..], true),
            (&[("sec-fetch-site", "none"), ("host", "a")], true),
            (&[("sec-fetch-site", "same-site"), ("host", "a"), ("origin", "https://a")], false),
            (&[("sec-fetch-site", "cross-site"), ("host", "a")], false),
            (&[("host", "a:8080"), ("origin", "http://a:8080")], true),
            (&[("host", "a:8080"), ("origin", "http://a")], false),
            (&[("host", "a"), ("origin", "null")], false),
            (&[("host", "a"), ("origin", "https://b")], false),
            (&[("host", "a")], true),
        ] {
            assert_eq!(came_from_here(&headers(pairs)), here, "{pairs:?}");
        }
    }
}
