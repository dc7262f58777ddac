//! The files of a server's data folder are damaged: a damaged index is made again and every license key is the same,
//! byte for byte; a damaged journal is refused by its place, or cut where nothing was ever answered.

mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use process::{API_TOKEN, Dice, ISSUER, Launch, Merchant, Server, Site, prove_count, read};
use serde_json::{Value, json};

const LICENSES: usize = 200;

/// Damages that are looked at in parallel: as many servers.
const WORKERS: usize = 3;

/// Starts after a damage: one that meets it and ends, one that rebuilds.
const STARTS_MAX: usize = 3;

/// Always the same address in what is signed, whatever the port.
fn launch(site: &Site, data: &Path) -> Launch {
    site.launch(data).env("LICTOR_PUBLIC_URL", ISSUER)
}

/// A data folder with licenses, and what its server showed of them.
struct Issued {
    site: Site,
    data: PathBuf,
    shown: BTreeMap<String, Value>,
}

impl Issued {
    /// The last server is stopped in good order, or killed.
    fn new(killed: bool) -> Self {
        let site = Site::new("http://127.0.0.1:1");
        let data = site.folder.path().join("data");
        let first = Server::start(launch(&site, &data));
        let merchant = site.merchant_of(first.url());
        for number in 0..LICENSES {
            let license = issue(&merchant, number);
            let path = format!("/v1/merchant/licenses/{}", license["id"].as_str().expect("an id"));
            match number % 5 {
                0 => drop(merchant.post(&format!("{path}/reissue"), &json!({ "keep": "all" }))),
                1 => drop(merchant.post(&format!("{path}/suspend"), &json!({ "reason": "unpaid" }))),
                _ => {}
            }
        }
        first.stop();
        // Only a start that finds a full index writes the snapshot file that lets the next one skip checking it.
        let server = Server::start(launch(&site, &data));
        let merchant = site.merchant_of(server.url());
        let ids = merchant.licenses();
        let ids = ids.iter().map(|license| license["id"].as_str().expect("an id").to_owned());
        let shown: BTreeMap<_, _> = ids.map(|id| (id.clone(), merchant.reveal(&id))).collect();
        assert_eq!(shown.len(), LICENSES);
        if killed {
            server.kill()
        } else {
            server.stop()
        }
        Self { site, data, shown }
    }

    fn copy(&self) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        copy_all(&self.data, &data);
        (folder, data)
    }

    /// Starts servers on a damaged copy until one shows everything as it was. None may show anything else.
    fn heals(&self, data: &Path) -> Result<usize, String> {
        for start in 1..=STARTS_MAX {
            let mut server = match Server::try_start(launch(&self.site, data)) {
                Ok(server) => server,
                // A start reads too, and may be the one that meets the damage.
                Err(met) if met.code.is_some_and(|code| code > 0) && met.said.contains("damaged") => continue,
                Err(refused) => return Err(format!("start {start} is refused: {refused:?}")),
            };
            let all = self.shows_all(&self.site.merchant_of(server.url()))?;
            if all {
                let status = server.terminate();
                return if status.success() { Ok(start) } else { Err(format!("the stop failed: {status}")) };
            }
            let status = server.ended();
            if status.success() {
                return Err(format!("a server that cannot read its index ends with {status}"));
            }
        }
        Err(format!("not healed after {STARTS_MAX} starts"))
    }

    /// True when every answer was the right one, false when the server answered no more.
    fn shows_all(&self, merchant: &Merchant) -> Result<bool, String> {
        for (id, before) in &self.shown {
            match asked(merchant, &format!("/v1/merchant/licenses/{id}?reveal=true"))? {
                None => return Ok(false),
                Some(now) if now != *before => return Err(format!("{id} was {before} and is {now}")),
                Some(_) => {}
            }
        }
        let (mut listed, mut cursor) = (0, String::new());
        loop {
            let Some(page) = asked(merchant, &format!("/v1/merchant/licenses?limit=200{cursor}"))? else {
                return Ok(false);
            };
            listed += page["items"].as_array().expect("a list").len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None if listed == LICENSES => return Ok(true),
                None => return Err(format!("{listed} of {LICENSES} licenses are listed")),
            }
        }
    }
}

