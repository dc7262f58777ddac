//! The text of a token: its segments, and base64url in its one form.

use license_token::{Code, Role, base64url};

use super::super::vector::Vector;
use super::super::{header, license, payload};
use super::{craft, key_vector, license_text};

pub fn all() -> Vec<Vector> {
    let good = license_text();
    let (input, signature) = good.rsplit_once('.').expect("three segments");
    let (head, body) = input.split_once('.').expect("three segments");
    let bad = |name: &str, about: &str, token: String| {
        key_vector(&format!("text-{name}"), about, token).refused(Code::Malformed)
    };
    let profile = |name: &str, about: &str, token: String| bad(name, about, token).profile();
    // The usual header fills whole groups, so it has no unused bits; with a blank behind it, it has.
    let loose = base64url::encode(format!("{} ", header("license+jwt", Role::License)).as_bytes());
    let mut sixty_five = base64url::decode(signature).expect("base64url");
    sixty_five.push(0);
    let inside = |text: &str| format!("{}{text}{}", &good[..200], &good[200..]);
    vec![
        bad("one-segment", "No point.", good.replace('.', "")),
        bad("points-only", "Two points.", "..".into()),
        bad("point-before", "A point before the token.", format!(".{good}")),
        bad("point-behind", "A point behind the token.", format!("{good}.")),
        bad("json-serialization", "The JSON form of a JWS.", {
            format!(r#"{{"payload":"{body}","protected":"{head}","signature":"{signature}"}}"#)
        }),
        bad(
            "signature-65-bytes",
            "65 bytes of signature.",
            format!("{input}.{}", base64url::encode(&sixty_five)),
        ),
        bad("signature-66-bytes", "66 bytes of signature.", format!("{good}AA")),
        bad("unencoded", "Header and payload as they are.", {
            format!("{}.{}.{signature}", header("license+jwt", Role::License), payload(&license()))
        }),
        profile(
            "header-unused-bits",
            "Unused bits are set in the header.",
            craft::sign_segments(Role::License, &bits(&loose), body),
        ),
        profile("payload-unused-bits", "Unused bits are set in the payload.", {
            let padded = base64url::encode(format!("{} ", payload(&license())).as_bytes());
            let body = if body.len() % 4 == 0 { padded } else { body.to_owned() };
            craft::sign_segments(Role::License, head, &bits(&body))
        }),
        profile(
            "header-padding",
            "Padding in the header.",
            craft::sign_segments(Role::License, &padded(&loose), body),
        ),
        profile("payload-padding", "Padding in the payload.", {
            let odd = base64url::encode(format!("{}  ", payload(&license())).as_bytes());
            let body = if body.len() % 4 == 0 { odd } else { body.to_owned() };
            craft::sign_segments(Role::License, head, &padded(&body))
        }),
        profile(
            "header-4n-plus-1",
            "A length that no bytes have.",
            craft::sign_segments(Role::License, &one_more(head), body),
        ),
        profile(
            "payload-4n-plus-1",
            "A length that no bytes have.",
            craft::sign_segments(Role::License, head, &one_more(body)),
        ),
        profile("carriage-return", "A line end inside a segment.", inside("\r\n")),
        profile("line-feed", "A line feed inside a segment.", inside("\n")),
        profile("signed-line-feed", "A line feed in the payload, signed with it.", {
            craft::sign_segments(Role::License, head, &format!("{}\n{}", &body[..76], &body[76..]))
        }),
        profile("tabulator-before", "A tabulator before the token.", format!("\t{good}")),
        profile("blank-before", "A blank before the token.", format!(" {good}")),
        bad("byte-order-mark", "A byte order mark before the token.", format!("\u{feff}{good}")),
        bad("nul-behind", "NUL behind the token.", format!("{good}\0")),
        bad("letter-of-another-script", "A Cyrillic letter that looks like a.", inside("\u{430}")),
        bad("full-width-point", "A point of another script.", good.replacen('.', "\u{ff0e}", 1)),
        bad("percent", "A percent sign.", inside("%41")),
        profile("equals-inside", "Padding in the middle.", inside("==")),
        bad("quotes", "Quotes around the token.", format!("\"{good}\"")),
        bad("bearer", "A scheme before the token.", format!("Bearer {good}")),
    ]
}

/// The last character with its lowest unused bit set.
fn bits(segment: &str) -> String {
    let last = segment.chars().last().expect("not empty");
    assert_ne!(segment.len() % 4, 0, "a whole number of groups has no unused bits");
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = ALPHABET.find(last).expect("of the alphabet");
    format!("{}{}", &segment[..segment.len() - 1], char::from(ALPHABET.as_bytes()[at + 1]))
}

fn padded(segment: &str) -> String {
    let missing = (4 - segment.len() % 4) % 4;
    assert_ne!(missing, 0, "a whole number of groups has no padding");
    format!("{segment}{}", "=".repeat(missing))
}

/// Characters are added until the length is 4n + 1.
fn one_more(segment: &str) -> String {
    let more = (5 - segment.len() % 4) % 4;
    format!("{segment}{}", "A".repeat(if more == 0 { 4 } else { more }))
}
