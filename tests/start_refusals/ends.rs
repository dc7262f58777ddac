//! A store that fails while the service runs: the process ends with a code of its own, and the next start goes on.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::ground::Ground;
use crate::mount::Mount;
use crate::process::{API_TOKEN, Merchant, agent};

/// The program while it runs, with what it says.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(ground: &Ground) -> Result<Self, (i32, String)> {
        let mut command = ground.command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let url = stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("lictor listens on ").map(str::to_owned));
        match url {
            Some(url) => Ok(Self { child, url }),
            None => Err(ended(child)),
        }
    }

    fn merchant(&self) -> Merchant {
        Merchant { agent: agent(), url: self.url.clone(), token: API_TOKEN.into() }
    }

    fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

fn ended(mut child: Child) -> (i32, String) {
    let mut words = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut words).expect("UTF-8");
    (child.wait().expect("it ends").code().expect("no signal"), words)
}

#[test]
fn whoever_hears_that_the_service_listens_may_stop_it_at_once() {
    let site = crate::process::Site::new("http://127.0.0.1:9");
    for _ in 0..10 {
        site.start().stop();
    }
}

/// Every license with its key, as the merchant sees them; nothing if the service ends meanwhile.
fn licenses(merchant: &Merchant) -> Option<Value> {
    let request = merchant.agent.get(format!("{}/v1/merchant/licenses?limit=200", merchant.url));
    let answer = request.header("Authorization", format!("Bearer {}", merchant.token)).call();
    let (status, page) = crate::process::read(answer.ok()?);
    (status == 200).then_some(page)
}

#[test]
fn damage_in_the_index_ends_the_process_with_4_and_the_next_start_has_everything() {
    let ground = Ground::with_a_store();
    let running = Running::start(&ground).expect("it is whole");
    let before = licenses(&running.merchant()).expect("it is whole");
    running.kill();
    flip_every_value(&ground);
    let (code, words) = match Running::start(&ground) {
        Err(ended) => ended,
        Ok(running) => {
            assert_eq!(licenses(&running.merchant()), None, "nothing is answered from damage");
            ended(running.child)
        }
    };
    assert_eq!(code, 4, "{words}");
    assert!(words.contains("damaged") && words.contains("start again: the index is"), "{words}");
    let again = Running::start(&ground).expect("the index is rebuilt");
    assert_eq!(licenses(&again.merchant()).expect("it is whole again"), before);
    again.kill();
}

/// A bit of every value in the index that is not its own position.
fn flip_every_value(ground: &Ground) {
    let path = ground.data.join("sled");
    let config = |segment_bytes| sled::Config::new().path(&path).segment_size(segment_bytes);
    // sled refuses every size but the one that the store was made with.
    let sizes = (18..=24).map(|bits| 1 << bits);
    let db = sizes.into_iter().find_map(|bytes| config(bytes).open().ok()).expect("the index");
    let mut flipped = 0;
    for entry in db.iter() {
        let (key, value) = entry.expect("readable");
        if key.first() != Some(&0xff) {
            let mut value = value.to_vec();
            *value.last_mut().expect("a value has bytes") ^= 1;
            db.insert(key, value).expect("writable");
            flipped += 1;
        }
    }
    assert!(flipped > 0);
    db.flush().expect("written");
}

#[test]
fn a_disk_that_runs_full_under_the_journal_ends_the_process_with_5_and_nothing_answered_is_lost() {
    let Some(disk) = Mount::disk(400) else { return };
    let ground = Ground::at(&disk.path()).filled();
    let running = Running::start(&ground).expect("there is room");
    let merchant = running.merchant();
    let page = licenses(&merchant).expect("it is whole");
    let license = page["items"][0]["id"].as_str().expect("a license").to_owned();
    disk.leave_mib(0);
    // What is left in blocks that are taken already is used up first.
    let (mut answered, mut asked) = (json!([]), json!([]));
    for round in 0..10_000 {
        let verb = if round % 2 == 0 { "suspend" } else { "resume" };
        let reason = format!("round {round}");
        asked = if verb == "suspend" { json!([reason]) } else { json!([]) };
        let path = format!("{}/v1/merchant/licenses/{license}/{verb}", merchant.url);
        let request = merchant.agent.post(path).header("Authorization", format!("Bearer {API_TOKEN}"));
        match request.send(json!({ "reason": reason }).to_string()) {
            Ok(answer) if answer.status() == 200 => answered = asked.clone(),
            Ok(_) | Err(_) => break,
        }
    }
    let (code, words) = ended(running.child);
    assert_eq!(code, 5, "{words}");
    assert!(words.contains("No space left") && words.contains("free some space"), "{words}");
    ground.refuses(&["no storage space", "free some space"]);
    disk.empty_again();
    let again = Running::start(&ground).expect("there is room again");
    let page = licenses(&again.merchant()).expect("it is whole");
    let kept = page["items"][0]["suspensions"].as_array().expect("a list");
    let kept: Value = kept.iter().map(|suspension| suspension["reason"].clone()).collect();
    // The last one was not answered: it may have been done or not.
    assert!(kept == answered || kept == asked, "{kept} where {answered} was answered, {asked} asked for");
    again.kill();
}
