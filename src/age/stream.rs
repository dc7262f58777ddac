//! The payload: chunks of 64 KiB, each sealed with its number and whether it is the last.

use std::io::{self, Read, Write};

use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};

use super::AgeError;
use super::header::{self, FileKey, Header, Lock};

const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;

/// Seals or opens chunks in order.
struct Chunks {
    cipher: ChaCha20Poly1305,
    number: u64,
}

impl Chunks {
    fn new(file_key: &FileKey, nonce: &[u8; 16]) -> Self {
        Self { cipher: ChaCha20Poly1305::new(&(*file_key.of_payload(nonce)).into()), number: 0 }
    }

    /// Eleven bytes of number, most significant first, and one that marks the last.
    fn nonce(&mut self, is_last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.number.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.number += 1;
        nonce.into()
    }
}

/// Encrypts what is written. The last chunk is written by [`Self::finish`]: without it the file is not whole, and opens as cut.
pub struct Encrypter<W> {
    sink: W,
    chunks: Chunks,
    waiting: Vec<u8>,
    is_finished: bool,
}

impl<W: Write> Encrypter<W> {
    /// Writes the header. The key opens the file, for whoever reads it back.
    pub fn begin(mut sink: W, lock: &Lock) -> Result<(Self, FileKey), AgeError> {
        let (file_key, mut nonce) = (FileKey::new()?, [0; 16]);
        header::write(&mut sink, &file_key, lock)?;
        header::fill(&mut nonce)?;
        sink.write_all(&nonce)?;
        let chunks = Chunks::new(&file_key, &nonce);
        let waiting = Vec::with_capacity(CHUNK_BYTES);
        Ok((Self { sink, chunks, waiting, is_finished: false }, file_key))
    }

    /// Writes the last chunk and flushes; the second time it only flushes.
    pub fn finish(&mut self) -> io::Result<()> {
        if !self.is_finished {
            self.is_finished = true;
            self.seal(true)?;
        }
        self.sink.flush()
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.chunks.nonce(is_last);
        let sealed = self.chunks.cipher.encrypt(&nonce, self.waiting.as_slice());
        self.waiting.clear();
        self.sink.write_all(&sealed.map_err(|_| io::Error::other("a chunk is too long to be encrypted"))?)
    }
}

impl<W: Write> Write for Encrypter<W> {
    /// A full chunk waits until something follows it: the last one says that it is the last.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_finished {
            return Err(io::Error::other("the encrypted file is finished already"));
        }
        if self.waiting.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Decrypts what is read; gives no byte of a chunk that was changed, and ends well only with the last one.
pub struct Decrypter<R> {
    source: R,
    chunks: Chunks,
    plain: Vec<u8>,
    given: usize,
    /// Read of the next chunk already.
    ahead: Vec<u8>,
    is_ended: bool,
}

impl<R: Read> Decrypter<R> {
    /// Reads the header again, and checks it with the key of the file.
    pub fn begin(mut source: R, file_key: &FileKey) -> Result<Self, AgeError> {
        Header::read(&mut source)?.check(file_key)?;
        let mut nonce = [0; 16];
        source.read_exact(&mut nonce).map_err(|_| AgeError::Header("it ends too early"))?;
        let chunks = Chunks::new(file_key, &nonce);
        Ok(Self { source, chunks, plain: Vec::new(), given: 0, ahead: Vec::new(), is_ended: false })
    }

    /// Opens the next chunk. Whether it is the last is known by whether anything follows.
    fn open_next(&mut self) -> io::Result<()> {
        const SEALED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
        let mut sealed = std::mem::take(&mut self.ahead);
        let wanted = SEALED_BYTES + 1 - sealed.len();
        (&mut self.source).take(u64::try_from(wanted).unwrap_or(0)).read_to_end(&mut sealed)?;
        let is_last = sealed.len() <= SEALED_BYTES;
        if !is_last {
            self.ahead = sealed.split_off(SEALED_BYTES);
        }
        let number = self.chunks.number;
        let nonce = self.chunks.nonce(is_last);
        let plain = self.chunks.cipher.decrypt(&nonce, sealed.as_slice());
        self.plain = plain.map_err(|_| {
            let at = number * u64::try_from(CHUNK_BYTES).unwrap_or(0);
            let how = if is_last { "cut off or changed" } else { "changed" };
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the encrypted file was {how} behind its byte {at}"),
            )
        })?;
        if is_last && self.plain.is_empty() && number > 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the encrypted file ends with an empty part",
            ));
        }
        (self.given, self.is_ended) = (0, is_last);
        Ok(())
    }
}

