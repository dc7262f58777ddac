//! Fields that V1 encrypts: 16 characters of IV, then base64 of AES-CBC with PKCS#5 padding.
//!
//! Source: zh-cn_topic_0070649066 and the official Java sample. The AES key is what Java's `KeyGenerator("AES")`
//! makes of a `SecureRandom("SHA1PRNG")` that was seeded with the access key.

use aes::{Aes128, Aes256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use hmac::Mac;
use secrecy::{ExposeSecret, SecretString};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::signature::keyed;

const IV_CHARS: usize = 16;
const SHA1_BYTES: usize = 20;

/// `encryptType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptType {
    /// `1`, what the marketplace takes when nothing is said.
    Aes256,
    /// `2`.
    Aes128,
}

impl EncryptType {
    pub fn code(self) -> &'static str {
        match self {
            Self::Aes256 => "1",
            Self::Aes128 => "2",
        }
    }
}

/// Encrypts a field. The IV is derived from key, name and text: it needs no randomness, and equal texts of one
/// field are all that equal fields give away.
pub fn encrypt(secret: &SecretString, kind: EncryptType, name: &str, plain: &str) -> String {
    encrypt_with(secret, kind, &derived_iv(secret, name, plain), plain)
}

/// The same with a given IV.
pub fn encrypt_with(secret: &SecretString, kind: EncryptType, iv: &[u8; IV_CHARS], plain: &str) -> String {
    let key = aes_key(secret);
    let sealed = match kind {
        EncryptType::Aes256 => Encryptor::<Aes256>::new_from_slices(&key[..32], iv)
            .map(|cipher| cipher.encrypt_padded_vec::<Pkcs7>(plain.as_bytes())),
        EncryptType::Aes128 => Encryptor::<Aes128>::new_from_slices(&key[..16], iv)
            .map(|cipher| cipher.encrypt_padded_vec::<Pkcs7>(plain.as_bytes())),
    };
    let sealed = sealed.expect("key and IV have the lengths of the cipher");
    let iv: String = iv.iter().map(|byte| char::from(*byte)).collect();
    iv + &STANDARD.encode(sealed)
}

/// Sixteen letters and digits.
fn derived_iv(secret: &SecretString, name: &str, plain: &str) -> [u8; IV_CHARS] {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut mac = keyed(secret);
    mac.update(b"koogallery field iv\0");
    mac.update(name.as_bytes());
    mac.update(b"\0");
    mac.update(plain.as_bytes());
    let digest = mac.finalize().into_bytes();
    std::array::from_fn(|at| LETTERS[usize::from(digest[at]) % LETTERS.len()])
}

/// Two blocks of Sun's SHA1PRNG: the first 16 or 32 bytes are the AES key.
pub fn aes_key(secret: &SecretString) -> Zeroizing<[u8; 2 * SHA1_BYTES]> {
    let mut state: [u8; SHA1_BYTES] = Sha1::digest(secret.expose_secret().as_bytes()).into();
    let mut key = Zeroizing::new([0; 2 * SHA1_BYTES]);
    for block in key.chunks_exact_mut(SHA1_BYTES) {
        let output: [u8; SHA1_BYTES] = Sha1::digest(state).into();
        block.copy_from_slice(&output);
        state = next_state(state, &output);
    }
    key
}

/// `state + output + 1` over signed bytes with a signed carry, and never the same state again.
fn next_state(state: [u8; SHA1_BYTES], output: &[u8; SHA1_BYTES]) -> [u8; SHA1_BYTES] {
    let mut next = state;
    let mut carry = 1_i32;
    for (byte, output) in next.iter_mut().zip(output) {
        let sum = i32::from(byte.cast_signed()) + i32::from(output.cast_signed()) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    if next == state {
        next[0] = next[0].wrapping_add(1);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::Decryptor;
    use cbc::cipher::BlockModeDecrypt;

    fn decrypt(secret: &SecretString, kind: EncryptType, field: &str) -> String {
        let (iv, sealed) = field.split_at(IV_CHARS);
        let (key, sealed) = (aes_key(secret), STANDARD.decode(sealed).unwrap());
        let plain = match kind {
            EncryptType::Aes256 => Decryptor::<Aes256>::new_from_slices(&key[..32], iv.as_bytes())
                .unwrap()
                .decrypt_padded_vec::<Pkcs7>(&sealed),
            EncryptType::Aes128 => Decryptor::<Aes128>::new_from_slices(&key[..16], iv.as_bytes())
                .unwrap()
                .decrypt_padded_vec::<Pkcs7>(&sealed),
        };
        String::from_utf8(plain.unwrap()).unwrap()
    }

    #[test]
    fn a_field_decrypts_to_what_it_was_and_its_iv_is_letters_and_digits() {
        let secret = SecretString::from("isv-demo-key-0001");
        for kind in [EncryptType::Aes256, EncryptType::Aes128] {
            for plain in ["", "admin", "exactly 16 bytes", "用户一"] {
                let field = encrypt(&secret, kind, "userName", plain);
                assert_eq!(decrypt(&secret, kind, &field), plain);
                assert!(field.chars().take(IV_CHARS).all(|letter| letter.is_ascii_alphanumeric()));
            }
        }
        let of = |name, plain| encrypt(&secret, EncryptType::Aes256, name, plain)[..IV_CHARS].to_owned();
        assert_ne!(of("userName", "admin"), of("password", "admin"));
        assert_ne!(of("userName", "admin"), of("userName", "admim"));
    }

    #[test]
    fn the_generator_never_keeps_its_state() {
        let mut output = [0; SHA1_BYTES];
        // An output that adds up to nothing: -1 in the first byte undoes the 1 that is added.
        output[0] = 0xff;
        let next = next_state([7; SHA1_BYTES], &output);
        assert_eq!(next[0], 8);
        assert_eq!(next[1..], [7; SHA1_BYTES - 1]);
    }
}
