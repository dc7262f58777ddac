//! Where a pasted text is damaged.

use license_token::armour::{self, ArmourError, ArmourFault};
use license_token::json::{self, JsonError, Limits};
use license_token::trust::KeySetRefusal;
use license_token::{ActivationClaims, Code, LicenseClaims, Refusal, UnverifiedToken, base64url};

use crate::pasted::{self, Found, PASTED_MAX_BYTES, Pasted, SIGNATURE_CHARS};
use crate::{Config, held, keyset, reasons};

/// What a text is that came over whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// A genuine license key of this product.
    LicenseKey,
    /// A genuine activation certificate of this product.
    Certificate,
    /// A key set of this seller.
    KeySet,
    /// A claim code, or what may be a marketplace's authorization code: only the server knows it.
    Code,
}

/// Why a text is no license of this product. It tells what [`crate::Verdict::Malformed`] does not.
///
/// What can be located is damage to the form: a character that cannot stand there, a part that is missing, too long, too
/// short or unreadable. A signature says that something was changed and never what; then there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextFlaw {
    /// What is wrong.
    pub fault: TextFault,
    /// Which part of a key it is in.
    pub part: Option<KeyPart>,
    /// Where; a character that was lost or added is at this place or shortly before.
    pub place: Option<TextPlace>,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextFault {
    /// Nothing is there.
    Empty,
    /// Longer than 32 KiB.
    TooLong,
    /// Neither a license key nor a certificate or code.
    NoKey,
    /// Fewer than three parts, or an empty one.
    PartMissing,
    /// A character that no key has.
    ForeignCharacter(char),
    /// The signature is not 86 characters long.
    WrongLength {
        /// How long it is.
        found: usize,
    },
    /// A part cannot be read.
    Damaged,
    /// A claim code whose check character does not fit.
    MistypedCode,
    /// A key in good form that is refused: altered, or not meant for this software.
    Refused(Code),
}

/// A part of a license key or certificate, between full stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// The first.
    Header,
    /// The second.
    Content,
    /// The third.
    Signature,
}

/// A place in the text, or in the file that it names. Both count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextPlace {
    /// Line.
    pub line: usize,
    /// Character in the line.
    pub column: usize,
}

impl TextFlaw {
    /// A stable word for logs and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.fault {
            TextFault::Empty => "empty",
            TextFault::TooLong => "too_long",
            TextFault::NoKey => "no_key",
            TextFault::PartMissing => "part_missing",
            TextFault::ForeignCharacter(_) => "foreign_character",
            TextFault::WrongLength { .. } => "wrong_length",
            TextFault::Damaged => "damaged",
            TextFault::MistypedCode => "mistyped_code",
            TextFault::Refused(code) => code.as_str(),
        }
    }

    /// What is wrong, where, and what to do, as sentences for people. `locale` is a language tag: `zh…` is Chinese,
    /// everything else English.
    #[must_use]
    pub fn reason(&self, locale: &str) -> String {
        reasons::of_text_flaw(self, locale)
    }

    const fn of(fault: TextFault) -> Self {
        Self { fault, part: None, place: None }
    }
}

impl KeyPart {
    /// A stable word: `header`, `content` or `signature`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Content => "content",
            Self::Signature => "signature",
        }
    }
}

/// Whether a pasted text is a license key, certificate or code of this product that came over whole. Nothing is kept, no
/// server is asked, and whether the license still holds is [`crate::check`]'s.
///
/// # Errors
/// What is wrong with it, and where.
pub fn inspect_text(config: &Config, text: &str) -> Result<TextKind, TextFlaw> {
    let inspected = match Pasted::read(text) {
        Pasted::LicenseKey(key) => {
            held::genuine::<LicenseClaims>(config, &key).map(|_| TextKind::LicenseKey).map_err(refused)
        }
        Pasted::Certificate(certificate) => held::genuine::<ActivationClaims>(config, &certificate)
            .map(|_| TextKind::Certificate)
            .map_err(refused),
        Pasted::KeySet(set) => match keyset::accept(config, &set, None) {
            Ok(_) => Ok(TextKind::KeySet),
            Err(KeySetRefusal::Token(refusal)) => Err(refused(refusal)),
            Err(KeySetRefusal::RolledBack | KeySetRefusal::Equivocation) => {
                Err(TextFlaw::of(TextFault::NoKey))
            }
        },
        Pasted::Code(code) if !pasted::fits_itself(&code) => Err(TextFlaw::of(TextFault::MistypedCode)),
        Pasted::Code(_) => Ok(TextKind::Code),
        Pasted::Unreadable => Err(unreadable(text)),
    };
    inspected.map_err(|flaw| checked_line(text).unwrap_or(flaw))
}

/// The line of an armoured file that its check does not fit: those who wrote the file said of each line what it should be,
/// so that also damage is located of which a signature says nothing but that it is there.
fn checked_line(text: &str) -> Option<TextFlaw> {
    if text.len() > PASTED_MAX_BYTES {
        return None;
    }
    match armour::read(&pasted::content(text), PASTED_MAX_BYTES) {
        Err(ArmourError { line, fault: ArmourFault::Damaged }) if line > 0 => {
            let place = Some(TextPlace { line, column: 1 });
            Some(TextFlaw { place, ..TextFlaw::of(TextFault::Damaged) })
        }
        Ok(_) | Err(_) => None,
    }
}

