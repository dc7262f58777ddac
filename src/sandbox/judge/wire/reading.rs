//! Reads one answer: head, then body by chunks, by length or to the end.

use super::super::exchange::{CallFailure, Phase};
use super::{Limits, Stream};

/// Most headers that are read.
const HEADERS_MAX: usize = 128;
/// Longest line that gives a chunk's length, its extensions included.
const CHUNK_LINE_BYTES_MAX: usize = 1024;
const READ_BYTES: usize = 16 * 1024;

/// An answer as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// How a body ends.
enum Length {
    Chunked,
    Bytes(usize),
    ToTheEnd,
}

/// What was received and not used yet.
struct Incoming<'a, S> {
    stream: &'a mut S,
    buffer: Vec<u8>,
}

/// Reads one answer; interim ones (1xx) are passed over.
pub fn read<S: Stream>(stream: &mut S, limits: &Limits) -> Result<Read, CallFailure> {
    stream.waits_for(Phase::FirstByte);
    let mut incoming = Incoming { stream, buffer: Vec::new() };
    loop {
        let (status, headers) = incoming.head(limits.head_bytes)?;
        if !(100..200).contains(&status) {
            let body = incoming.body(&length(status, &headers)?, limits.body_bytes)?;
            return Ok(Read { status, headers, body });
        }
    }
}

fn length(status: u16, headers: &[(String, String)]) -> Result<Length, CallFailure> {
    let values = |name: &str| -> Vec<&str> {
        headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    };
    if matches!(status, 204 | 304) {
        return Ok(Length::Bytes(0));
    }
    if let Some(coding) = values("transfer-encoding").last() {
        let is_chunked = coding.trim().to_ascii_lowercase().ends_with("chunked");
        return Ok(if is_chunked { Length::Chunked } else { Length::ToTheEnd });
    }
    let lengths = values("content-length");
    match lengths.split_first() {
        None => Ok(Length::ToTheEnd),
        Some((first, others)) if others.iter().all(|other| other == first) => {
            let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
            let bytes = first.parse().ok().filter(|_| digits).map(Length::Bytes);
            bytes.ok_or_else(|| CallFailure::Unreadable("Content-Length is no number".to_owned()))
        }
        Some(_) => Err(CallFailure::Unreadable("there are two Content-Lengths".to_owned())),
    }
}