impl<R: Read> Read for Decrypter<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        while self.given == self.plain.len() {
            if self.is_ended {
                return Ok(0);
            }
            self.open_next()?;
        }
        let count = bytes.len().min(self.plain.len() - self.given);
        bytes[..count].copy_from_slice(&self.plain[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Identity, Key};
    use super::*;

    fn lock() -> (Lock, Key) {
        let identity = Identity::new([3; 32]);
        (
            Lock::Recipients(vec![identity.recipient()]),
            Key::Identities(vec![Identity::new([4; 32]), identity]),
        )
    }

    fn encrypted(plain: &[u8], lock: &Lock) -> Vec<u8> {
        let mut file = Vec::new();
        let (mut sink, _) = Encrypter::begin(&mut file, lock).expect("written");
        sink.write_all(plain).expect("written");
        sink.finish().expect("written");
        drop(sink);
        file
    }

    fn decrypted(file: &[u8], key: &Key) -> Result<Vec<u8>, String> {
        let file_key = FileKey::unlock(&mut &file[..], key).map_err(|error| error.to_string())?;
        let mut source = Decrypter::begin(file, &file_key).map_err(|error| error.to_string())?;
        let mut plain = Vec::new();
        source.read_to_end(&mut plain).map_err(|error| error.to_string())?;
        Ok(plain)
    }

    #[test]
    fn what_is_encrypted_is_read_back_whatever_its_length() {
        let (lock, key) = lock();
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let plain: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).expect("small")).collect();
            assert_eq!(decrypted(&encrypted(&plain, &lock), &key), Ok(plain));
        }
    }

    #[test]
    fn every_change_and_every_cut_is_noticed() {
        let (lock, key) = lock();
        let plain = vec![7; 2 * CHUNK_BYTES + 5];
        let file = encrypted(&plain, &lock);
        let header = file.len() - 16 - (plain.len() + 3 * TAG_BYTES);
        for at in (0..header + 32).chain((header + 32..file.len()).step_by(9_973)).chain([file.len() - 1]) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(decrypted(&changed, &key).is_err(), "byte {at}");
            assert!(decrypted(&file[..at], &key).is_err(), "cut at {at}");
        }
        // Cut exactly between two parts, and with something behind the last.
        for parts in 1..=2 {
            let end = header + 16 + parts * (CHUNK_BYTES + TAG_BYTES);
            assert!(decrypted(&file[..end], &key).is_err());
        }
        assert!(decrypted(&[file, vec![0]].concat(), &key).is_err());
    }

    #[test]
    fn another_key_opens_nothing_and_what_is_no_age_file_is_told() {
        let (lock, _) = lock();
        let file = encrypted(b"plain", &lock);
        let told = |file: &[u8], key: &Key| decrypted(file, key).expect_err("refused");
        let stranger = Key::Identities(vec![Identity::new([5; 32])]);
        assert!(told(&file, &stranger).contains("encrypted to others"));
        let passphrase = Key::Passphrase("words".to_owned().into());
        assert!(told(&file, &passphrase).contains("--identity"));
        assert!(told(b"lictorSN and so on, for longer than that", &stranger).contains("not encrypted"));
        assert!(told(b"", &stranger).contains("not encrypted"));
        assert!(told(b"-----BEGIN AGE ENCRYPTED FILE-----\n", &stranger).contains("armour"));
        let hard = b"age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 30\nAA\n--- AA\n";
        assert!(told(hard, &passphrase).contains("2^30"));
    }
}
