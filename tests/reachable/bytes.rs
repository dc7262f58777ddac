//! What a proxy sends on, seen from the other side: somebody who keeps every byte takes the service's place.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use crate::calls::{Post, get, unusual_get};
use crate::certificates::chain;
use crate::proxy::{Kind, Proxy};
use crate::wire::{Address, Connection};

/// Bytes that a proxy could be tempted to touch: long enough to be compressed, odd enough to be repaired.
fn answer_body() -> Vec<u8> {
    let mut body = b"{ \"resultCode\" : \"000000\" ,\r\n\t\"x\":\"\\u4e2d\" }  \n".to_vec();
    body.extend((0..=255).cycle().take(64 * 1024));
    body
}

/// Answers each connection's request and hands on what it was.
fn recorder(listener: TcpListener, seen: mpsc::Sender<Vec<u8>>) {
    for stream in listener.incoming().map_while(Result::ok) {
        let (mut stream, mut request) = (stream, Vec::new());
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        let mut piece = [0; 65_536];
        while !is_whole(&request) {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(read) => request.extend_from_slice(&piece[..read]),
            }
        }
        let body = answer_body();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nBody-Sign: x\"y\", z\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).ok();
        if seen.send(request).is_err() {
            return;
        }
    }
}

fn parts(request: &[u8]) -> Option<(String, &[u8])> {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(&request[..end]).to_lowercase(), &request[end + 4..]))
}

fn is_whole(request: &[u8]) -> bool {
    let Some((head, body)) = parts(request) else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn bytes_are_kept(kind: Kind) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (root, _, leaf) = chain();
    let Some(proxy) = Proxy::start(kind, listener.local_addr().expect("bound"), &leaf) else { return };
    let (seen, requests) = mpsc::channel();
    std::thread::spawn(move || recorder(listener, seen));
    let address = Address { socket: proxy.address, root: Some(root.certificate.der().clone()) };
    let long = "ß 许可 \\u0000 \u{1f511} ".repeat(30_000);
    for (sent, target, body) in [
        {
            let post = Post::of(&format!("\r\n {{ \"x\" : \"{long}\" }} \t\n"));
            (post.bytes("close"), post.target, post.body)
        },
        {
            // As long as a whole order in a query may be.
            let padding = "&padding=".to_owned() + &"0123456789abcdef".repeat(940);
            let target = unusual_get("cad-license") + &padding + "&x=%2b%7E%c3%9F;a=%25+//..%2F&empty=&&y";
            (get(&target), target, Vec::new())
        },
        {
            let target = "/marketplace/acme/cad-koogallery/produceAPI/v2/a%20b%2Fc".to_owned();
            (get(&target), target, Vec::new())
        },
    ] {
        let answer = Connection::to(&address).ask(&sent);
        assert_eq!(answer.header("Body-Sign"), "x\"y\", z", "{kind:?}");
        assert!(answer.body == answer_body(), "{kind:?}: the answer was changed");
        let request = requests.recv_timeout(Duration::from_secs(60)).expect("it was sent on");
        let (head, received) = parts(&request).expect("a request");
        let line = String::from_utf8_lossy(&request);
        let line = line.lines().next().expect("a request line");
        assert_eq!(line.split(' ').nth(1), Some(target.as_str()), "{kind:?}");
        assert!(received == body, "{kind:?}: the body was changed");
        assert!(head.contains("x-forwarded-for: 127.0.0.1"), "{kind:?}: {head}");
    }
}

#[test]
fn nginx_passes_every_byte_on() {
    bytes_are_kept(Kind::Nginx);
}

#[test]
fn haproxy_passes_every_byte_on() {
    bytes_are_kept(Kind::Haproxy);
}
