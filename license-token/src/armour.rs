//! Tokens as a text file that survives mail, editors and memory sticks: armour. And as numbered parts for QR codes.
//!
//! One block per token, as in PEM files (RFC 7468), and several blocks in one file (`docs/air-gap.md`). A reader that knows one
//! block only finds the first. The `Check:` lines say of each 64 characters what they should be, so that damage is
//! located; the tokens' own signatures are what is believed.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::TokenType;

/// Characters of a token on one line; what one check stands for.
const LINE_CHARS: usize = 64;
/// Checks on one line.
const CHECKS_PER_LINE: usize = 12;
/// Most tokens of one file.
pub const ARMOUR_TOKENS_MAX: usize = 8;
/// Longest file with a request, in bytes: a request, a certificate, and what mail programs add.
pub const REQUEST_FILE_MAX_BYTES: usize = 32 * 1024;
/// Longest file with a response, in bytes: a certificate, a license key and two status lists that do not compress.
pub const RESPONSE_FILE_MAX_BYTES: usize = 192 * 1024;
/// Characters of one QR code: version 22 at the lowest error correction, which a telephone still reads from a screen.
const PART_CHARS: usize = 900;
/// Most QR codes that anybody scans in a row.
pub const PARTS_MAX: usize = 12;
const PART: &str = "LICENSE-PART";
/// Between the tokens of numbered parts; no token has it.
const JOINT: char = '~';

/// What is wrong with a file, and on which of its lines (counted from 1; 0: with all of it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmourError {
    /// The line.
    pub line: usize,
    /// What is wrong there.
    pub fault: ArmourFault,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmourFault {
    /// Longer than any file of its kind.
    TooLong,
    /// No token in it.
    Empty,
    /// A block begins there and has no end.
    NotClosed,
    /// Characters were changed, lost or added.
    Damaged,
    /// A block or a numbered part is not there.
    PartMissing,
    /// More tokens than any file has.
    TooMany,
}

impl fmt::Display for ArmourError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            ArmourFault::TooLong => f.write_str("the text is too long"),
            ArmourFault::Empty => f.write_str("there is no license text in it"),
            ArmourFault::NotClosed => {
                write!(f, "the block that begins on line {} has no end: copy all of it", self.line)
            }
            ArmourFault::Damaged => write!(f, "line {} was changed on the way: copy it again", self.line),
            ArmourFault::PartMissing => f.write_str("a part is missing: copy all of them"),
            ArmourFault::TooMany => f.write_str("there are too many blocks in it"),
        }
    }
}

impl core::error::Error for ArmourError {}

/// What stands in the first line of a block.
const fn label(typ: TokenType) -> &'static str {
    match typ {
        TokenType::License => "LICENSE KEY",
        TokenType::Activation => "LICENSE CERTIFICATE",
        TokenType::StatusList => "LICENSE STATUS LIST",
        TokenType::ActivationRequest => "LICENSE REQUEST",
        TokenType::KeySet => "LICENSE KEYS",
    }
}

/// Writes a file. `notes` are for people, as `Name: value` in the first block; no reader believes them.
#[must_use]
pub fn write(notes: &[(&str, &str)], tokens: &[(TokenType, &str)]) -> String {
    let mut out = String::new();
    for (index, (typ, token)) in tokens.iter().enumerate() {
        out.push_str(&format!("-----BEGIN {}-----\n", label(*typ)));
        for (name, value) in notes.iter().filter(|_note| index == 0) {
            let value: String = value.chars().filter(|letter| !letter.is_control()).collect();
            out.push_str(&format!("{name}: {value}\n"));
        }
        out.push_str(&format!("Part: {}/{}\n", index + 1, tokens.len()));
        let checks: Vec<String> = lines(token).map(check).collect();
        for some in checks.chunks(CHECKS_PER_LINE) {
            out.push_str(&format!("Check: {}\n", some.join(" ")));
        }
        out.push('\n');
        for line in lines(token) {
            out.push_str(line);
            out.push('\n');
        }
        out.push_str(&format!("-----END {}-----\n", label(*typ)));
    }
    out
}

/// Tokens are ASCII: so many bytes are so many characters.
fn lines(token: &str) -> impl Iterator<Item = &str> {
    let whole = |from: usize| token.get(from..token.len().min(from + LINE_CHARS)).unwrap_or_default();
    (0..token.len()).step_by(LINE_CHARS).map(whole)
}

/// The first 16 bits of SHA-256, in hex.
fn check(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("{:02x}{:02x}", digest[0], digest[1])
}

