//! The C compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What rustc says that a program needs beside the static library (`--print native-static-libs`). The header says it too.
pub const NATIVE_LIBRARIES: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

/// Which of the two libraries a program is linked with.
#[derive(Debug, Clone, Copy)]
pub enum Library {
    Static,
    Shared,
}

/// A program and the folder that it is in, which is its own.
pub struct Program {
    pub folder: TempDir,
    pub path: PathBuf,
}

impl Program {
    /// Compiles one source, given below the repository.
    pub fn compile(source: &str, library: Library) -> Self {
        Self::compile_with(source, library, &[])
    }

    /// Compiles with further arguments for the compiler.
    pub fn compile_with(source: &str, library: Library, arguments: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("program");
        let mut compiler = Command::new("cc");
        // Names are enough for valgrind; reading where each line of Rust's library came from takes it a second.
        compiler.arg("-Wl,--strip-debug").args([
            "-std=c11",
            "-pedantic",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-I",
        ]);
        compiler.arg(repository().join("license-client-c/include"));
        compiler.arg(repository().join(source)).arg("-o").arg(&path).args(arguments);
        match library {
            Library::Static => compiler.arg(library_file("liblictor_client.a")).args(NATIVE_LIBRARIES),
            Library::Shared => {
                let file = library_file("liblictor_client.so");
                let folder = file.parent().expect("it is in a folder").display().to_string();
                compiler.arg(&file).arg(format!("-Wl,-rpath,{folder}")).arg("-lpthread")
            }
        };
        let output = compiler.output().expect("cc is installed (scripts/test does)");
        assert!(output.status.success(), "{source}\n{}", String::from_utf8_lossy(&output.stderr));
        Self { folder, path }
    }

    /// Writes a file beside the program.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    /// The program, to be started with a folder for its state and no settings of this process.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear();
        command
    }
}

/// The library is built with this test, which depends on its crate, and lies beside it.
pub fn library_file(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let file = test.parent().expect("it is in a folder").join(name);
    assert!(file.is_file(), "{} is built with this test", file.display());
    file
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository")
}