/// `None` when there is no answer: the connection is cut, or the server says that something broke.
fn asked(merchant: &Merchant, path: &str) -> Result<Option<Value>, String> {
    let request = merchant.agent.get(format!("{}{path}", merchant.url));
    let Ok(answer) = request.header("Authorization", format!("Bearer {API_TOKEN}")).call() else {
        return Ok(None);
    };
    match read(answer) {
        (200, answer) => Ok(Some(answer)),
        (500 | 503, _) => Ok(None),
        (status, answer) => Err(format!("{path}: {status} {answer}")),
    }
}

fn issue(merchant: &Merchant, number: usize) -> Value {
    let body = json!({ "product": "acme-cad", "spec": "cad-month", "label": format!("license {number}") });
    let (status, license) = merchant.post("/v1/merchant/licenses", &body);
    assert_eq!(status, 201, "{license}");
    license
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        if path.is_dir() {
            copy_all(&path, &to);
        } else if path.is_file() {
            // The control socket of a killed server is left out: another one makes its own.
            std::fs::copy(&path, &to).expect("copied");
        }
    }
}

/// What is done to the folder of the index, and to which of its files.
#[derive(Debug, Clone)]
enum Damage {
    FolderDeleted,
    Deleted(PathBuf),
    Truncated(PathBuf, u64),
    Flipped(PathBuf, u64),
}

impl Damage {
    fn done_to(&self, index: &Path) {
        let open =
            |file: &PathBuf| std::fs::OpenOptions::new().write(true).open(index.join(file)).expect("a file");
        match self {
            Self::FolderDeleted => std::fs::remove_dir_all(index).expect("removed"),
            Self::Deleted(file) => std::fs::remove_file(index.join(file)).expect("removed"),
            Self::Truncated(file, length) => open(file).set_len(*length).expect("cut"),
            Self::Flipped(file, byte) => flip(&index.join(file), *byte),
        }
    }
}

fn flip(path: &Path, byte: u64) {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("a file");
    let mut at = [0];
    file.read_exact_at(&mut at, byte).expect("inside the file");
    file.write_all_at(&[at[0] ^ (1 << (byte % 8))], byte).expect("written");
}

/// Files below a folder, by their paths in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = PathBuf::from(path.file_name().expect("a name"));
        if path.is_dir() {
            files.extend(self::files(&path).into_iter().map(|file| name.join(file)));
        } else {
            files.push(name);
        }
    }
    files
}

fn is_snapshot(file: &Path) -> bool {
    file.to_str().is_some_and(|name| name.starts_with("snap."))
}

/// Everything that may happen to these files, with so many flips in the largest.
fn damages(index: &Path, files: &[PathBuf], flips: u64, dice: &mut Dice) -> Vec<Damage> {
    let mut damages = vec![Damage::FolderDeleted];
    for file in files {
        let length = std::fs::metadata(index.join(file)).expect("a file").len();
        let main = file.ends_with("db");
        damages.push(Damage::Deleted(file.clone()));
        let cuts = if main { 16 } else { 4 };
        damages.extend((0..cuts).map(|cut| Damage::Truncated(file.clone(), length * cut / cuts)));
        damages.push(Damage::Truncated(file.clone(), length.saturating_sub(1)));
        let flips = if main { flips } else { 8.min(length) };
        // One place in each of so many equal parts of the file.
        damages.extend((0..flips).map(|part| {
            let (from, to) = (length * part / flips, length * (part + 1) / flips);
            let inside = dice.below(usize::try_from(to - from).expect("small"));
            Damage::Flipped(file.clone(), from + inside as u64)
        }));
    }
    damages
}

