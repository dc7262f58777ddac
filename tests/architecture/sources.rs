//! The source files of the workspace, and which module each of them is.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.rs` file below a folder of the repository, as path from the repository and text, sorted. A folder that is not there has none.
pub fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    files.into_iter().map(|path| (from_root(&path), read(&path))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder of the repository can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn from_root(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("only the repository is searched");
    inside.to_str().expect("file names of the repository are UTF-8").replace('\\', "/")
}

/// `src/http/error.rs` is `["http", "error"]`; `src/http/mod.rs` and `src/http.rs` are `["http"]`; `src/lib.rs` is `[]`.
pub fn module_of(file: &str) -> Vec<String> {
    let inside = file.split_once("src/").map_or(file, |(_, inside)| inside);
    let path = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    let is_root = module.len() == 1 && ["lib", "main"].contains(&module[0].as_str());
    if is_root || module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// The crates that the package of a `Cargo.toml` may name, as they are written in code.
pub fn dependencies(manifest: &str) -> Vec<String> {
    let manifest: toml::Table =
        read(&root().join(manifest)).parse().expect("cargo has read this file already");
    let mut sections = vec![&manifest];
    if let Some(toml::Value::Table(targets)) = manifest.get("target") {
        sections.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections.iter().flat_map(|section| kinds.map(|kind| section.get(kind)));
    let names = tables.flatten().filter_map(toml::Value::as_table).flat_map(toml::Table::keys);
    names.map(|name| name.replace('-', "_")).collect()
}
