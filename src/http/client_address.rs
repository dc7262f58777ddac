//! Who calls: the address behind the proxies that are trusted.
//!
//! Proxies append, so a header is read from its right end. Every hop that is trusted vouches for the one to its left; the
//! first that is not is the client, whatever it wrote further left. `X-Forwarded-For` counts where it is given, else
//! `Forwarded` (RFC 7239): a proxy that uses `Forwarded` must take away an `X-Forwarded-For` that a client sends.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Most hops that are followed; further left nobody is asked.
const HOPS_MAX: usize = 16;

/// Where a request comes from, as an extension of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The client of a request that `peer` sent with these headers.
///
/// Without a trusted peer it is the peer. Where a trusted hop names nobody (`unknown`, a hidden name, no address at all),
/// it is that hop: the last one that somebody has vouched for.
pub fn client_address(trusted: &TrustedProxies, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
    let mut client = peer.to_canonical();
    let says_for_whom = headers.contains_key(X_FORWARDED_FOR);
    let name = if says_for_whom { X_FORWARDED_FOR } else { FORWARDED };
    let address_of = if says_for_whom { node } else { forwarded };
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    let hops = lines.into_iter().rev().flat_map(|line| FromTheRight { rest: Some(line), separator: b',' });
    for hop in hops.take(HOPS_MAX) {
        if !trusted.include(client) {
            break;
        }
        let Some(address) = address_of(hop) else { break };
        client = address.to_canonical();
    }
    ClientAddress(client)
}

/// The `for` of one element of `Forwarded`; the last one, should there be several.
fn forwarded(element: &[u8]) -> Option<IpAddr> {
    let pairs = FromTheRight { rest: Some(element), separator: b';' };
    let mut named = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value).as_bytes())
}

/// An address with or without a port, an IPv6 one with or without brackets.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed.unwrap_or(text).parse().ok();
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The parts of a list from its right end, separators within quotes left alone. What a client wrote stands left of what
/// its proxy wrote, so neither a quote nor a foreign byte of the client's can swallow the proxy's part.
struct FromTheRight<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for FromTheRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let mut is_quoted = false;
        let is_separator = |byte: u8| {
            is_quoted ^= byte == b'"';
            byte == self.separator && !is_quoted
        };
        match rest.iter().rev().copied().position(is_separator) {
            Some(from_end) => {
                let at = rest.len() - 1 - from_end;
                self.rest = Some(&rest[..at]);
                Some(&rest[at + 1..])
            }
            None => Some(rest),
        }
    }
}

#[cfg(test)]
mod tests;
