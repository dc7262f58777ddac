//! The header says what the code does: every prototype, every number, every exported name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use crate::compiled::{NATIVE_LIBRARIES, library_file, repository};

/// Closed types by their names in Rust and in C.
const ENUMS: [(&str, &str); 4] = [
    ("Error", "lictor_error"),
    ("Kind", "lictor_kind"),
    ("NextAction", "lictor_next_action"),
    ("Enforcement", "lictor_enforcement"),
];

fn header() -> String {
    let path = repository().join("license-client-c/include/lictor_client.h");
    without_comments(&fs::read_to_string(path).expect("the header"))
}

fn sources() -> Vec<String> {
    let folder = fs::read_dir(repository().join("license-client-c/src")).expect("sources");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(entry.expect("an entry").path()).expect("a source")
    };
    folder.map(read).collect()
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once("*/").expect("a comment ends").1)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A type of the code as C writes it, with room for a name.
fn c_type(rust: &str) -> String {
    for (pointer, qualifier) in [("*const ", "const "), ("*mut ", "")] {
        if let Some(target) = rust.strip_prefix(pointer) {
            return format!("{qualifier}{}*", c_type(target));
        }
    }
    let name = match rust {
        "c_char" => "char",
        "c_void" => "void",
        "i32" => "int32_t",
        "i64" => "int64_t",
        "u32" => "uint32_t",
        "bool" => "bool",
        "Client" => "lictor_client",
        "Verdict" => "lictor_verdict",
        "Clock" => "lictor_clock",
        "Error" => "lictor_error",
        "Kind" => "lictor_kind",
        "NextAction" => "lictor_next_action",
        "Enforcement" => "lictor_enforcement",
        other => panic!("{other} has no name in C"),
    };
    format!("{name} ")
}

/// `fn name(a: *const T) -> R` → `R name(const t *a)`.
fn prototype(signature: &str) -> String {
    let (name, rest) = signature.split_once('(').expect("parameters");
    let (parameters, answer) = rest.split_once(')').expect("parameters end");
    let parameters = parameters.split(',').map(str::trim).filter(|parameter| !parameter.is_empty());
    let in_c = |parameter: &str| {
        let (name, rust) = parameter.split_once(": ").expect("a type");
        format!("{}{name}", c_type(rust))
    };
    let parameters: Vec<String> = parameters.map(in_c).collect();
    let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
    let answer =
        answer.trim().strip_prefix("-> ").map_or_else(|| "void ".to_owned(), |rust| c_type(rust.trim()));
    format!("{answer}{name}({parameters});")
}

fn prototypes_of_the_code() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources() {
        for part in source.split("#[unsafe(no_mangle)]").skip(1) {
            let (_, signature) = part.split_once("extern \"C\" fn ").expect("a function is exported");
            let (signature, _) = signature.split_once('{').expect("a body");
            found.insert(prototype(&one_line(signature)));
        }
    }
    found
}

/// Every statement that ends `);` and is no type.
fn prototypes_of_the_header() -> BTreeSet<String> {
    let header = header();
    let statements = header.split_inclusive(';').map(|statement| {
        let lines = statement.lines().filter(|line| !line.starts_with('#') && !line.contains("extern \"C\""));
        one_line(&lines.collect::<Vec<_>>().join(" ").replace('}', " "))
    });
    statements.filter(|statement| statement.ends_with(");") && !statement.starts_with("typedef")).collect()
}

/// Rust's `NeedsKey = 4` as C's `LICTOR_NEEDS_KEY`, 4.
fn enumerators_of_the_code(name: &str) -> BTreeMap<String, i32> {
    let sources = sources();
    let found = sources.iter().find_map(|source| source.split_once(&format!("pub enum {name} {{")));
    let (_, body) = found.expect("the enum is there");
    let (body, _) = body.split_once("\n}").expect("it ends");
    let variants = body.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "));
    let in_c = |(variant, number): (&str, &str)| {
        let mut name = "LICTOR".to_owned();
        for letter in variant.chars() {
            if letter.is_uppercase() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        (name, number.parse().expect("a number"))
    };
    variants.map(in_c).collect()
}

fn enumerators_of_the_header(name: &str) -> BTreeMap<String, i32> {
    let header = header();
    let (_, body) = header.split_once(&format!("typedef enum {name} {{")).expect("the enum is there");
    let (body, _) = body.split_once('}').expect("it ends");
    let enumerators = body.split(',').filter_map(|one| one.trim().split_once(" = "));
    enumerators.map(|(name, number)| (name.to_owned(), number.parse().expect("a number"))).collect()
}

#[test]
fn the_header_declares_what_the_code_exports_and_nothing_else() {
    assert!(prototypes_of_the_code().len() > 20);
    assert_eq!(prototypes_of_the_header(), prototypes_of_the_code());
}

#[test]
fn the_header_has_the_numbers_of_the_code() {
    for (rust, c) in ENUMS {
        let expected = enumerators_of_the_code(rust);
        assert!(expected.len() >= 3, "{rust}");
        assert_eq!(enumerators_of_the_header(c), expected, "{c}");
    }
}

#[test]
fn the_shared_library_exports_the_header_and_nothing_else() {
    let output = Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=posix"])
        .arg(library_file("liblictor_client.so"))
        .output()
        .expect("nm comes with the compiler");
    let text = String::from_utf8(output.stdout).expect("names");
    let exported: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let prototypes = prototypes_of_the_header();
    let name = |prototype: &String| {
        let before = prototype.split_once('(').expect("parameters").0.to_owned();
        before.rsplit([' ', '*']).next().expect("a name").to_owned()
    };
    let declared: BTreeSet<String> = prototypes.iter().map(name).collect();
    assert_eq!(exported, declared.iter().map(String::as_str).collect());
}

#[test]
fn the_header_names_the_libraries_that_a_program_needs() {
    let path = repository().join("license-client-c/include/lictor_client.h");
    let text = fs::read_to_string(path).expect("the header").replace("\n * ", " ");
    assert!(text.contains(&NATIVE_LIBRARIES.join(" ")));
}