impl<S: Stream> Incoming<'_, S> {
    /// Receives some more; false at the end of the connection.
    fn more(&mut self) -> Result<bool, CallFailure> {
        let mut piece = [0; READ_BYTES];
        let count = self.stream.read(&mut piece).map_err(|error| self.stream.failure(&error))?;
        self.buffer.extend_from_slice(&piece[..count]);
        self.stream.waits_for(Phase::Rest);
        Ok(count > 0)
    }

    fn must_have_more(&mut self) -> Result<(), CallFailure> {
        if self.more()? { Ok(()) } else { Err(CallFailure::Closed) }
    }

    fn head(&mut self, limit: usize) -> Result<(u16, Vec<(String, String)>), CallFailure> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.buffer);
            match parsed.map_err(|error| CallFailure::Unreadable(error.to_string()))? {
                httparse::Status::Complete(length) => {
                    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                    let headers = response.headers.iter();
                    let headers =
                        headers.map(|header| (header.name.to_owned(), text(header.value))).collect();
                    let status = response.code.unwrap_or(0);
                    self.buffer.drain(..length);
                    return Ok((status, headers));
                }
                httparse::Status::Partial if self.buffer.len() >= limit => {
                    return Err(CallFailure::TooLarge { limit });
                }
                httparse::Status::Partial => self.must_have_more()?,
            }
        }
    }

    fn body(&mut self, length: &Length, limit: usize) -> Result<Vec<u8>, CallFailure> {
        match length {
            Length::Chunked => self.chunks(limit),
            Length::Bytes(bytes) if *bytes > limit => Err(CallFailure::TooLarge { limit }),
            Length::Bytes(bytes) => self.take(*bytes),
            Length::ToTheEnd => {
                while self.more()? {
                    if self.buffer.len() > limit {
                        return Err(CallFailure::TooLarge { limit });
                    }
                }
                Ok(std::mem::take(&mut self.buffer))
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Result<Vec<u8>, CallFailure> {
        while self.buffer.len() < bytes {
            self.must_have_more()?;
        }
        Ok(self.buffer.drain(..bytes).collect())
    }

    fn chunks(&mut self, limit: usize) -> Result<Vec<u8>, CallFailure> {
        let mut body = Vec::new();
        loop {
            let bytes = self.chunk_bytes()?;
            if bytes > limit.saturating_sub(body.len()) {
                return Err(CallFailure::TooLarge { limit });
            }
            if bytes == 0 {
                // Trailers are of no interest, and the connection ends here anyway.
                return Ok(body);
            }
            body.extend(self.take(bytes)?);
            if self.take(2)? != b"\r\n" {
                return Err(CallFailure::Unreadable("a chunk does not end where it says".to_owned()));
            }
        }
    }

    fn chunk_bytes(&mut self) -> Result<usize, CallFailure> {
        let wrong = || CallFailure::Unreadable("the length of a chunk cannot be read".to_owned());
        loop {
            match httparse::parse_chunk_size(&self.buffer).map_err(|_| wrong())? {
                httparse::Status::Complete((line, bytes)) => {
                    self.buffer.drain(..line);
                    return usize::try_from(bytes).map_err(|_| wrong());
                }
                httparse::Status::Partial if self.buffer.len() > CHUNK_LINE_BYTES_MAX => return Err(wrong()),
                httparse::Status::Partial => self.must_have_more()?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, Write};

    use super::*;

    /// Gives its bytes one by one, then the end.
    struct Script(Cursor<Vec<u8>>);

    impl std::io::Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    impl Write for Script {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stream for Script {
        fn waits_for(&mut self, _phase: Phase) {}

        fn failure(&self, _error: &io::Error) -> CallFailure {
            CallFailure::Closed
        }
    }

    fn read_all(text: &str) -> Result<Read, CallFailure> {
        let limits = Limits { head_bytes: 200, body_bytes: 10, ..Limits::default() };
        read(&mut Script(Cursor::new(text.as_bytes().to_vec())), &limits)
    }

    #[test]
    fn names_keep_their_letter_case_and_bodies_their_bytes() {
        let read =
            read_all("HTTP/1.1 200 OK\r\nboDy-SIGN: a\r\nContent-Length: 4\r\n\r\n{ }\nrest").expect("right");
        assert_eq!(read.headers[0], ("boDy-SIGN".to_owned(), "a".to_owned()));
        assert_eq!((read.status, read.body.as_slice()), (200, b"{ }\n".as_slice()));
    }

    #[test]
    fn a_body_comes_by_chunks_by_length_or_to_the_end() {
        for text in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\n\r\nabc",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        ] {
            assert_eq!(read_all(text).map(|read| read.body), Ok(b"abc".to_vec()), "{text}");
        }
        assert_eq!(
            read_all("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n").map(|read| read.body),
            Ok(Vec::new())
        );
    }

    #[test]
    fn what_is_cut_off_too_long_or_no_http_is_told_apart() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(300));
        let unreadable = |text: &str| matches!(read_all(text), Err(CallFailure::Unreadable(_)));
        assert_eq!(read_all(""), Err(CallFailure::Closed));
        assert_eq!(read_all("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), Err(CallFailure::Closed));
        assert_eq!(read_all(&long), Err(CallFailure::TooLarge { limit: 200 }));
        for length in ["Content-Length: 11\r\n", "Transfer-Encoding: chunked\r\n"] {
            let text = format!("HTTP/1.1 200 OK\r\n{length}\r\nb\r\n12345678901\r\n0\r\n\r\n");
            assert_eq!(read_all(&text), Err(CallFailure::TooLarge { limit: 10 }), "{length}");
        }
        assert!(unreadable("SSH-2.0-OpenSSH\r\n\r\n"));
        assert!(unreadable("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"));
        assert!(unreadable("HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"));
        assert!(unreadable("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"));
        assert!(unreadable("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"));
    }
}
