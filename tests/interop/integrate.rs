//! The examples of `docs/integrate.md` do what they say, as they stand there.

use std::path::{Path, PathBuf};
use std::process::Command;

use lictor::application::ports::Clock as _;
use lictor::clock::SystemClock;
use lictor::store::MemoryEngine;

use crate::support::people::{command, issue};
use crate::support::{Engine, Harness, World, acme};
use crate::verifiers;

const GUIDE: &str = include_str!("../../docs/integrate.md");

/// A service at the time of day, because the examples go by the machine's clock; and a folder with the pinned keys and
/// the key of a license.
struct Desk {
    harness: Harness,
    folder: tempfile::TempDir,
    license: String,
}

impl Desk {
    fn with(spec: &str) -> Self {
        let world = World::new();
        world.clock.set(SystemClock.now());
        let harness = Harness::start_in(world, &Engine::Memory(MemoryEngine::new()));
        harness.apply(&acme(&harness.world.sandbox));
        let license = issue(&harness, spec);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key.txt"), license.text_at("/license_key")).expect("writable");
        let desk = Self { harness, folder, license: license.text_at("/id") };
        desk.run("bash", "-c", &block("sh", "curl"));
        desk
    }

    /// Runs an example in the folder; what it prints.
    fn run(&self, program: &str, flag: &str, example: &str) -> String {
        let lictor = concat!(env!("CARGO_BIN_EXE_lictor"), " token");
        let example =
            example.replace("http://127.0.0.1:8080", &self.harness.url).replace("lictor token", lictor);
        self.command(program, &[flag, &example])
    }

    fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> String {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(self.folder.path()).env("no_proxy", "127.0.0.1");
        command.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/python"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.output().expect("run ./scripts/test once");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}\n{told}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// The block of that language which holds `part`.
fn block(language: &str, part: &str) -> String {
    let blocks = GUIDE.split("```").skip(1).step_by(2);
    let starts = format!("{language}\n");
    let found = blocks.filter_map(|block| block.strip_prefix(&starts)).find(|block| block.contains(part));
    found.unwrap_or_else(|| panic!("no example in {language} with {part}")).to_owned()
}

fn python() -> String {
    verifiers::python()[0].display().to_string()
}

pub fn a_key_is_verified_as_the_guide_says() {
    let desk = Desk::with("cad-key-only");
    assert!(desk.run("bash", "-c", &block("sh", "token verify")).contains(r#""valid":true"#));
    let node = {
        // Beside the modules that it names, as in a product.
        let conformance: PathBuf = verifiers::node().pop().expect("the program");
        conformance.with_file_name("guide.mjs")
    };
    std::fs::write(&node, block("js", "judge(")).expect("writable");
    let by_python = || desk.run(&python(), "-c", &block("python", "judge("));
    let by_node = || desk.command("node", &[node.to_str().expect("UTF-8")]);
    let good = by_python();
    assert!(good.starts_with("licensed: "), "{good}");
    assert_eq!(by_node(), good);
    std::fs::write(desk.folder.path().join("key.txt"), "eyJ.eyJ.x").expect("writable");
    assert_eq!((by_python(), by_node()), ("refused: malformed\n".into(), "refused: malformed\n".into()));
}

pub fn a_machine_is_activated_and_holds_offline_as_the_guide_says() {
    let mut desk = Desk::with("cad-year");
    let example = block("python", "Installation(");
    // A container of the tests may let nothing be read.
    let example = example.replace("read_machine()", r#"{"os": "a-machine-of-the-tests"}"#);
    let told = desk.run(&python(), "-c", &example);
    assert!(told.starts_with("licensed until "), "{told}");
    let revoke = serde_json::json!({ "reason": "chargeback" });
    command(&desk.harness, &desk.license, "revoke", &revoke).expect(200);
    desk.harness.settle();
    assert_eq!(desk.run(&python(), "-c", &example), "refused: revoked\n");
    desk.harness.stop();
    assert_eq!(desk.run(&python(), "-c", &example), "refused: revoked\n", "without a server, too");
}
