//! `interop/c/example.c`, as a customer's program would run.

use std::process::{Command, Output};

use crate::compiled::{Library, Program};
use crate::server::pinned;

struct Customer {
    program: Program,
}

impl Customer {
    fn new(library: Library) -> Self {
        let program = Program::compile("interop/c/example.c", library);
        program.write("keys.json", &pinned());
        Self { program }
    }

    fn command(&self) -> Command {
        let folder = self.program.folder.path();
        let mut command = self.program.command();
        command.arg(folder.join("keys.json")).arg(folder.join("state"));
        command
    }

    fn run(&self, more: &[&str]) -> Output {
        self.command().args(more).output().expect("it runs")
    }
}

fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn without_a_key_the_program_is_refused_in_the_language_of_its_user() {
    let customer = Customer::new(Library::Shared);
    let english = "needs_key: A license key is needed. Paste the current license key or claim code.\n";
    assert_eq!(told(&customer.run(&[])), (Some(1), english.into()));
    let chinese = customer.command().env("LANG", "zh_CN.UTF-8").output().expect("it runs");
    assert_eq!(
        told(&chinese),
        (Some(1), "needs_key: 需要输入许可证密钥。 请粘贴当前的许可证密钥或激活码。\n".into())
    );
    let nonsense = customer.run(&["http://127.0.0.1:9", "no key at all"]);
    assert_eq!(nonsense.status.code(), Some(1));
    assert!(told(&nonsense).1.starts_with("malformed: "), "{nonsense:?}");
}

#[test]
fn keys_that_cannot_work_end_the_program_with_words_for_its_developer() {
    let customer = Customer::new(Library::Static);
    customer.program.write("keys.json", "{}");
    let refused = customer.run(&[]);
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.starts_with("invalid_config: verifying keys refused:"), "{words}");
    assert_eq!(customer.program.command().output().expect("it runs").status.code(), Some(2));
}
