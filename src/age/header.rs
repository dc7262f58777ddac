//! The header: who can come to the file key, and how.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::AgeError;
use super::keys::{Identity, Recipient};

const VERSION: &str = "age-encryption.org/v1";
const X25519_INFO: &str = "age-encryption.org/v1/X25519";
const SCRYPT_SALT: &str = "age-encryption.org/v1/scrypt";
/// Work of a passphrase, as the other programs have it: about a second and 256 MiB.
const LOG_N: u8 = 18;
/// What is still tried: a GiB.
pub(super) const LOG_N_MAX: u8 = 20;
/// Longest header that is read, in bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Characters of a line of a stanza's body.
const LINE_CHARS: usize = 64;
const WRAPPED_BYTES: usize = 32;

/// To whom a file is encrypted.
#[derive(Debug, Clone)]
pub enum Lock {
    /// To these public keys.
    Recipients(Vec<Recipient>),
    /// To whoever knows a passphrase.
    Passphrase(SecretString),
}

/// What opens it.
#[derive(Debug, Clone)]
pub enum Key {
    /// One of these private keys.
    Identities(Vec<Identity>),
    /// The passphrase.
    Passphrase(SecretString),
}

/// What the payload of one file is encrypted with.
#[derive(Clone)]
pub struct FileKey(Zeroizing<[u8; 16]>);

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileKey")
    }
}

/// Whether a file begins as an age file does.
pub fn is_age(start: &[u8]) -> bool {
    start.starts_with(VERSION.as_bytes()) || start.starts_with(ARMOUR)
}

const ARMOUR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

struct Stanza {
    arguments: Vec<String>,
    body: Vec<u8>,
}

impl FileKey {
    pub(super) fn new() -> Result<Self, AgeError> {
        let mut key = Zeroizing::new([0; 16]);
        fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Comes to the key of a file by its header; what follows it is left unread.
    pub fn unlock(file: &mut impl Read, key: &Key) -> Result<Self, AgeError> {
        let header = Header::read(file)?;
        let found = match key {
            Key::Identities(identities) => header.by_identity(identities)?,
            Key::Passphrase(passphrase) => header.by_passphrase(passphrase)?,
        };
        header.check(&found)?;
        Ok(found)
    }

    /// The key of the payload that begins with this nonce.
    pub(super) fn of_payload(&self, nonce: &[u8; 16]) -> Zeroizing<[u8; 32]> {
        derived(self.0.as_slice(), nonce, "payload")
    }

    fn mac(&self) -> Hmac<Sha256> {
        let key = derived(self.0.as_slice(), &[], "header");
        Hmac::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length")
    }
}

/// Writes a header for this key.
pub(super) fn write(sink: &mut impl Write, file_key: &FileKey, lock: &Lock) -> Result<(), AgeError> {
    let mut header = format!("{VERSION}\n");
    match lock {
        Lock::Recipients(recipients) => {
            for recipient in recipients {
                header.push_str(&to_recipient(file_key, recipient)?);
            }
        }
        Lock::Passphrase(passphrase) => header.push_str(&to_passphrase(file_key, passphrase)?),
    }
    header.push_str("---");
    let mut mac = file_key.mac();
    mac.update(header.as_bytes());
    let mac = STANDARD_NO_PAD.encode(mac.finalize().into_bytes());
    Ok(sink.write_all(format!("{header} {mac}\n").as_bytes())?)
}

fn to_recipient(file_key: &FileKey, recipient: &Recipient) -> Result<String, AgeError> {
    let mut secret = [0; 32];
    fill(&mut secret)?;
    let once = Identity::new(secret);
    let share = once.recipient().0;
    let shared = once.shared_with(recipient.0).ok_or(AgeError::Header("a public key that hides nothing"))?;
    let salt = [share, recipient.0].concat();
    let wrapped = sealed(&derived(shared.as_slice(), &salt, X25519_INFO), file_key);
    Ok(format!("-> X25519 {}\n{}\n", STANDARD_NO_PAD.encode(share), STANDARD_NO_PAD.encode(wrapped)))
}

fn to_passphrase(file_key: &FileKey, passphrase: &SecretString) -> Result<String, AgeError> {
    let mut salt = [0; 16];
    fill(&mut salt)?;
    let wrapped = sealed(&*stretched(passphrase, &salt, LOG_N)?, file_key);
    let (salt, wrapped) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(wrapped));
    Ok(format!("-> scrypt {salt} {LOG_N}\n{wrapped}\n"))
}

