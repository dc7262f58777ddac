//! The command line and a server with a certificate of an own authority.

use std::process::Command;

use crate::front::Service;
use crate::process::API_TOKEN;

#[test]
fn the_command_line_believes_the_authority_it_is_given() {
    let service = Service::over_tls(&[]);
    let root = service.files.path().join("root.pem");
    std::fs::write(&root, service.root.pem()).expect("writable");
    let list = |settings: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
        command.args(["license", "list"]).env_clear().envs(settings.iter().copied());
        command.env("LICTOR_URL", service.server.url()).env("LICTOR_TOKEN", API_TOKEN);
        let ended = command.output().expect("the program starts");
        (ended.status.code(), String::from_utf8(ended.stderr).expect("UTF-8"))
    };
    let (code, words) = list(&[("LICTOR_CA_FILE", &root.display().to_string())]);
    assert_eq!(code, Some(0), "{words}");
    let (code, words) = list(&[]);
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("certificate"), "{words}");
}
