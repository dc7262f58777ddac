//! A store with a license in it, and a start of the real program that is expected to end.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::json;

use crate::folders::{copy, differences, listing};
use crate::process::Site;

/// Somebody who owns nothing: `nobody`.
const NOBODY: u32 = 65_534;

/// Data and keys with a merchant and one license, closed in good order; made once and copied for each test.
static MADE: LazyLock<Site> = LazyLock::new(|| {
    let site = Site::new("http://127.0.0.1:9");
    let server = site.start();
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    let (status, license) = site.merchant().post("/v1/merchant/licenses", &order);
    assert_eq!(status, 201, "{license}");
    server.stop();
    std::fs::remove_file(site.folder.path().join("data/RESERVE")).ok();
    site
});

/// A folder of its own with data and keys.
pub struct Ground {
    pub data: PathBuf,
    pub keys: PathBuf,
    create: &'static str,
    as_nobody: bool,
    settings: Vec<(&'static str, PathBuf)>,
    _folder: Option<tempfile::TempDir>,
}

/// A start that ended.
pub struct Ended {
    pub code: i32,
    pub words: String,
}

impl Ground {
    /// Nothing is there yet.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { _folder: Some(folder), ..Self::at(PathBuf::new().as_path()) }.moved()
    }

    /// Below a folder that somebody else keeps; nothing is made there.
    pub fn at(folder: &Path) -> Self {
        let (data, keys) = (folder.join("data"), folder.join("keys"));
        Self { data, keys, create: "auto", as_nobody: false, settings: Vec::new(), _folder: None }
    }

    fn moved(mut self) -> Self {
        if let Some(folder) = &self._folder {
            (self.data, self.keys) = (folder.path().join("data"), folder.path().join("keys"));
        }
        self
    }

    /// With a store and its keys.
    pub fn with_a_store() -> Self {
        Self::empty().filled()
    }

    /// Puts a store and its keys there.
    pub fn filled(self) -> Self {
        copy(&MADE.folder.path().join("data"), &self.data);
        copy(&MADE.folder.path().join("keys"), &self.keys);
        self
    }

    /// With `LICTOR_CREATE=never`.
    pub fn never_made(self) -> Self {
        Self { create: "never", ..self }
    }

    /// Started by somebody who owns nothing; for a test that runs as root, who may read everything.
    pub fn started_by_nobody(self) -> Self {
        Self { as_nobody: true, ..self }
    }

    /// With one more setting.
    pub fn with(mut self, name: &'static str, path: &Path) -> Self {
        self.settings.push((name, path.to_owned()));
        self
    }

    /// Starts the program, which must end by itself.
    pub fn start(&self) -> Ended {
        let mut command = self.command();
        let ended = command.output().expect("the program starts");
        let words = String::from_utf8(ended.stderr).expect("UTF-8");
        Ended { code: ended.status.code().expect("no signal"), words }
    }

    /// The program with this test's folders, on a port of its own.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
        command
            .arg("serve")
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .env("LICTOR_LISTEN", "127.0.0.1:0")
            .env("LICTOR_PUBLIC_URL", "https://license.acme.example")
            .env("LICTOR_DATA_DIR", &self.data)
            .env("LICTOR_KEYS_DIR", &self.keys)
            .env("LICTOR_CREATE", self.create)
            .env("TEST_ACCESS_KEY", crate::process::ACCESS_KEY)
            .env("TEST_API_TOKEN", crate::process::API_TOKEN)
            .env("LICTOR_LOG_FILTER", "error")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        if self.as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// The start is refused with 1 and these words, and leaves everything as it was, but for what lies below
    /// `unchecked`.
    #[track_caller]
    pub fn refuses_but_for(&self, words: &[&str], unchecked: &[&Path]) {
        let before = (listing(&self.data), listing(&self.keys));
        let ended = self.start();
        let after = (listing(&self.data), listing(&self.keys));
        assert_eq!(ended.code, 1, "{}", ended.words);
        let is_trace = |line: &str| line.contains("panicked") || line.contains("stack backtrace");
        assert!(!ended.words.lines().any(is_trace), "no stack trace for operators: {}", ended.words);
        assert_eq!(ended.words.trim_end().lines().count(), 1, "one text: {}", ended.words);
        for word in words {
            assert!(ended.words.contains(word), "{word} in: {}", ended.words);
        }
        let mut changed = differences(&before.0, &after.0);
        changed.extend(differences(&before.1, &after.1));
        changed.retain(|path| !unchecked.iter().any(|unchecked| path.starts_with(unchecked)));
        assert!(changed.is_empty(), "made or changed: {changed:?}");
    }

    /// The same without an exception.
    #[track_caller]
    pub fn refuses(&self, words: &[&str]) {
        self.refuses_but_for(words, &[]);
    }

    /// A path as the texts name it.
    pub fn shown(path: &Path) -> String {
        path.display().to_string()
    }
}