/// Reads the tokens of a file, of numbered parts in any order, or one bare token. Blanks, line ends, wrapping, quotation
/// marks of mails, look-alike dashes and text around the blocks do no harm. What a token says is not looked at.
///
/// # Errors
/// What is wrong, and on which line.
pub fn read(text: &str, max_bytes: usize) -> Result<Vec<String>, ArmourError> {
    if text.len() > max_bytes {
        return Err(ArmourError { line: 0, fault: ArmourFault::TooLong });
    }
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        reader.line(index + 1, line)?;
    }
    let tokens = reader.finish()?;
    let tokens = match tokens.is_empty() {
        false => tokens,
        true if text.contains(PART) => from_parts(text)?,
        true => alloc::vec![plain(text).filter(|letter| !letter.is_whitespace()).collect()],
    };
    let is_token = |token: &String| token.bytes().filter(|byte| *byte == b'.').count() == 2;
    if tokens.len() > ARMOUR_TOKENS_MAX {
        return Err(ArmourError { line: 0, fault: ArmourFault::TooMany });
    }
    if tokens.iter().all(is_token) {
        Ok(tokens)
    } else {
        Err(ArmourError { line: 0, fault: ArmourFault::Empty })
    }
}

/// Look-alike dashes as `-`, without what cannot be seen.
fn plain(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter_map(|letter| match letter {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
        other => Some(other),
    })
}

/// A block that has not ended yet.
#[derive(Default)]
struct Open {
    begun_at: usize,
    part: Option<(usize, usize)>,
    checks: Vec<String>,
    body: String,
    /// Where each line of the body starts in it, and its number in the file.
    starts: Vec<(usize, usize)>,
}

#[derive(Default)]
struct Reader {
    open: Option<Open>,
    tokens: Vec<String>,
    parts: Option<usize>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), ArmourError> {
        let line: String = plain(line).collect();
        let line = line.trim_start_matches(['>', ' ', '\t']).trim();
        let bare = line.trim_matches(['-', ' ']);
        let is_rule = line.starts_with('-');
        if is_rule && bare.starts_with("BEGIN ") {
            if let Some(open) = &self.open {
                return Err(ArmourError { line: open.begun_at, fault: ArmourFault::NotClosed });
            }
            self.open = Some(Open { begun_at: number, ..Open::default() });
        } else if is_rule && bare.starts_with("END ") {
            let Some(open) = self.open.take() else {
                return Err(ArmourError { line: number, fault: ArmourFault::Damaged });
            };
            return self.close(open, number);
        } else if let Some(open) = &mut self.open {
            open.take(number, line);
        }
        Ok(())
    }

    fn close(&mut self, open: Open, number: usize) -> Result<(), ArmourError> {
        open.verify(number)?;
        if let Some((part, parts)) = open.part {
            if part != self.tokens.len() + 1 {
                return Err(ArmourError { line: open.begun_at, fault: ArmourFault::PartMissing });
            }
            self.parts = Some(parts);
        }
        if self.tokens.len() == ARMOUR_TOKENS_MAX {
            return Err(ArmourError { line: open.begun_at, fault: ArmourFault::TooMany });
        }
        self.tokens.push(open.body);
        Ok(())
    }

    fn finish(self) -> Result<Vec<String>, ArmourError> {
        match (self.open, self.parts) {
            (Some(open), _) => Err(ArmourError { line: open.begun_at, fault: ArmourFault::NotClosed }),
            (None, Some(parts)) if parts != self.tokens.len() => {
                Err(ArmourError { line: 0, fault: ArmourFault::PartMissing })
            }
            (None, _) => Ok(self.tokens),
        }
    }
}

impl Open {
    fn take(&mut self, number: usize, line: &str) {
        let Some((name, value)) = line.split_once(':') else {
            self.starts.push((self.body.len(), number));
            self.body.extend(line.chars().filter(|letter| !letter.is_whitespace()));
            return;
        };
        match name.trim() {
            "Check" => self.checks.extend(value.split_whitespace().map(str::to_ascii_lowercase)),
            "Part" => self.part = fraction(value),
            _note => {}
        }
    }

    /// Where the checks stand for other characters, the first that differ are the damage.
    fn verify(&self, end: usize) -> Result<(), ArmourError> {
        if self.checks.is_empty() {
            return Ok(());
        }
        let damaged = |line| Err(ArmourError { line, fault: ArmourFault::Damaged });
        if !self.body.is_ascii() {
            let offset = self.body.find(|letter: char| !letter.is_ascii()).unwrap_or_default();
            return damaged(self.line_of(offset));
        }
        for (index, line) in lines(&self.body).enumerate() {
            if self.checks.get(index).is_none_or(|expected| *expected != check(line)) {
                return damaged(self.line_of(index * LINE_CHARS));
            }
        }
        let has_all = self.checks.len() == self.body.len().div_ceil(LINE_CHARS);
        if has_all { Ok(()) } else { damaged(end) }
    }