#[test]
fn whatever_happens_to_the_index_every_license_key_is_the_same_byte_for_byte() {
    let (flips, mut dice) = (prove_count(60) as u64, Dice::fresh());
    let mut cases = Vec::new();
    let stores = [Issued::new(false), Issued::new(true)];
    for (number, store) in stores.iter().enumerate() {
        let index = store.data.join("sled");
        for with_snapshot in [true, false] {
            let mut present = files(&index);
            present.retain(|file| with_snapshot || !is_snapshot(file));
            let damages = damages(&index, &present, flips, &mut dice);
            cases.extend(damages.into_iter().map(|damage| (number, with_snapshot, damage)));
        }
    }
    dice.shuffle(&mut cases);
    // All of them where the count is given.
    cases.truncate(prove_count(2) * 5);
    let (next, at_once) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((number, with_snapshot, damage)) =
                    cases.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    let store = &stores[*number];
                    let (_folder, data) = store.copy();
                    let index = data.join("sled");
                    if !with_snapshot {
                        for file in files(&index).iter().filter(|file| is_snapshot(file)) {
                            std::fs::remove_file(index.join(file)).expect("removed");
                        }
                    }
                    damage.done_to(&index);
                    match store.heals(&data) {
                        Ok(1) => drop(at_once.fetch_add(1, Ordering::SeqCst)),
                        Ok(_) => {}
                        Err(why) => {
                            let why = format!("{damage:?}, snapshot {with_snapshot}, store {number}: {why}");
                            failures.lock().expect("no panic").push(why);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    let healed = cases.len() - failures.len();
    println!("{healed} of {} damages healed, {} by the first start", cases.len(), at_once.into_inner());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

const FRAME_MAGIC: &[u8] = b"LJF1";

/// Where the frames of a segment begin.
fn frames(segment: &[u8]) -> Vec<usize> {
    let windows = segment.windows(FRAME_MAGIC.len()).enumerate();
    windows.filter(|(_, window)| *window == FRAME_MAGIC).map(|(at, _)| at).collect()
}

fn segment_of(data: &Path) -> PathBuf {
    let mut segments = files(&data.join("journal"));
    segments.sort();
    data.join("journal").join(segments.pop().expect("a segment"))
}

#[test]
fn a_flipped_bit_of_the_journal_is_refused_by_segment_and_offset_with_exit_code_1() {
    let issued = Issued::new(false);
    let mut dice = Dice::fresh();
    let bytes = std::fs::read(segment_of(&issued.data)).expect("read");
    let frames = frames(&bytes);
    for part in 0..prove_count(4) {
        let (_folder, data) = issued.copy();
        let segment = segment_of(&data);
        // The last frame too: the mark of the clean stop has seen it.
        let frame = if part == 0 { frames.len() - 1 } else { dice.below(frames.len()) };
        let end = frames.get(frame + 1).copied().unwrap_or(bytes.len());
        let byte = frames[frame] + dice.below(end - frames[frame]);
        flip(&segment, byte as u64);
        let refused = Server::try_start(launch(&issued.site, &data)).err().expect("refused");
        let place = format!("{} at byte {}", segment.display(), frames[frame]);
        assert_eq!(refused.code, Some(1), "byte {byte}: {refused:?}");
        assert!(refused.said.contains(&place), "byte {byte}, {place}: {refused:?}");
        flip(&segment, byte as u64);
        assert_eq!(issued.heals(&data), Ok(1), "nothing was changed by the refused start");
    }
}

#[test]
fn a_last_frame_that_nobody_was_answered_is_cut_when_a_bit_of_it_is_flipped() {
    let issued = Issued::new(true);
    let whole = std::fs::read(segment_of(&issued.data)).expect("read").len();
    // Another server goes on with a copy: its next frame is one that the first server has never written.
    let (_folder, ahead) = issued.copy();
    let server = Server::start(launch(&issued.site, &ahead));
    issue(&issued.site.merchant_of(server.url()), LICENSES);
    server.kill();
    let longer = std::fs::read(segment_of(&ahead)).expect("read");
    let starts: Vec<usize> = frames(&longer).into_iter().filter(|start| *start >= whole).collect();
    let next = &longer[whole..starts.get(1).copied().unwrap_or(longer.len())];
    let mut dice = Dice::fresh();
    for _ in 0..prove_count(3) {
        let (_folder, data) = issued.copy();
        let segment = segment_of(&data);
        let mut bytes = std::fs::read(&segment).expect("read");
        bytes.extend(next);
        std::fs::write(&segment, bytes).expect("written");
        flip(&segment, (whole + dice.below(next.len())) as u64);
        assert_eq!(issued.heals(&data), Ok(1));
    }
}
