//! Zlib streams (RFC 1950) of status lists, built byte by byte.

use license_token::status_list::STATUS_LIST_BYTES;
use license_token::{Code, TokenType, base64url};

use super::super::vector::Vector;
use super::super::{DAY, START, status_list};
use super::craft;

fn token(lst: &str) -> String {
    craft::claims_with(&status_list(), "/status_list/lst", &format!("\"{lst}\""))
}

fn vector(name: &str, about: &str, lst: &str) -> Vector {
    Vector::new(&format!("list-{name}"), about, TokenType::StatusList, token(lst), START + DAY)
}

/// Adler-32 of that many zero bytes, RFC 1950 §8.
fn checksum(zeros: usize) -> [u8; 4] {
    let high = u32::try_from(zeros % 65_521).expect("small");
    (high << 16 | 1).to_be_bytes()
}

/// A stored block of zero bytes, RFC 1951 §3.2.4.
fn stored(is_last: bool, zeros: usize) -> Vec<u8> {
    let length = u16::try_from(zeros).expect("a block is short").to_le_bytes();
    let mut block = vec![u8::from(is_last), length[0], length[1], !length[0], !length[1]];
    block.extend(vec![0; zeros]);
    block
}

pub fn all() -> Vec<Vector> {
    let good = base64url::decode(&status_list().list.encode()).expect("base64url");
    let lst = |bytes: &[u8]| base64url::encode(bytes);
    let bad =
        |name: &str, about: &str, lst: String| vector(name, about, &lst).refused(Code::Malformed).profile();
    let (head, body) = good.split_at(2);
    let with_head = |method: u8, flags: u8| {
        let check = 31 - (u16::from(method) * 256 + u16::from(flags)) % 31;
        let check = u8::try_from(check % 31).expect("small");
        lst(&[&[method, flags + check], body].concat())
    };
    let whole = [&[0x78, 0x01][..], &stored(true, STATUS_LIST_BYTES), &checksum(STATUS_LIST_BYTES)].concat();
    let (blocks, sum) = body.split_at(body.len() - 4);
    // An empty stored block before the others changes nothing.
    let after = |block: &[u8]| lst(&[head, block, body].concat());
    let first_bits = |change: &dyn Fn(u8) -> u8| lst(&[head, &[change(body[0])], &body[1..]].concat());
    let backwards: Vec<u8> = sum.iter().rev().copied().collect();
    vec![
        vector("ok-stored", "Not compressed at all: longer than any other token.", &lst(&whole)).valid(),
        vector(
            "ok-empty-block-before",
            "An empty block stands before the others.",
            &after(&stored(false, 0)),
        )
        .valid(),
        vector("ok-small-window", "A window of 256 bytes is enough here.", &with_head(0x08, 0)).valid(),
        bad("last-block-missing", "No block is the last one.", first_bits(&|bits| bits & !1)),
        bad("empty-block-last", "An empty block that says it is the last one.", after(&stored(true, 0))),
        bad(
            "block-length",
            "The length of a stored block and its complement differ.",
            after(&[0, 0, 0, 0xfe, 0xff]),
        ),
        bad("block-type", "The type of block that is reserved.", first_bits(&|bits| bits | 6)),
        bad(
            "checksum-backwards",
            "The checksum with its bytes in the other order.",
            lst(&[head, blocks, &backwards].concat()),
        ),
        bad("checksum-cut", "Three bytes of the checksum.", lst(&good[..good.len() - 1])),
        bad("two-streams", "Two streams, one behind the other.", lst(&[good.as_slice(), &good].concat())),
        bad(
            "head-check",
            "The check of the stream's head is wrong.",
            lst(&[&[head[0], head[1] ^ 1], body].concat()),
        ),
        bad("head-method", "Another method.", with_head(0x77, 0)),
        bad("head-window", "A window larger than there is.", with_head(0x88, 0)),
        bad("head-dictionary", "A dictionary that was agreed upon.", with_head(0x78, 0x20)),
        bad("gzip", "A gzip stream.", lst(&[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], body].concat())),
        bad("lst-empty", "No entries.", String::new()),
        bad("lst-of-one-byte", "One byte.", lst(&good[..1])),
        bad("lst-padding", "Padding behind lst.", {
            let text = lst(&good);
            format!("{text}{}", "=".repeat((4 - text.len() % 4).max(1)))
        }),
        bad(
            "lst-line-feed",
            "A line feed inside lst.",
            format!("{}\\n{}", &lst(&good)[..10], &lst(&good)[10..]),
        ),
        bad(
            "lst-plain-base64",
            "The alphabet of plain base64.",
            lst(&good).replace('-', "+").replace('_', "/") + "+",
        ),
        bad("lst-not-deflated", "The entries as they are.", "A".repeat(1_000)),
        bits("list-bits-0", "No bits.", "0"),
        bits("list-bits-4", "Four bits.", "4"),
        bits("list-bits-8", "Eight bits.", "8"),
        bits("list-bits-16", "More bits than the standard has.", "16"),
        bits("list-bits-258", "2 in the lowest byte.", "258"),
    ]
}

fn bits(name: &str, about: &str, bits: &str) -> Vector {
    let token = craft::claims_with(&status_list(), "/status_list/bits", bits);
    Vector::new(name, about, TokenType::StatusList, token, START + DAY).refused(Code::Malformed).profile()
}