fn refused(refusal: Refusal) -> TextFlaw {
    let part = (refusal.code() == Code::BadHeader).then_some(KeyPart::Header);
    TextFlaw { part, ..TextFlaw::of(TextFault::Refused(refusal.code())) }
}

fn unreadable(text: &str) -> TextFlaw {
    if text.len() > PASTED_MAX_BYTES {
        return TextFlaw::of(TextFault::TooLong);
    }
    let content = pasted::content(text);
    if content.len() > PASTED_MAX_BYTES {
        return TextFlaw::of(TextFault::TooLong);
    }
    if content.trim().is_empty() {
        return TextFlaw::of(TextFault::Empty);
    }
    let Some(found) = pasted::remains(&content) else { return TextFlaw::of(TextFault::NoKey) };
    if UnverifiedToken::parse_key_set(&found.text).is_ok() {
        return TextFlaw::of(TextFault::Refused(Code::WrongType));
    }
    let Damage { fault, part, index } = damage(&found);
    TextFlaw { fault, part, place: Some(place(&content, found.place(index))) }
}

/// A fault at a character of what was found.
struct Damage {
    fault: TextFault,
    part: Option<KeyPart>,
    index: usize,
}

/// The first fault from the left.
fn damage(found: &Found) -> Damage {
    let parts: Vec<&str> = found.text.split('.').collect();
    match parts.as_slice() {
        [header, content, signature, ..] if !parts[..3].contains(&"") => {
            of_three(found, header, content, signature)
        }
        incomplete => of_fewer(found, incomplete),
    }
}

fn of_three(found: &Found, header: &str, content: &str, signature: &str) -> Damage {
    let content_at = header.len() + 1;
    let signature_at = content_at + content.len() + 1;
    let in_part = |part, index| Damage { fault: TextFault::Damaged, part: Some(part), index };
    if let Some(index) = json_damage(header) {
        return in_part(KeyPart::Header, index);
    }
    if let Some(index) = json_damage(content) {
        return in_part(KeyPart::Content, content_at + index);
    }
    let of_signature = |fault, index| Damage { fault, part: Some(KeyPart::Signature), index };
    match found.foreign {
        Some(foreign) if !is_of_a_sentence(foreign) => {
            of_signature(TextFault::ForeignCharacter(foreign), found.text.len())
        }
        _ if signature.len() != SIGNATURE_CHARS => {
            let fault = TextFault::WrongLength { found: signature.len() };
            of_signature(fault, signature_at + signature.len())
        }
        _ if found.text.len() > signature_at + signature.len() => {
            of_signature(TextFault::ForeignCharacter('.'), signature_at + signature.len())
        }
        // Bits that no signature uses are set: only its last character has some.
        _ => of_signature(TextFault::Damaged, signature_at + signature.len() - 1),
    }
}

/// Cut off, or two parts run together because a full stop was lost.
fn of_fewer(found: &Found, parts: &[&str]) -> Damage {
    let last = [KeyPart::Header, KeyPart::Content, KeyPart::Signature].get(parts.len() - 1).copied();
    if let Some(foreign) = found.foreign {
        return Damage { fault: TextFault::ForeignCharacter(foreign), part: last, index: found.text.len() };
    }
    let missing = |index| Damage { fault: TextFault::PartMissing, part: None, index };
    if let Some(empty) = parts.iter().position(|part| part.is_empty()) {
        return missing(parts[..empty].iter().map(|part| part.len() + 1).sum());
    }
    // Header and content both begin with `{"`.
    let second_beginning =
        parts[0].char_indices().skip(1).find(|(index, _)| parts[0][*index..].starts_with("eyJ"));
    match (second_beginning, parts) {
        (Some((index, _)), _) => missing(index),
        (None, [_, content]) if json_damage(content).is_some() && content.len() > SIGNATURE_CHARS => {
            let joint = content.len() - SIGNATURE_CHARS;
            let is_joint = json_damage(&content[..joint]).is_none();
            missing(if is_joint { found.text.len() - SIGNATURE_CHARS } else { found.text.len() })
        }
        (None, _) => missing(found.text.len()),
    }
}

/// What ends a sentence around a key, rather than stand in place of one of its characters.
fn is_of_a_sentence(foreign: char) -> bool {
    matches!(foreign, ',' | ';' | ':' | '!' | '?' | ')' | ']' | '}' | '<' | '、' | '…')
}

/// Where the JSON object in a part of a token ends to be one, in characters of the part.
fn json_damage(part: &str) -> Option<usize> {
    let whole = base64url::decode(part);
    let bytes = match &whole {
        Some(bytes) => bytes.clone(),
        // Without the rest that stands for no whole byte.
        None => base64url::decode(&part[..part.len() / 4 * 4]).unwrap_or_default(),
    };
    let index = match json::parse(&bytes, &Limits::TOKEN) {
        Ok(value) if value.as_object().is_some() => None,
        Ok(_)
        | Err(
            JsonError::TooLarge { .. }
            | JsonError::TooMany { .. }
            | JsonError::TooDeep { .. }
            | JsonError::Duplicate { .. },
        ) => Some(0),
        Err(JsonError::Malformed { offset_bytes }) => Some(offset_bytes * 4 / 3),
    };
    index.or(if whole.is_none() { Some(part.len() - 1) } else { None })
}

fn place(content: &str, offset: usize) -> TextPlace {
    let before = content.get(..offset).unwrap_or(content);
    let line_start = before.rfind('\n').map_or(0, |line_end| line_end + 1);
    TextPlace { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}
