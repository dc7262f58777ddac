//! Vectors of key sets: which set replaces which, and what is believed of whom then.

use license_token::{
    Env, KeySet, KeySetClaims, LicenseClaims, Role, SigningKey, TokenType, Withdrawal, WithdrawalMode,
    claims::Claims,
};
use serde_json::{Value, json};

use super::{DAY, ISS, START, YEAR, activation, key, keys, license, payload, sign, status_list};

/// The second key of a role, which no software pins.
pub fn next_key(role: Role) -> SigningKey {
    let seed = match role {
        Role::Root => 0x51,
        Role::License => 0x62,
        Role::Activation => 0x73,
        Role::Status => 0x84,
    };
    SigningKey::from_seed(&[seed; 32], role, ISS).expect("a valid issuer")
}

/// A set with the pinned keys and the next of each role but the root's.
pub fn key_set() -> KeySetClaims {
    let pinned = ONLINE.map(|role| key(role).verifying_key().clone());
    let next = ONLINE.map(|role| next_key(role).verifying_key().clone());
    KeySetClaims {
        iss: ISS.into(),
        iat: START + 10 * DAY,
        exp: START + 10 * DAY + YEAR,
        env: Env::Live,
        seq: START + 10 * DAY,
        keys: pinned.into_iter().chain(next).collect(),
        revoked: vec![],
    }
}

pub const ONLINE: [Role; 3] = [Role::License, Role::Activation, Role::Status];
const AT: i64 = START + 5 * DAY;

pub fn withdrawal(role: Role, mode: WithdrawalMode) -> Withdrawal {
    Withdrawal { kid: key(role).verifying_key().kid().into(), at: AT, mode }
}

pub fn all() -> Vec<Value> {
    let set = sign(Role::Root, &key_set());
    let older = sign(Role::Root, &KeySetClaims { seq: START, ..key_set() });
    let other = sign(Role::Root, &KeySetClaims { exp: START + 2 * YEAR, ..key_set() });
    let ended = sign(Role::Root, &KeySetClaims { exp: START + 11 * DAY, ..key_set() });
    let plain = text(&key_set());
    let edited = |from: &str, to: &str| {
        assert!(plain.contains(from), "{from} is not in {plain}");
        key(Role::Root).sign_payload(TokenType::KeySet, &plain.replacen(from, to, 1))
    };
    let foreign = |role| SigningKey::from_seed(&[0x99; 32], role, "https://other.example").expect("valid");
    let foreign_set = {
        let claims = KeySetClaims { iss: "https://other.example".into(), keys: vec![], ..key_set() };
        foreign(Role::Root).sign(&claims).expect("signed")
    };
    let foreign_jwk = foreign(Role::License).public_jwk();
    let first_jwk = key(Role::License).public_jwk();
    let mut vectors = vec![
        adopted("ok-next-keys", "New keys beside the pinned ones verify, each in its role.", None, &set)
            .token(TokenType::License, next(Role::License, &license()), None)
            .token(TokenType::Activation, next(Role::Activation, &activation()), None)
            .token(TokenType::StatusList, next(Role::Status, &status_list()), None)
            .token(TokenType::License, sign(Role::License, &license()), None),
        adopted("ok-newer-replaces-older", "A greater seq replaces a smaller one.", Some(&older), &set)
            .token(TokenType::License, next(Role::License, &license()), None),
        adopted("ok-same-again", "The very same text again is no news and no fault.", Some(&set), &set),
        adopted("ok-expired", "exp is long past: what it says goes on to count.", None, &ended).token(
            TokenType::License,
            next(Role::License, &license()),
            None,
        ),
        refused("rolled-back", "A smaller seq than one seen.", Some(&set), &older, "keyset_rolled_back"),
        refused("equivocation", "The same seq with other bytes.", Some(&set), &other, "keyset_equivocation"),
        refused("other-merchant", "Signed by another merchant's root.", None, &foreign_set, "unknown_key"),
        refused(
            "next-root",
            "Signed by a root that is not pinned.",
            None,
            &next_key(Role::Root).sign(&key_set()).expect("signed"),
            "unknown_key",
        ),
        adopted(
            "root-in-set-is-ignored",
            "A root that a key set names signs nothing: not the next key set either.",
            None,
            &edited("[{", &format!("[{},{{", next_key(Role::Root).public_jwk())),
        )
        .token(TokenType::KeySet, next(Role::Root, &key_set()), Some("unknown_key")),
        adopted(
            "unknown-role-is-ignored",
            "A key of a role that this version does not know verifies nothing.",
            None,
            &edited("[{", &format!("[{},{{", first_jwk.replace("\"license\"", "\"webhook\""))),
        ),
        refused(
            "key-of-other-issuer",
            "A key set speaks for its own issuer only.",
            None,
            &edited("[{", &format!("[{foreign_jwk},{{")),
            "malformed",
        ),
        refused("key-twice", "One key twice.", None, &edited("[{", &format!("[{first_jwk},{{")), "malformed"),
        refused(
            "private-key",
            "A private key has no place in a key set.",
            None,
            &edited("\"kty\"", "\"d\":\"AA\",\"kty\""),
            "malformed",
        ),
        refused("no-keys", "`keys` is missing.", None, &edited("\"keys\":", "\"other\":"), "malformed"),
        refused("no-exp", "`exp` is missing.", None, &edited("\"exp\":", "\"expires\":"), "malformed"),
        refused("no-seq", "`seq` is missing.", None, &edited("\"seq\":", "\"number\":"), "malformed"),
        refused(
            "other-type",
            "A license key in the place of a key set.",
            None,
            &sign(Role::License, &license()),
            "wrong_type",
        ),
        refused("other-text", "No token at all.", None, "keyset", "malformed"),
    ];
    for role in ONLINE {
        let wrong = key(role).sign_payload(TokenType::KeySet, &plain);
        let about = "Only a root signs key sets.";
        let name = format!("signed-by-{}", role.as_str());
        vectors.push(refused(&name, about, None, &wrong, "unknown_key"));
    }
    vectors.extend(withdrawals());
    vectors.extend(roles());
    vectors.into_iter().map(|vector| vector.0).collect()
}

