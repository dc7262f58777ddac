//! Where a production address is.

use std::net::IpAddr;

/// A production address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub is_tls: bool,
    /// A name, or an address in its URL form.
    pub host: String,
    pub port: u16,
    /// From the first slash to before the query.
    pub path: String,
    /// A merchant's own parameters, without the question mark.
    pub query: Option<String>,
}

/// Why a text is no production address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no production address: write https://HOST/PATH, or http:// for a trial")]
pub struct TargetError(pub String);

impl Target {
    /// Reads `https://HOST[:PORT]/PATH[?QUERY]`; `http` likewise.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError(url.to_owned());
        let uri: ureq::http::Uri = url.parse().map_err(|_| wrong())?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let host = authority.map(|authority| authority.host()).filter(|host| !host.is_empty());
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self {
            is_tls,
            host: host.ok_or_else(wrong)?.to_owned(),
            port,
            path: if uri.path().is_empty() { "/".to_owned() } else { uri.path().to_owned() },
            query: uri.query().map(str::to_owned),
        })
    }

    /// The address itself, as a link.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{scheme}://{}{}{query}", self.authority(), self.path)
    }

    /// As `Host` says it.
    pub fn authority(&self) -> String {
        let usual = if self.is_tls { 443 } else { 80 };
        if self.port == usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// What a request for a place below the address names, with these parameters behind the merchant's own.
    pub fn path_and_query(&self, below: &str, query: &str) -> String {
        let path =
            format!("{}{below}", if below.is_empty() { &self.path } else { self.path.trim_end_matches('/') });
        let all: Vec<&str> =
            [self.query.as_deref().unwrap_or(""), query].into_iter().filter(|q| !q.is_empty()).collect();
        if all.is_empty() { path } else { format!("{path}?{}", all.join("&")) }
    }

    /// The host as an IP address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }

    /// Whether it is this machine: a trial, which needs neither TLS nor a name.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_put_together() {
        let target = Target::parse("https://license.acme.example/marketplace/acme/cad?x=1").expect("right");
        assert_eq!((target.port, target.authority().as_str()), (443, "license.acme.example"));
        assert_eq!(target.path_and_query("", "signature=a"), "/marketplace/acme/cad?x=1&signature=a");
        assert_eq!(
            target.path_and_query("/produceAPI/authSync", ""),
            "/marketplace/acme/cad/produceAPI/authSync?x=1"
        );
        let local = Target::parse("http://[::1]:8080").expect("right");
        assert!(local.is_loopback() && local.path == "/" && local.authority() == "[::1]:8080");
        assert_eq!(local.path_and_query("/x", ""), "/x");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in
            ["", "acme.example", "ftp://acme.example", "https://", "https://a@b.example/", "https:///x"]
        {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