/// A header that was read; nothing in it is believed before its MAC was checked.
pub(super) struct Header {
    stanzas: Vec<Stanza>,
    /// What the MAC covers.
    covered: Vec<u8>,
    mac: Vec<u8>,
}

impl Header {
    pub(super) fn read(file: &mut impl Read) -> Result<Self, AgeError> {
        let mut lines = HeaderLines { file, bytes: Vec::new() };
        let first = lines.next()?;
        if first.as_bytes() == ARMOUR {
            return Err(AgeError::Armoured);
        }
        if first != VERSION {
            return Err(AgeError::NotAge);
        }
        let mut stanzas = Vec::new();
        loop {
            let before = lines.bytes.len();
            let line = lines.next()?;
            if let Some(mac) = line.strip_prefix("--- ") {
                let mac = decoded(mac)?;
                let mut covered = lines.bytes;
                covered.truncate(before + "---".len());
                return Ok(Self { stanzas, covered, mac });
            }
            let arguments =
                line.strip_prefix("-> ").ok_or(AgeError::Header("no stanza where one must be"))?;
            let arguments = arguments.split(' ').map(str::to_owned).collect();
            stanzas.push(Stanza { arguments, body: lines.body()? });
        }
    }

    pub(super) fn check(&self, file_key: &FileKey) -> Result<(), AgeError> {
        let mut mac = file_key.mac();
        mac.update(&self.covered);
        mac.verify_slice(&self.mac).map_err(|_| AgeError::Header("it was changed after it was written"))
    }

    fn by_identity(&self, identities: &[Identity]) -> Result<FileKey, AgeError> {
        for stanza in self.stanzas.iter().filter(|stanza| stanza.is("X25519")) {
            let [_, share] = stanza.arguments.as_slice() else {
                return Err(AgeError::Header("a stanza of X25519 has one share"));
            };
            let share: [u8; 32] =
                decoded(share)?.try_into().map_err(|_| AgeError::Header("a share has 32 bytes"))?;
            for identity in identities {
                let shared =
                    identity.shared_with(share).ok_or(AgeError::Header("a share that hides nothing"))?;
                let salt = [share, identity.recipient().0].concat();
                let key = derived(shared.as_slice(), &salt, X25519_INFO);
                if let Some(found) = opened(&key, &stanza.body) {
                    return Ok(found);
                }
            }
        }
        Err(AgeError::NoKeyFits(if self.stanzas.iter().any(|stanza| stanza.is("scrypt")) {
            "it is encrypted by a passphrase: name it with --passphrase env:NAME or file:PATH"
        } else {
            "none of the private keys opens it: it was encrypted to others"
        }))
    }

    /// A passphrase stands alone: otherwise whoever knows it could pass a file off as another's.
    fn by_passphrase(&self, passphrase: &SecretString) -> Result<FileKey, AgeError> {
        let [stanza] = self.stanzas.as_slice() else { return Err(AgeError::NoKeyFits(TO_KEYS)) };
        if !stanza.is("scrypt") {
            return Err(AgeError::NoKeyFits(TO_KEYS));
        }
        let [_, salt, log_n] = stanza.arguments.as_slice() else {
            return Err(AgeError::Header("a stanza of scrypt has a salt and a number"));
        };
        let salt: [u8; 16] =
            decoded(salt)?.try_into().map_err(|_| AgeError::Header("a salt has 16 bytes"))?;
        let log_n: u8 =
            log_n.parse().map_err(|_| AgeError::Header("the work of a passphrase is a number"))?;
        if log_n == 0 || log_n > LOG_N_MAX {
            return Err(AgeError::TooHard(log_n));
        }
        let found = opened(&*stretched(passphrase, &salt, log_n)?, &stanza.body);
        found.ok_or(AgeError::NoKeyFits("the passphrase does not open it"))
    }
}

