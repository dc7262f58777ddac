//! The vectors under `tests/vectors/token`: each says for itself what a verifier must answer.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use license_token::Code;
use serde_json::Value;
use support::{catalogue, repository, vector};

fn folder() -> PathBuf {
    repository().join("tests/vectors/token")
}

/// File name without its ending → text.
fn files() -> BTreeMap<String, String> {
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("a readable folder").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a readable file"))
    };
    fs::read_dir(folder()).expect("the folder of vectors").map(file).collect()
}

#[test]
fn every_vector_of_the_folder_gets_its_verdict() {
    let mut wrong = Vec::new();
    let files = files();
    for (name, text) in &files {
        let vector: Value = serde_json::from_str(text).expect("a vector is JSON");
        let said = vector::run(&vector).err().map(Code::as_str);
        let expected = vector["verdict"]["code"].as_str();
        if said != expected || vector["verdict"]["valid"] != expected.is_none() {
            wrong.push(format!("{name}: expected {expected:?}, the verifier says {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() > 150, "only {} vectors were read", files.len());
}

#[test]
fn every_code_has_a_vector() {
    let vectors: Vec<Value> =
        files().values().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    for code in Code::ALL {
        let has_one = vectors.iter().any(|vector| vector["verdict"]["code"] == code.as_str());
        assert!(has_one, "no vector is refused with `{code}`");
    }
}

#[test]
fn the_folder_is_what_the_catalogue_writes() {
    let written: BTreeMap<String, String> =
        catalogue::all().iter().map(|vector| (vector.name.clone(), vector.text())).collect();
    assert_eq!(written.len(), catalogue::all().len(), "two vectors have one name");
    let files = files();
    assert_eq!(files.keys().collect::<Vec<_>>(), written.keys().collect::<Vec<_>>());
    for (name, text) in &written {
        assert_eq!(
            &files[name], text,
            "{name} differs: cargo test -p license-token -- --ignored write_the_vectors"
        );
    }
}

#[test]
#[ignore = "writes tests/vectors/token anew; run it after changing the catalogue"]
fn write_the_vectors() {
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old vectors go");
    }
    fs::create_dir_all(&folder).expect("a folder");
    for vector in catalogue::all() {
        fs::write(folder.join(format!("{}.json", vector.name)), vector.text()).expect("a file");
    }
}
