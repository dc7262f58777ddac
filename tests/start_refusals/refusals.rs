//! Each thing that can be wrong with the folders of a start.

use std::path::Path;

use crate::ground::Ground;
use crate::mount::Mount;
use crate::process::Site;

fn shown(path: &Path) -> String {
    Ground::shown(path)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn the_store_that_the_refusals_spoil_starts_when_it_is_whole() {
    let ground = Ground::with_a_store();
    let mut server = ground.command().stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    let listens = std::io::BufReader::new(server.stdout.take().expect("piped"));
    let told = std::io::BufRead::lines(listens).map_while(Result::ok).any(|line| line.contains("listens on"));
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    assert!(told);
}

#[test]
fn a_store_of_a_newer_schema_is_left_to_the_newer_program() {
    let ground = Ground::with_a_store();
    let format = ground.data.join("FORMAT");
    let text = std::fs::read_to_string(&format).expect("text");
    let rest = text.split_once('\n').expect("lines").1;
    std::fs::write(&format, format!("lictor-store 999\nsomething-new 7\n{rest}")).expect("writable");
    ground.refuses(&[&shown(&ground.data), "store schema 999", "start the newer program"]);
}

#[test]
fn a_format_of_another_program_is_not_taken_for_a_store() {
    let ground = Ground::with_a_store();
    std::fs::write(ground.data.join("FORMAT"), "some other program\n").expect("writable");
    ground.refuses(&[&shown(&ground.data), "not a store of this program", "name another folder"]);
}

#[test]
fn a_foreign_folder_is_left_alone() {
    for also_keys in [false, true] {
        let ground = Ground::empty();
        std::fs::create_dir_all(&ground.data).expect("a new folder");
        std::fs::write(ground.data.join("holiday.jpg"), "a picture").expect("writable");
        if also_keys {
            std::fs::create_dir_all(&ground.keys).expect("a new folder");
            std::fs::write(ground.keys.join("notes.txt"), "a note").expect("writable");
        }
        ground.refuses(&[&shown(&ground.data), "holds files, but no store", "name another folder"]);
    }
}

#[test]
fn a_folder_that_another_server_holds_is_left_to_it() {
    let site = Site::new("http://127.0.0.1:9");
    let server = site.start();
    let ground = Ground::at(site.folder.path());
    // The server that holds it goes on writing, to its journal and its index.
    let held: Vec<_> = ["journal", "index"].iter().map(|part| ground.data.join(part)).collect();
    let held: Vec<_> = held.iter().map(std::path::PathBuf::as_path).collect();
    ground.refuses_but_for(&[&shown(&ground.data), "in use by another process", "stop that one"], &held);
    assert_eq!(site.merchant().get("/v1/merchant/licenses").0, 200, "it goes on");
    server.stop();
}

#[test]
fn data_without_its_keys_is_refused() {
    for is_emptied in [false, true] {
        let ground = Ground::with_a_store();
        std::fs::remove_dir_all(&ground.keys).expect("it is there");
        if is_emptied {
            std::fs::create_dir(&ground.keys).expect("it was removed");
        }
        let words = [&shown(&ground.data), &shown(&ground.keys), "holds no keys", "from your backup"];
        ground.refuses(&words);
    }
}

#[test]
fn data_without_one_merchants_keys_is_refused() {
    let ground = Ground::with_a_store();
    let merchant = ground.keys.join("acme");
    std::fs::remove_dir_all(&merchant).expect("it is there");
    // The index is opened before the merchants are known, and keeps house.
    let index = ground.data.join("sled");
    ground.refuses_but_for(
        &[&shown(&merchant), "is missing", "from your backup"],
        &[&index, &ground.data.join("RUNNING")],
    );
}

#[test]
fn keys_without_their_data_get_no_empty_store() {
    for is_emptied in [false, true] {
        let ground = Ground::with_a_store();
        std::fs::remove_dir_all(&ground.data).expect("it is there");
        if is_emptied {
            std::fs::create_dir(&ground.data).expect("it was removed");
        }
        let words =
            [&shown(&ground.data), &shown(&ground.keys), "holds no store", "Put the data folder back"];
        ground.refuses(&words);
    }
}

#[test]
fn other_keys_than_those_that_signed_are_refused() {
    let (ground, other) = (Ground::with_a_store(), Site::new("http://127.0.0.1:9"));
    other.start().stop();
    std::fs::remove_dir_all(&ground.keys).expect("it is there");
    crate::folders::copy(&other.folder.path().join("keys"), &ground.keys);
    let index = ground.data.join("sled");
    let words = [&shown(&ground.keys), "did not sign the newest license", "keys folder that belongs to"];
    ground.refuses_but_for(&words, &[&index, &ground.data.join("RUNNING")]);
}

#[test]
fn an_empty_folder_is_a_lost_disk_where_nothing_may_be_made() {
    let ground = Ground::empty().never_made();
    ground.refuses(&[&shown(&ground.data), &shown(&ground.keys), "LICTOR_CREATE is never", "lictor init"]);
}

#[test]
fn a_file_where_a_folder_must_be_is_refused() {
    let ground = Ground::empty();
    std::fs::write(&ground.data, "a file").expect("writable");
    ground.refuses(&[&shown(&ground.data), "LICTOR_DATA_DIR", "name a folder"]);
    let ground = Ground::with_a_store();
    std::fs::remove_dir_all(&ground.keys).expect("it is there");
    std::fs::write(&ground.keys, "a file").expect("writable");
    ground.refuses(&[&shown(&ground.keys), "LICTOR_KEYS_DIR", "name a folder"]);
}

#[test]
fn a_damaged_journal_is_named_and_kept() {
    let ground = Ground::with_a_store();
    let journal = ground.data.join("journal");
    let segment = std::fs::read_dir(&journal).expect("it is there").next().expect("a segment");
    let segment = segment.expect("it can be read").path();
    let mut bytes = std::fs::read(&segment).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&segment, bytes).expect("writable");
    let index = ground.data.join("sled");
    ground.refuses_but_for(
        &["damaged", &shown(&segment), "restore the newest backup"],
        &[&index, &ground.data.join("RUNNING")],
    );
}

