//! Fields that only merchant and marketplace can read: phone and e-mail of a buyer, sign-in of an instance.
//!
//! Source: zh-cn_topic_0070649013 and 0082027567; the key is that of Java's `KeyGenerator` over `SHA1PRNG`.

use aes::{Aes128, Aes256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha1::{Digest, Sha1};

const IV_CHARS: usize = 16;

/// What `encryptType` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySize {
    Bits256,
    Bits128,
}

impl KeySize {
    /// `1` is AES-256, and what is meant when nothing is said.
    pub fn said(encrypt_type: Option<&str>) -> Option<Self> {
        match encrypt_type {
            None | Some("" | "1") => Some(Self::Bits256),
            Some("2") => Some(Self::Bits128),
            Some(_) => None,
        }
    }
}

/// The first 32 bytes that Sun's generator gives after `setSeed(access_key)`: each output is the digest of the state,
/// which then grows by the output and one, byte by byte with a carry.
pub fn field_key(access_key: &str) -> [u8; 32] {
    let mut state: [u8; 20] = Sha1::digest(access_key).into();
    let first: [u8; 20] = Sha1::digest(state).into();
    advance(&mut state, &first);
    let second: [u8; 20] = Sha1::digest(state).into();
    let mut key = [0; 32];
    key[..20].copy_from_slice(&first);
    key[20..].copy_from_slice(&second[..12]);
    key
}

/// Java's bytes have a sign, and its shift keeps it.
fn advance(state: &mut [u8; 20], output: &[u8; 20]) {
    let mut carry: i32 = 1;
    let before = *state;
    for (byte, out) in state.iter_mut().zip(output) {
        let sum = i32::from(byte.cast_signed()) + i32::from(out.cast_signed()) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    if *state == before {
        state[0] = state[0].wrapping_add(1);
    }
}

/// The IV, then base64 of the cipher text. `iv` is 16 letters and digits.
pub fn encrypt(access_key: &str, size: KeySize, iv: [u8; IV_CHARS], plain: &str) -> String {
    let key = field_key(access_key);
    let cipher = match size {
        KeySize::Bits256 => cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into())
            .encrypt_padded_vec::<Pkcs7>(plain.as_bytes()),
        KeySize::Bits128 => {
            let mut half = [0; 16];
            half.copy_from_slice(&key[..16]);
            cbc::Encryptor::<Aes128>::new(&half.into(), &iv.into())
                .encrypt_padded_vec::<Pkcs7>(plain.as_bytes())
        }
    };
    [String::from_utf8_lossy(&iv).into_owned(), STANDARD.encode(cipher)].concat()
}

/// What a field says; none when it was not encrypted like this.
pub fn decrypt(access_key: &str, size: KeySize, field: &str) -> Option<String> {
    let (iv, cipher) = field.split_at_checked(IV_CHARS)?;
    let iv: [u8; IV_CHARS] = iv.as_bytes().try_into().ok()?;
    let cipher = STANDARD.decode(cipher).ok()?;
    let key = field_key(access_key);
    let plain = match size {
        KeySize::Bits256 => {
            cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into()).decrypt_padded_vec::<Pkcs7>(&cipher)
        }
        KeySize::Bits128 => {
            let mut half = [0; 16];
            half.copy_from_slice(&key[..16]);
            cbc::Decryptor::<Aes128>::new(&half.into(), &iv.into()).decrypt_padded_vec::<Pkcs7>(&cipher)
        }
    };
    String::from_utf8(plain.ok()?).ok()
}
