//! A caller that prefers HTTP/2 and sees the raw bytes of what it gets.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates::HOST;

/// Where a service is, and whose certificates are believed there; `None`: plain HTTP.
#[derive(Clone)]
pub struct Address {
    pub socket: SocketAddr,
    pub root: Option<CertificateDer<'static>>,
}

/// An answer, byte for byte.
#[derive(Debug)]
pub struct Answer {
    /// Status line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line")
    }

    /// The value of the one header with exactly this name.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values =
            self.head.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let value = values.next().unwrap_or_else(|| panic!("no {name} in {}", self.head));
        assert!(values.next().is_none(), "{name} twice in {}", self.head);
        value
    }
}

/// An open connection.
pub struct Connection {
    stream: Box<dyn ReadWrite + Send>,
    /// What was agreed on in the handshake, if there was one that agreed on something.
    pub protocol: Option<String>,
    /// The certificate that was shown.
    pub leaf: Option<CertificateDer<'static>>,
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl Connection {
    pub fn to(address: &Address) -> Self {
        Self::try_to(address, Ipv4Addr::LOCALHOST.into())
            .expect("it listens, and its certificate is believed")
    }

    /// From an address of this machine's own.
    pub fn from(address: &Address, own: IpAddr) -> Self {
        Self::try_to(address, own).expect("it listens, and its certificate is believed")
    }

    pub fn try_to(address: &Address, own: IpAddr) -> io::Result<Self> {
        let stream = socket(address.socket, own)?;
        let Some(root) = &address.root else {
            return Ok(Self { stream: Box::new(stream), protocol: None, leaf: None });
        };
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from(HOST).expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut stream = StreamOwned::new(client, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let protocol = stream.conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        let leaf = stream.conn.peer_certificates().map(|chain| chain[0].clone().into_owned());
        Ok(Self { stream: Box::new(stream), protocol, leaf })
    }

    /// What still comes until the other side ends the connection, however it does that.
    pub fn rest(mut self) -> Vec<u8> {
        let mut read = Vec::new();
        self.stream.read_to_end(&mut read).ok();
        read
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).expect("written");
    }

    pub fn ask(&mut self, request: &[u8]) -> Answer {
        self.try_ask(request).expect("an answer")
    }

    /// Sends exactly these bytes and reads one answer.
    pub fn try_ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request)?;
        self.stream.flush()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("ASCII");
        let length = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
        });
        let mut body = vec![0; length.expect("every answer says how long it is")];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { head, body })
    }
}

/// A connected socket whose own address is chosen, so that it can be told from a proxy's.
pub fn socket(to: SocketAddr, own: IpAddr) -> io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(own, 0))?;
        socket.connect(to).await?.into_std()
    })?;
    connected.set_nonblocking(false)?;
    connected.set_read_timeout(Some(Duration::from_secs(60)))?;
    connected.set_nodelay(true)?;
    Ok(connected)
}