#[test]
fn keys_that_this_user_may_not_read_do_not_pass_for_missing() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = Ground::with_a_store();
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is the test's own");
    };
    let parent = ground.keys.parent().expect("below a folder").to_owned();
    let words = [shown(&ground.keys), "Permission denied".into(), "start it as the user who owns".into()];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if is_root() {
        set(&parent, 0o755);
        let own = |path: &Path| {
            std::os::unix::fs::chown(path, Some(65_534), Some(65_534)).expect("root may");
        };
        crate::folders::listing(&ground.data).keys().for_each(|path| own(path));
        ground.started_by_nobody().refuses(&words);
    } else {
        set(&ground.keys, 0o000);
        let ended = ground.start();
        set(&ground.keys, 0o700);
        assert_eq!(ended.code, 1, "{}", ended.words);
        assert!(words.iter().all(|word| ended.words.contains(word)), "{}", ended.words);
    }
}

#[test]
fn a_read_only_disk_is_refused_with_and_without_a_store() {
    let Some(disk) = Mount::in_memory(64) else { return };
    let ground = Ground::at(&disk.path()).filled();
    disk.make_read_only();
    ground.refuses(&[&shown(&ground.data), "Read-only file system", "writable"]);
    let Some(disk) = Mount::in_memory(64) else { return };
    disk.make_read_only();
    Ground::at(&disk.path()).refuses(&["Read-only file system", "writable"]);
}

#[test]
fn a_full_disk_is_refused_with_and_without_a_store() {
    let Some(disk) = Mount::in_memory(64) else { return };
    disk.leave_mib(15);
    let ground = Ground::at(&disk.path());
    ground.refuses(&[&shown(&ground.data), "no storage space", "free some space"]);
    disk.empty_again();
    let ground = ground.filled();
    disk.leave_mib(0);
    ground.refuses(&[&shown(&ground.data), "no storage space", "free some space"]);
}
