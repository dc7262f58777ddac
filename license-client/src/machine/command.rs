//! Asks a program of the operating system: Windows and macOS say through programs what Linux says in files.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A program that is silent for so long says nothing any more.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// An SMBIOS table in hexadecimal is some 16 KiB.
const ANSWER_MAX_BYTES: u64 = 256 * 1024;

/// What a program writes to its standard output; `None` where it cannot be started or takes too long.
pub fn ask(program: &Path, arguments: &[&str]) -> Option<String> {
    ask_within(TIME_LIMIT, program, arguments)
}

fn ask_within(limit: Duration, program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    without_window(&mut command);
    let mut child = command.spawn().ok()?;
    let answer = answer_of(&mut child, limit);
    // It has said what it had to say, or must not say more.
    let _may_have_ended = child.kill();
    let _may_have_ended = child.wait();
    answer
}

/// The thread ends with the program's output.
fn answer_of(child: &mut Child, limit: Duration) -> Option<String> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let mut answer = Vec::new();
        let complete = output.take(ANSWER_MAX_BYTES).read_to_end(&mut answer).is_ok();
        let _nobody_may_wait = sender.send(complete.then_some(answer));
    };
    thread::Builder::new().spawn(read).ok()?;
    let answer = receiver.recv_timeout(limit).ok()??;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// No black window flashes up in a program that has none.
#[cfg(target_os = "windows")]
fn without_window(command: &mut Command) {
    use std::os::windows::process::CommandExt as _;
    /// `CREATE_NO_WINDOW` of the process creation flags.
    const NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(NO_WINDOW);
}

#[cfg(not(target_os = "windows"))]
fn without_window(_command: &mut Command) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_heard_and_a_silent_one_is_not_waited_for() {
        let shell = Path::new("/bin/sh");
        assert_eq!(ask(shell, &["-c", "echo 1; echo 2"]).as_deref(), Some("1\n2\n"));
        assert_eq!(ask_within(Duration::from_millis(20), shell, &["-c", "exec sleep 600"]), None);
        assert_eq!(ask(Path::new("/nowhere"), &[]), None);
    }

    #[test]
    fn a_program_that_never_stops_talking_is_cut_off() {
        let answer = ask(Path::new("/bin/sh"), &["-c", "exec yes"]).expect("it talks");
        assert_eq!(answer.len() as u64, ANSWER_MAX_BYTES);
    }
}
