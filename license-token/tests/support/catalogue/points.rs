//! Curve points that a verifier must not take, and signatures that only a lenient one accepts.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Signer as _;
use license_token::key_set::thumbprint;
use license_token::{Code, Role, base64url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::super::vector::Vector;
use super::super::{header, key, keys, license, payload};
use super::{changed_set, craft, key_vector, license_text};

pub fn all() -> Vec<Vector> {
    [weak_keys(), signatures()].into_iter().flatten().collect()
}

/// p = 2^255 − 19, little-endian, plus a small number.
fn p_plus(small: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + small;
    bytes[31] = 0x7f;
    bytes
}

fn y(small: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = small;
    bytes
}

fn negative(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] |= 0x80;
    bytes
}

/// The usual set, these bytes in place of the root key: only the set as a whole can refuse the license key then.
fn root_is(point: &[u8; 32]) -> String {
    let mut set: Value = serde_json::from_str(&keys().to_json()).expect("JSON");
    for jwk in set["keys"].as_array_mut().expect("an array") {
        if jwk["role"] == "root" {
            jwk["x"] = json!(base64url::encode(point));
            jwk["kid"] = json!(thumbprint(point));
        }
    }
    set.to_string()
}

fn weak_keys() -> Vec<Vector> {
    let torsion = EIGHT_TORSION.map(|point| point.compress().to_bytes());
    let refused = |name: &str, about: &str, point: &[u8; 32]| {
        key_vector(&format!("point-{name}"), about, license_text())
            .keys(root_is(point))
            .refused(Code::UnknownKey)
            .profile()
    };
    let mut vectors = vec![
        refused("identity", "The root key is the identity.", &torsion[0]),
        refused("order-2", "It is of order 2.", &torsion[4]),
        refused("order-4", "It is of order 4.", &torsion[2]),
        refused("order-4-negative", "It is the other one of order 4.", &torsion[6]),
        refused("order-8-first", "It is of order 8.", &torsion[1]),
        refused("order-8-second", "It is of order 8.", &torsion[3]),
        refused("order-8-third", "It is of order 8.", &torsion[5]),
        refused("order-8-fourth", "It is of order 8.", &torsion[7]),
        refused("identity-negative", "The identity with the sign of a zero.", &negative(torsion[0])),
        refused("order-2-negative", "The point of order 2 with the sign of a zero.", &negative(torsion[4])),
        refused("y-is-p", "y is p, that is 0.", &p_plus(0)),
        refused("y-is-p-plus-1", "y is p + 1, that is 1.", &p_plus(1)),
        refused("y-is-p-plus-1-negative", "The same with a sign.", &negative(p_plus(1))),
        refused("y-is-largest", "y is 2^255 - 1.", &p_plus(18)),
        refused("not-on-the-curve", "No point has y = 2.", &y(2)),
        refused("all-bits", "All bits are set.", &[0xff; 32]),
    ];
    let beyond = (2..19).find(|small| on_curve(&y(*small))).expect("there is one");
    vectors.push(refused(
        "y-not-reduced",
        "A strong point whose y is written with p added.",
        &p_plus(beyond),
    ));
    let small = key_vector("point-small-y", "The same point in its one form.", license_text());
    vectors.push(small.keys(root_is(&y(beyond))).valid());
    vectors
}

fn on_curve(bytes: &[u8; 32]) -> bool {
    curve25519_dalek::edwards::CompressedEdwardsY(*bytes).decompress().is_some()
}

/// k = SHA-512(prefix ‖ R ‖ A ‖ M) mod L, RFC 8032 §5.1.7.
fn challenge(prefix: &[u8], r: &EdwardsPoint, a: &EdwardsPoint, message: &[u8]) -> Scalar {
    let mut hash = Sha512::new();
    hash.update(prefix);
    hash.update(r.compress().as_bytes());
    hash.update(a.compress().as_bytes());
    hash.update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// A signature with R and A as they are; `prefix` and `message` are what is hashed.
fn by_hand(prefix: &[u8], nonce: u64, low: [EdwardsPoint; 2], message: &[u8]) -> [u8; 64] {
    let secret = craft::secret(Role::License).to_scalar();
    let nonce = Scalar::from(nonce);
    let r = ED25519_BASEPOINT_POINT * nonce + low[0];
    let a = ED25519_BASEPOINT_POINT * secret + low[1];
    let s = nonce + challenge(prefix, &r, &a, message) * secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r.compress().as_bytes());
    signature[32..].copy_from_slice(s.as_bytes());
    signature
}