/// What a withdrawal takes away, and what it leaves.
fn withdrawals() -> Vec<KeySetVector> {
    let with = |revoked| sign(Role::Root, &KeySetClaims { revoked, ..key_set() });
    let of_license = |mode| with(vec![withdrawal(Role::License, mode)]);
    let at = |iat| sign(Role::License, &LicenseClaims { iat, ..license() });
    let without_iat = {
        let payload = payload(&license());
        key(Role::License).sign_payload(TokenType::License, &payload.replacen("\"iat\":", "\"i\":", 1))
    };
    let (all, after) = (of_license(WithdrawalMode::All), of_license(WithdrawalMode::After));
    let next_revoked = {
        let kid = next_key(Role::License).verifying_key().kid().to_owned();
        with(vec![Withdrawal { kid, at: AT, mode: WithdrawalMode::All }])
    };
    let root = with(vec![withdrawal(Role::Root, WithdrawalMode::All)]);
    let bad = |from: &str, to: &str| {
        let plain = text(&KeySetClaims {
            revoked: vec![withdrawal(Role::License, WithdrawalMode::All)],
            ..key_set()
        });
        key(Role::Root).sign_payload(TokenType::KeySet, &plain.replacen(from, to, 1))
    };
    vec![
        adopted("withdrawn-all", "Nothing that the key signed is believed, whenever it was.", None, &all)
            .token(TokenType::License, at(START), Some("unknown_key"))
            .token(TokenType::License, at(AT + DAY), Some("unknown_key"))
            .token(TokenType::License, next(Role::License, &license()), None)
            .token(TokenType::Activation, sign(Role::Activation, &activation()), None),
        adopted("withdrawn-after", "Only what was signed from `at` on is not believed.", None, &after)
            .token(TokenType::License, at(AT - 1), None)
            .token(TokenType::License, at(AT), Some("unknown_key"))
            .token(TokenType::License, without_iat, Some("unknown_key"))
            .token(TokenType::License, next(Role::License, &license()), None),
        adopted("withdrawn-next", "A key that only key sets ever named.", None, &next_revoked).token(
            TokenType::License,
            next(Role::License, &license()),
            Some("unknown_key"),
        ),
        adopted("withdrawn-root-is-ignored", "A key set says nothing about roots.", None, &root).token(
            TokenType::KeySet,
            sign(Role::Root, &key_set()),
            None,
        ),
        refused("withdrawn-mode", "An unknown mode.", None, &bad("\"all\"", "\"later\""), "malformed"),
        refused(
            "withdrawn-at",
            "`at` is no time.",
            None,
            &bad(&format!("\"at\":{AT}"), "\"at\":\"now\""),
            "malformed",
        ),
        refused(
            "withdrawn-kid",
            "`kid` is no thumbprint.",
            None,
            &bad("\"revoked\":[{\"kid\":\"", "\"revoked\":[{\"kid\":\"x"),
            "malformed",
        ),
    ]
}

