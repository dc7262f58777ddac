//! Where to go on after signing in.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const CONSOLE: &str = "/console";
/// Longest path that is remembered, in bytes.
const PATH_BYTES_MAX: usize = 1_024;

/// A path of the console, and nothing else: whatever a link says, nobody is sent to another site by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(String);

impl Wanted {
    /// The path, if it is one of the console's pages.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(CONSOLE)?;
        let (path, _query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_page = (path.is_empty() || path.starts_with('/'))
            && text.len() <= PATH_BYTES_MAX
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !path.split('/').any(is_dots)
            && !["/sign-in", "/sign-out", "/merchants"].contains(&path);
        is_page.then(|| Self(text.to_owned()))
    }

    /// As sent by a form; the first page where it says none.
    pub fn or_start(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|| Self(CONSOLE.to_owned()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Another path that remembers this one.
    pub fn behind(&self, path: &str) -> String {
        if self.0 == CONSOLE {
            return path.to_owned();
        }
        format!("{path}?next={}", utf8_percent_encode(&self.0, NON_ALPHANUMERIC))
    }
}

/// `.` and `..`, in any spelling that a browser takes for them.
fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_are_gone_on_to() {
        for page in ["/console", "/console/", "/console?q=1", "/console/licenses/lic_1?tab=a&b=%2F"] {
            assert_eq!(Wanted::parse(page).as_ref().map(Wanted::as_str), Some(page));
        }
        for other in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/console",
            "/consolex",
            "/console@evil.example",
            "/console:80",
            "/console\\evil",
            "/console/../portal",
            "/console/%2E%2e/portal",
            "/console/a\r\nb",
            "/console/中",
            "/console/sign-in",
            "/console/sign-in?next=x",
            "/console/sign-out",
        ] {
            assert_eq!(Wanted::parse(other), None, "{other:?}");
        }
        let long = format!("/console/{}", "x".repeat(PATH_BYTES_MAX));
        assert_eq!(Wanted::parse(&long), None);
    }

    #[test]
    fn it_is_remembered_as_one_parameter() {
        let wanted = Wanted::parse("/console/licenses?q=a&b=c").expect("a page");
        assert_eq!(
            wanted.behind("/console/sign-in"),
            "/console/sign-in?next=%2Fconsole%2Flicenses%3Fq%3Da%26b%3Dc"
        );
        assert_eq!(Wanted::or_start("").behind("/console/sign-in"), "/console/sign-in");
    }
}
