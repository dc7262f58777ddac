//! The verifiers of `interop/`, as merchants copy them: built where that is needed, and run over every vector.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Runs a verifier by the runner that others use, too.
pub fn agrees(verifier: &[PathBuf]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    let output = command.args(["conformance", "run", "--"]).args(verifier).output();
    let output = output.expect("the built binary can be started");
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{verifier:?}\n{}", String::from_utf8_lossy(&told));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn built() -> PathBuf {
    root().join("target/interop")
}

/// PyJWT and what it needs stand in the virtual environment of the oracles.
pub fn python() -> Vec<PathBuf> {
    vec![built().join("venv/bin/python"), root().join("interop/python/conformance.py")]
}

/// `jose` is found beside the program, so the program is copied to where the oracles have it: once, because tests that run
/// beside each other share it.
pub fn node() -> Vec<PathBuf> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let folder = built().join("node/verifier");
        fs::create_dir_all(&folder).expect("a folder");
        for source in sources(&root().join("interop/node"), "mjs") {
            fs::copy(&source, folder.join(source.file_name().expect("a name"))).expect("it can be copied");
        }
        folder.join("conformance.mjs")
    });
    vec!["node".into(), program.clone()]
}

/// Go keeps what it built in a folder of its own, so that a second build takes no time.
pub fn go() -> Vec<PathBuf> {
    let program = built().join("go/conformance");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg("./conformance").current_dir(root().join("interop/go"));
    build.env("GOCACHE", built().join("go/cache")).env("GOFLAGS", "-mod=readonly").env("GOPROXY", "off");
    run(&mut build);
    vec![program]
}

/// Compiled when a source is newer than the classes.
pub fn java() -> Vec<PathBuf> {
    let (folder, sources) = (built().join("java"), sources(&root().join("interop/java/lictor"), "java"));
    let classes = changed_at(&folder.join("lictor/Conformance.class"));
    if sources.iter().any(|source| changed_at(source) > classes) {
        run(Command::new("javac").args(["-Xlint:all", "-Werror", "-d"]).arg(&folder).args(&sources));
    }
    let options = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"].map(PathBuf::from);
    [&options[..], &[folder, "lictor.Conformance".into()]].concat()
}

fn sources(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("readable").path());
    files.filter(|path| path.extension() == Some(OsStr::new(extension))).collect()
}

/// `None`, which is before every instant, when there is no such file.
fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn run(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; run ./scripts/test once"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}