const TO_KEYS: &str = "it is encrypted to public keys: name the file with the private key by --identity FILE";

impl Stanza {
    fn is(&self, kind: &str) -> bool {
        self.arguments.first().is_some_and(|argument| argument == kind)
    }
}

/// Lines, byte by byte: what follows the header is not the header's to read.
struct HeaderLines<'a, R> {
    file: &'a mut R,
    bytes: Vec<u8>,
}

impl<R: Read> HeaderLines<'_, R> {
    fn next(&mut self) -> Result<String, AgeError> {
        let start = self.bytes.len();
        let what = if start == 0 { AgeError::NotAge } else { AgeError::Header("it ends too early") };
        loop {
            let mut byte = [0];
            if self.file.read(&mut byte)? == 0 {
                return Err(what);
            }
            self.bytes.push(byte[0]);
            let read = &self.bytes[start..];
            // Something else is told from the first bytes.
            if start == 0 && read.len() > ARMOUR.len() + 1 {
                return Err(AgeError::NotAge);
            }
            if self.bytes.len() > HEADER_BYTES_MAX {
                return Err(AgeError::Header("it is longer than 64 KiB"));
            }
            if byte[0] == b'\n' {
                let line = &read[..read.len() - 1];
                let line = String::from_utf8(line.to_vec());
                return line
                    .map_err(|_| if start == 0 { AgeError::NotAge } else { AgeError::Header("no text") });
            }
        }
    }

    /// Ends with the first line that is not full.
    fn body(&mut self) -> Result<Vec<u8>, AgeError> {
        let mut text = String::new();
        loop {
            let line = self.next()?;
            text.push_str(&line);
            match line.len() {
                LINE_CHARS => {}
                shorter if shorter < LINE_CHARS => return decoded(&text),
                _ => return Err(AgeError::Header("a line is too long")),
            }
        }
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, AgeError> {
    STANDARD_NO_PAD.decode(text).map_err(|_| AgeError::Header("what must be base64 is none"))
}

fn derived(secret: &[u8], salt: &[u8], info: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let derived = Hkdf::<Sha256>::new(Some(salt), secret).expand(info.as_bytes(), key.as_mut_slice());
    derived.expect("HKDF gives 32 bytes");
    key
}

fn stretched(passphrase: &SecretString, salt: &[u8; 16], log_n: u8) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    let salt = [SCRYPT_SALT.as_bytes(), salt].concat();
    let mut key = Zeroizing::new([0; 32]);
    let params = scrypt::Params::new(log_n, 8, 1).map_err(|_| AgeError::TooHard(log_n))?;
    scrypt::scrypt(passphrase.expose_secret().as_bytes(), &salt, &params, key.as_mut_slice())
        .map_err(|_| AgeError::TooHard(log_n))?;
    Ok(key)
}

/// Each wrapping key is used once, so the nonce may be zero.
fn sealed(key: &[u8; 32], file_key: &FileKey) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(&(*key).into());
    cipher.encrypt(&Nonce::default(), file_key.0.as_slice()).expect("sixteen bytes are not too long")
}

fn opened(key: &[u8; 32], body: &[u8]) -> Option<FileKey> {
    if body.len() != WRAPPED_BYTES {
        return None;
    }
    let plain = Zeroizing::new(ChaCha20Poly1305::new(&(*key).into()).decrypt(&Nonce::default(), body).ok()?);
    Some(FileKey(Zeroizing::new(plain.as_slice().try_into().ok()?)))
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), AgeError> {
    getrandom::fill(bytes).map_err(|error| AgeError::Io(std::io::Error::other(error.to_string())))
}