fn signatures() -> Vec<Vector> {
    const NONE: EdwardsPoint = EIGHT_TORSION[0];
    let input = |header: &str| {
        let segment = |text: &str| base64url::encode(text.as_bytes());
        format!("{}.{}", segment(header), segment(&payload(&license())))
    };
    let usual = input(&header("license+jwt", Role::License));
    let token = |signature: &[u8]| format!("{usual}.{}", base64url::encode(signature));
    let bad =
        |name: &str, about: &str, token: String| key_vector(name, about, token).refused(Code::BadSignature);
    let good = craft::secret(Role::License).sign(usual.as_bytes()).to_bytes();
    let (r, s) = good.split_at(32);
    let mut highest = good;
    highest[63] |= 0xe0;
    // A key with a part of order 8, under its own name.
    let mixed = ED25519_BASEPOINT_POINT * craft::secret(Role::License).to_scalar() + EIGHT_TORSION[1];
    let kid = thumbprint(mixed.compress().as_bytes());
    let mixed_set = changed_set(|jwk| {
        jwk["x"] = json!(base64url::encode(mixed.compress().as_bytes()));
        jwk["kid"] = json!(kid);
    });
    let mixed_input =
        input(&header("license+jwt", Role::License).replace(key(Role::License).verifying_key().kid(), &kid));
    let is_whole = |nonce: &u64| {
        let r = ED25519_BASEPOINT_POINT * Scalar::from(*nonce);
        challenge(&[], &r, &mixed, mixed_input.as_bytes()).as_bytes()[0].is_multiple_of(8)
    };
    let mixed_token = |whole: bool| {
        let nonce = (1..).find(|nonce| is_whole(nonce) == whole).expect("one of eight");
        let signature = by_hand(&[], nonce, [NONE, EIGHT_TORSION[1]], mixed_input.as_bytes());
        format!("{mixed_input}.{}", base64url::encode(&signature))
    };
    let prehashed = {
        // RFC 8032 §2: dom2(1, "").
        let prefix = b"SigEd25519 no Ed25519 collisions\x01\x00";
        by_hand(prefix, 7, [NONE, NONE], &Sha512::digest(usual.as_bytes()))
    };
    vec![
        key_vector(
            "ok-signature-by-hand",
            "Any nonce makes a signature.",
            token(&by_hand(&[], 7, [NONE, NONE], usual.as_bytes())),
        )
        .valid(),
        bad(
            "signature-r-of-mixed-order",
            "R has a part of order 8: passes where the equation is multiplied by 8.",
            token(&by_hand(&[], 7, [EIGHT_TORSION[1], NONE], usual.as_bytes())),
        ),
        bad(
            "signature-key-of-mixed-order",
            "The key has a part of order 8: passes where the equation is multiplied by 8.",
            mixed_token(false),
        )
        .keys(mixed_set.clone()),
        key_vector(
            "ok-key-of-mixed-order",
            "The same key where that part does not count.",
            mixed_token(true),
        )
        .keys(mixed_set)
        .valid(),
        bad("signature-prehashed", "Ed25519ph is another algorithm.", token(&prehashed)),
        bad("signature-s-high-bits", "The three highest bits of S are set.", token(&highest)),
        bad("signature-s-largest", "All bits of S are set.", token(&[r, &[0xff; 32]].concat())),
        bad("signature-s-zero", "S is zero.", token(&[r, &[0; 32]].concat())),
        bad("signature-s-order", "S is the order of the group.", token(&[r, &super::ORDER].concat())),
        bad("signature-halves-swapped", "S before R.", token(&[s, r].concat())),
        bad("signature-r-not-on-the-curve", "R is no point.", token(&[&y(2)[..], s].concat())),
        bad("signature-r-sign", "The sign of R is the other one.", {
            let mut changed = good;
            changed[31] ^= 0x80;
            token(&changed)
        }),
        bad("signature-of-the-payload", "Only the payload is signed.", {
            let body = usual.split_once('.').expect("two segments").1;
            token(&craft::secret(Role::License).sign(body.as_bytes()).to_bytes())
        }),
        bad("signature-of-decoded", "Header and payload are signed before they are encoded.", {
            let text = format!("{}.{}", header("license+jwt", Role::License), payload(&license()));
            token(&craft::secret(Role::License).sign(text.as_bytes()).to_bytes())
        }),
        bad("signature-of-a-digest", "A digest is signed.", {
            token(&craft::secret(Role::License).sign(&Sha512::digest(usual.as_bytes())).to_bytes())
        }),
        bad(
            "signature-by-the-status-key",
            "Signed by the key of another role.",
            token(&craft::secret(Role::Status).sign(usual.as_bytes()).to_bytes()),
        ),
    ]
}