    fn line_of(&self, offset: usize) -> usize {
        let before = self.starts.iter().take_while(|(start, _)| *start <= offset);
        before.last().map_or(self.begun_at, |(_, number)| *number)
    }
}

fn fraction(text: &str) -> Option<(usize, usize)> {
    let (part, parts) = text.trim().split_once('/')?;
    Some((part.parse().ok()?, parts.parse().ok()?))
}

/// The tokens as texts for QR codes, each with its number and what all of them are: they may be read in any order.
/// `None`: more than anybody scans; the file is to be carried instead.
#[must_use]
pub fn parts(tokens: &[&str]) -> Option<Vec<String>> {
    let whole = tokens.join(JOINT.to_string().as_str());
    let count = whole.len().div_ceil(PART_CHARS);
    if !whole.is_ascii() || count > PARTS_MAX {
        return None;
    }
    let of_whole = check(&whole);
    let part = |index: usize| {
        let from = index * PART_CHARS;
        let some = whole.get(from..whole.len().min(from + PART_CHARS)).unwrap_or_default();
        format!("{PART}:{}/{count}:{of_whole}:{}:{some}", index + 1, check(some))
    };
    Some((0..count).map(part).collect())
}

/// Parts in any order, some perhaps twice, each behind its own mark.
fn from_parts(text: &str) -> Result<Vec<String>, ArmourError> {
    let missing = ArmourError { line: 0, fault: ArmourFault::PartMissing };
    let mut found: Vec<Option<String>> = Vec::new();
    let mut set = None;
    let mut line = 1;
    let mut texts = text.split(PART);
    line += texts.next().map_or(0, |before| before.matches('\n').count());
    for text in texts {
        let damaged = ArmourError { line, fault: ArmourFault::Damaged };
        let bare: String = plain(text).filter(|letter| !letter.is_whitespace()).collect();
        let mut fields = bare.trim_start_matches(':').splitn(4, ':');
        let mut field = || fields.next().ok_or(damaged);
        let (number, of_whole, of_part, some) = (field()?, field()?, field()?, field()?);
        let (part, count) =
            fraction(number).filter(|(part, count)| (1..=*count).contains(part)).ok_or(damaged)?;
        if count > PARTS_MAX || check(some) != of_part {
            return Err(damaged);
        }
        let this = (count, of_whole.to_owned());
        if *set.get_or_insert_with(|| this.clone()) != this {
            // Of another file.
            return Err(damaged);
        }
        found.resize(count, None);
        found[part - 1] = Some(some.to_owned());
        line += text.matches('\n').count();
    }
    let whole: String = found.into_iter().collect::<Option<Vec<_>>>().ok_or(missing)?.concat();
    if set.is_none_or(|(_, of_whole)| of_whole != check(&whole)) {
        return Err(missing);
    }
    Ok(whole.split(JOINT).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> [String; 2] {
        let token = |letter: &str, count: usize| {
            let letters: String = (0..count).map(|index| char::from(b'a' + (index % 23) as u8)).collect();
            format!("{letter}{letters}.{letters}-{letters}.{letters}_")
        };
        [token("R", 70), token("C", 400)]
    }

    fn file() -> String {
        let [one, two] = tokens();
        write(
            &[("Product", "acme-cad"), ("Machine", "lab\n7")],
            &[(TokenType::ActivationRequest, &one), (TokenType::Activation, &two)],
        )
    }

    const MAX: usize = REQUEST_FILE_MAX_BYTES;

    #[test]
    fn what_is_written_is_read_whatever_mail_does_to_it() {
        let file = file();
        let rewrapped: String = file
            .replace("\n\n", "\n\n ")
            .lines()
            .map(|line| {
                if line.contains(':') || line.starts_with('-') || line.len() < 6 {
                    format!("{line}\n")
                } else {
                    line.to_owned()
                }
            })
            .collect::<String>()
            .replace("-----END", "\n-----END");
        let harmless = [
            file.clone(),
            file.replace('\n', "\r\n"),
            file.lines().map(|line| format!("> > {line}  \n")).collect(),
            format!("Hello,\n\nhere it is:\n{file}\nRegards: me"),
            file.replace("-----", "—----"),
            file.replace('-', "\u{2011}"),
            file.replace('_', "\u{200b}_"),
            rewrapped,
        ];
        for text in harmless {
            assert_eq!(read(&text, MAX).as_deref(), Ok(tokens().as_slice()), "{text}");
        }
    }

    #[test]
    fn every_changed_or_lost_character_of_a_body_is_located() {
        let file = file();
        let lines: Vec<&str> = file.lines().collect();
        let mut tried = 0;
        for (index, line) in lines.iter().enumerate() {
            if line.contains(':') || line.starts_with('-') || line.len() < 6 {
                continue;
            }
            for changed in [line.replacen(&line[5..6], "Z", 1), line[1..].to_owned(), format!("{line}A")] {
                let mut damaged: Vec<&str> = lines.clone();
                damaged[index] = &changed;
                let error = read(&damaged.join("\n"), MAX).expect_err("it is damaged");
                assert_eq!(error.fault, ArmourFault::Damaged, "{changed}");
                let found = error.line;
                // What was added behind a line shows at the next one.
                assert!(found == index + 1 || found == index + 2, "{found} for {}: {changed}", index + 1);
                tried += 1;
            }
        }
        assert!(tried > 30, "{tried}");
    }

    #[test]
    fn what_is_cut_off_is_noticed() {
        let file = file();
        let second = file.rfind("-----BEGIN").expect("two blocks");
        let cut = |text: &str| read(text, MAX).map_err(|error| error.fault);
        assert_eq!(cut(&file[..second]), Err(ArmourFault::PartMissing));
        assert_eq!(cut(&file[second..]), Err(ArmourFault::PartMissing));
        assert_eq!(cut(&file[..file.len() - 60]), Err(ArmourFault::NotClosed));
        for nothing in
            ["", "hello", "-----BEGIN X-----", "-----BEGIN X-----\n-----END X-----", "-----END X-----"]
        {
            assert!(cut(nothing).is_err(), "{nothing}");
        }
        assert_eq!(cut(&"x".repeat(MAX + 1)), Err(ArmourFault::TooLong));
        assert_eq!(cut(&file.repeat(5)).err(), Some(ArmourFault::PartMissing));
    }

    #[test]
    fn numbered_parts_come_in_any_order_and_a_missing_one_is_noticed() {
        let tokens = tokens();
        let [one, two] = &tokens;
        let mut parts = parts(&[one, two]).expect("few");
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() < PART_CHARS + 60));
        parts.reverse();
        parts.push(parts[0].clone());
        assert_eq!(read(&parts.join("\n"), MAX).as_deref(), Ok(tokens.as_slice()));
        assert_eq!(read(&parts.concat(), MAX).as_deref(), Ok(tokens.as_slice()), "without line ends");
        let fault = |text: &str| read(text, MAX).expect_err("refused").fault;
        assert_eq!(fault(&parts[1]), ArmourFault::PartMissing);
        assert_eq!(fault(&parts.join("\n").replacen("abc", "abd", 1)), ArmourFault::Damaged);
        for broken in [
            "LICENSE-PART",
            "LICENSE-PART:0/1:a:b:c",
            "LICENSE-PART:1/99999999999:a:b:c",
            "LICENSE-PART:2/1:::",
        ] {
            assert_eq!(fault(broken), ArmourFault::Damaged, "{broken}");
        }
        assert_eq!(super::parts(&["x".repeat(PART_CHARS * PARTS_MAX + 1).as_str()]), None);
    }

    #[test]
    fn whatever_comes_is_answered() {
        let [one, two] = tokens();
        let parts = super::parts(&[&one, &two]).expect("few").join("\n");
        let mut die = 88_172_645_463_325_252_u64;
        let mut below = |bound: usize| {
            die ^= die << 13;
            die ^= die >> 7;
            die ^= die << 17;
            usize::try_from(die % u64::try_from(bound).expect("small")).expect("small")
        };
        let pieces = [
            "-----BEGIN X-----",
            "-----END",
            "Part: 1/9",
            "Check:",
            "LICENSE-PART:",
            ":",
            "~",
            "\n",
            "é",
            "\u{2014}",
        ];
        for round in 0..3_000 {
            let mut text: Vec<char> = if round % 2 == 0 { file() } else { parts.clone() }.chars().collect();
            for _change in 0..=below(4) {
                let at = below(text.len());
                match below(3) {
                    0 => drop(text.drain(at..text.len().min(at + 1 + below(200)))),
                    1 => drop(text.splice(at..at, pieces[below(pieces.len())].chars())),
                    _ => text.truncate(at + 1),
                }
                if text.is_empty() {
                    text.push('x');
                }
            }
            let text: String = text.into_iter().collect();
            // Never a panic; the signatures decide what is believed.
            match read(&text, MAX) {
                Ok(read) => assert!((1..=ARMOUR_TOKENS_MAX).contains(&read.len()), "{text}"),
                Err(error) => assert!(error.line <= text.lines().count(), "{error:?}: {text}"),
            }
        }
    }

    #[test]
    fn a_bare_token_is_a_file_too() {
        let [one, _] = tokens();
        let wrapped: String = lines(&one).map(|line| format!(" {line}\n")).collect();
        assert_eq!(read(&wrapped, MAX), Ok(alloc::vec![one]));
    }
}