/// Each learned key under each type that its role does not sign.
fn roles() -> Vec<KeySetVector> {
    let set = sign(Role::Root, &key_set());
    let types = [TokenType::License, TokenType::Activation, TokenType::StatusList, TokenType::KeySet];
    let payloads = [payload(&license()), payload(&activation()), payload(&status_list()), text(&key_set())];
    let of_role = |role: Role| {
        let name = format!("role-{}", role.as_str());
        let about = "A learned key of one role verifies no token of another type.";
        let pairs = types.iter().zip(&payloads).filter(|(typ, _)| typ.role() != Some(role));
        pairs.fold(adopted(&name, about, None, &set), |vector, (typ, payload)| {
            vector.token(*typ, next_key(role).sign_payload(*typ, payload), Some("unknown_key"))
        })
    };
    ONLINE.into_iter().map(of_role).collect()
}

fn next<C: Claims>(role: Role, claims: &C) -> String {
    next_key(role).sign(claims).expect("signed")
}

fn text(claims: &KeySetClaims) -> String {
    payload(claims)
}

struct KeySetVector(Value);

impl KeySetVector {
    /// A token that is judged with what is believed afterwards.
    fn token(mut self, typ: TokenType, token: String, code: Option<&str>) -> Self {
        let item = json!({ "typ": typ.as_str(), "token": token, "code": code });
        self.0["tokens"].as_array_mut().expect("an array").push(item);
        self
    }
}

fn vector(name: &str, about: &str, seen: Option<&str>, set: &str, code: Option<&str>) -> KeySetVector {
    let pinned: Value = serde_json::from_str(&keys().to_json()).expect("a JWK Set");
    KeySetVector(json!({
        "name": name, "about": about, "iss": ISS, "keys": pinned, "seen": seen, "keyset": set, "code": code,
        "tokens": [],
    }))
}

fn adopted(name: &str, about: &str, seen: Option<&str>, set: &str) -> KeySetVector {
    vector(name, about, seen, set, None)
}

fn refused(name: &str, about: &str, seen: Option<&str>, set: &str, code: &str) -> KeySetVector {
    vector(name, about, seen, set, Some(code))
}

/// What the reference implementation says of a vector: the set's code, and each token's.
pub fn run(vector: &Value) -> (Option<&'static str>, Vec<Option<&'static str>>) {
    use license_token::trust::{self, SeenKeySet};
    let pinned = KeySet::parse(vector["keys"].to_string().as_bytes()).expect("a JWK Set");
    let text = |name: &str| vector[name].as_str();
    let issuer = text("iss").expect("an issuer");
    let known = text("seen").map(|seen| trust::accept(seen, &pinned, issuer, None).expect("accepted"));
    let seen = known.as_ref().map(|token| SeenKeySet { seq: token.claims().seq, text: Some(token.text()) });
    let accepted = trust::accept(text("keyset").expect("a key set"), &pinned, issuer, seen);
    let newest = accepted.as_ref().ok().or(known.as_ref());
    let believed = newest.map_or_else(|| pinned.clone(), |token| pinned.updated_by(token.claims()));
    let judge = |item: &Value| {
        let typ = TokenType::from_typ(item["typ"].as_str().expect("a type")).expect("known");
        let token = item["token"].as_str().expect("a token");
        // The next key set is judged by the pinned keys, as every one is.
        let under = if typ == TokenType::KeySet { &pinned } else { &believed };
        let read = license_token::UnverifiedToken::parse_as(token, typ);
        read.and_then(|token| token.verify_as(under, typ)).err().map(|refusal| refusal.code().as_str())
    };
    let codes = vector["tokens"].as_array().expect("an array").iter().map(judge).collect();
    (accepted.err().map(|refusal| refusal.code()), codes)
}
