//! QR codes (ISO/IEC 18004): for pages as SVG, for terminals as text.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder, QRCode};

/// Light modules around a code, as readers need them.
const QUIET: usize = 4;

/// Why a text is no QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is longer than a QR code holds (2953 bytes): use a file")]
pub struct TooLong;

/// A square of dark and light modules.
pub struct Qr(QRCode);

impl Qr {
    /// Of a text, at the lowest level of error correction: it is read from a screen, not from a worn label.
    pub fn of(text: &str) -> Result<Self, TooLong> {
        QRBuilder::new(text).ecl(ECL::L).build().map(Self).map_err(|_too_long| TooLong)
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = (QUIET..QUIET + self.0.size).contains(&x) && (QUIET..QUIET + self.0.size).contains(&y);
        inside && self.0[y - QUIET][x - QUIET].value()
    }

    fn side(&self) -> usize {
        self.0.size + 2 * QUIET
    }

    /// Dark on light whatever the page's colours are; `label` is what a screen reader says, and is escaped.
    pub fn svg(&self, label: &str) -> String {
        let side = self.side();
        let mut path = String::new();
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let run = (x..side).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    let _never_fails = write!(path, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
        let label = label.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{label}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }

    /// Two rows a line, drawn in light: for terminals with light letters on dark.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for y in (0..self.side()).step_by(2) {
            for x in 0..self.side() {
                let below_is_dark = y + 1 >= self.side() || self.is_dark(x, y + 1);
                text.push(match (self.is_dark(x, y), below_is_dark) {
                    (true, true) => ' ',
                    (true, false) => '▄',
                    (false, true) => '▀',
                    (false, false) => '█',
                });
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svg_and_text_show_the_same_modules() {
        let qr = Qr::of("LICENSE-PART:1/1").expect("short");
        let (side, text) = (qr.side(), qr.text());
        let rows: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let svg = qr.svg("a \"<code>");
        assert!(svg.contains("a &quot;&lt;code>") && svg.matches("<path").count() == 2, "{svg}");
        let mut dark = 0;
        for y in 0..side {
            for (x, half) in rows[y / 2].iter().enumerate() {
                let is_dark = matches!((half, y % 2), (' ', _) | ('▄', 0) | ('▀', 1));
                assert_eq!(is_dark, qr.is_dark(x, y), "{x} {y}");
                dark += usize::from(is_dark);
            }
            assert_eq!(rows[y / 2].len(), side);
        }
        let drawn: usize =
            svg.split("v1h-").filter_map(|part| part.rsplit_once('h')?.1.parse::<usize>().ok()).sum();
        assert_eq!(drawn, dark);
    }

    #[test]
    fn a_license_key_always_fits_and_what_is_too_long_is_refused() {
        assert!(Qr::of(&"x".repeat(license_token::token::LICENSE_KEY_END_CHARS)).is_ok());
        assert_eq!(Qr::of(&"x".repeat(2_954)).err(), Some(TooLong));
    }
}
