//! The command, as an operator types it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::process::Site;

/// What the command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// It was done; what it answered.
    #[track_caller]
    pub fn done(self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).expect("--json prints one object")
    }

    /// It was refused with this exit code and these words, and told no password.
    #[track_caller]
    pub fn refused(self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.contains(words), "{words}: {self:?}");
        assert!(!self.stderr.contains("secret"), "{self:?}");
    }
}

/// `lictor store move`, with the settings and the operator's token of a site.
pub struct Move {
    site: PathBuf,
    url: String,
    from: String,
    to: String,
    flags: Vec<&'static str>,
}

impl Move {
    pub fn of(site: &Site, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Self {
        let text = |place: &Path| place.to_str().expect("UTF-8").to_owned();
        let (from, to) = (text(from.as_ref()), text(to.as_ref()));
        Self { site: site.folder.path().to_owned(), url: site.url(), from, to, flags: Vec::new() }
    }

    pub fn at(self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self }
    }

    /// Gives up.
    pub fn undo(mut self) -> Self {
        self.flags.push("--undo");
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
        command.args(["--json", "--url", &self.url, "store", "move", "--from", &self.from, "--to", &self.to]);
        command.args(&self.flags);
        command.arg("--token-file").arg(self.site.join("data").join("operator-token"));
        command.env("LICTOR_DATA_DIR", self.site.join("data")).env("LICTOR_KEYS_DIR", self.site.join("keys"));
        command.env_remove("LICTOR_STORE").env_remove("LICTOR_TOKEN").stdin(Stdio::null());
        command
    }

    pub fn run(&self) -> Said {
        Said::of(&self.command().output().expect("the binary starts"))
    }

    pub fn spawn(&self) -> Child {
        self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
    }
}

/// How one that was spawned ended.
pub fn ended(child: Child) -> Said {
    Said::of(&child.wait_with_output().expect("it ends"))
}
