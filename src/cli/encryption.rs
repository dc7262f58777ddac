//! Backups that are encrypted: to whom, and what opens them.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;

use super::Failure;
use super::sandbox::secret_ref;
use crate::age::{AgeError, Decrypter, Encrypter, FileKey, Identity, Key, Lock, Recipient, is_age};
use crate::config::{SecretResolver, read_text};
use crate::domain::SecretRef;
use crate::store::{SnapshotSource, StoreError};

/// Longest file of private keys, in bytes.
const IDENTITY_BYTES_MAX: usize = 64 * 1024;
/// Fewest characters of a passphrase that encrypts something new.
const PASSPHRASE_CHARS_MIN: usize = 12;
/// Read at once: 256 KiB.
const READ_BYTES: usize = 256 * 1024;

/// To whom a backup is encrypted.
#[derive(Debug, Args)]
pub struct EncryptTo {
    /// Encrypt it, in the age format, to this public key (age1…; `lictor keys identity FILE` makes a pair). May be given several
    /// times: each of the private keys opens it.
    #[arg(long, value_name = "PUBLIC KEY", conflicts_with = "passphrase")]
    encrypt_to: Vec<Recipient>,
    /// Encrypt it by a passphrase: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref)]
    passphrase: Option<SecretRef>,
}

/// What opens a backup.
#[derive(Debug, Args)]
pub struct DecryptWith {
    /// For an encrypted backup: the file with the private key.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase")]
    identity: Option<PathBuf>,
    /// For an encrypted backup: its passphrase, env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref)]
    passphrase: Option<SecretRef>,
}

fn passphrase(reference: &SecretRef) -> Result<SecretString, Failure> {
    SecretResolver::of_process().resolve(reference).map_err(|error| Failure::Usage(error.to_string()))
}

impl EncryptTo {
    /// None: it is not encrypted.
    pub fn lock(&self) -> Result<Option<Lock>, Failure> {
        match &self.passphrase {
            None if self.encrypt_to.is_empty() => Ok(None),
            None => Ok(Some(Lock::Recipients(self.encrypt_to.clone()))),
            Some(reference) => {
                let words = passphrase(reference)?;
                if secrecy::ExposeSecret::expose_secret(&words).chars().count() < PASSPHRASE_CHARS_MIN {
                    return Err(Failure::Usage(format!(
                        "{reference}: a passphrase has at least {PASSPHRASE_CHARS_MIN} characters: whoever has the file may try as many as he likes"
                    )));
                }
                Ok(Some(Lock::Passphrase(words)))
            }
        }
    }
}

impl DecryptWith {
    /// The backup as it is read. One that is encrypted needs its key, one that is not must not be given one: what was meant to
    /// be encrypted has then been replaced.
    pub fn source(&self, path: &Path) -> Result<Box<dyn SnapshotSource>, Failure> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::Refused(format!("nothing was restored: cannot open {}: {error}", path.display()))
        };
        let mut start = Vec::new();
        let mut file = File::open(path).map_err(|error| unreadable(&error))?;
        (&mut file).take(64).read_to_end(&mut start).map_err(|error| unreadable(&error))?;
        let Some(key) = self.key()? else {
            if is_age(&start) {
                return Err(unreadable(
                    &"it is encrypted: name the file with the private key by --identity FILE, or the passphrase by --passphrase env:NAME or file:PATH",
                ));
            }
            return Ok(Box::new(path.to_owned()));
        };
        let mut file = BufReader::new(File::open(path).map_err(|error| unreadable(&error))?);
        let file_key = FileKey::unlock(&mut file, &key).map_err(|error| match error {
            AgeError::NotAge => unreadable(
                &"it is not encrypted, although a key was given: if that is right, leave the key out",
            ),
            other => unreadable(&other),
        })?;
        Ok(Box::new(EncryptedFile { path: path.to_owned(), file_key }))
    }

    fn key(&self) -> Result<Option<Key>, Failure> {
        if let Some(reference) = &self.passphrase {
            return Ok(Some(Key::Passphrase(passphrase(reference)?)));
        }
        let Some(path) = &self.identity else { return Ok(None) };
        let text = SecretString::from(read_text(path, IDENTITY_BYTES_MAX)?);
        let identities = Identity::read_all(&text);
        let identities =
            identities.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        Ok(Some(Key::Identities(identities)))
    }
}

/// An encrypted file whose key is known.
pub struct EncryptedFile {
    /// Where.
    pub path: PathBuf,
    /// What opens it.
    pub file_key: FileKey,
}

impl SnapshotSource for EncryptedFile {
    fn open(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        let failed = |source: io::Error| StoreError::Io {
            doing: format!("opening {}", self.path.display()),
            source: Arc::new(source),
        };
        let file = BufReader::with_capacity(READ_BYTES, File::open(&self.path).map_err(failed)?);
        let plain =
            Decrypter::begin(file, &self.file_key).map_err(|error| failed(io::Error::other(error)))?;
        Ok(Box::new(BufReader::with_capacity(READ_BYTES, plain)))
    }

    fn name(&self) -> String {
        self.path.name()
    }
}

/// Encrypts what is written; flushed once, at its end.
pub struct Sealing<W: Write>(pub Encrypter<W>);

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.finish()
    }
}
