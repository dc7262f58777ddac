//! What wrong clocks, lost files and moved machines come to: each timeline of `docs/offline.md` is run, and its row is held
//! to what came of it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::{Copies, DAY, FakeServer, HOUR, START};
use license_client::{Config, NextAction, Uptime, Verdict, check, maintain};
use license_token::Term;
use tempfile::TempDir;

const LEASE: i64 = 3 * DAY;
const YEAR: i64 = 365 * DAY;
/// How often the software checks, in seconds.
const STEP: i64 = 4 * HOUR;
/// From its start to the first check.
const BOOT_SECS: i64 = 60;
/// In which any timeline ends.
const DAYS_MAX: i64 = 6 * LEASE / DAY;
const TABLE: &str = include_str!("../../../docs/offline.md");

/// The clocks of one computer.
#[derive(Clone)]
struct Pc {
    wall: i64,
    boot: u32,
    up: i64,
}

/// A computer with the software on it, and what came of its life. The server's clock is the true one.
struct Desk {
    server: FakeServer,
    folder: TempDir,
    config: Config,
    pc: Arc<Mutex<Pc>>,
    habit: Habit,
    certificate: String,
    /// Seconds of use after the lease was over in truth.
    gained: i64,
    /// Seconds of use that were refused although the lease was not over.
    lost: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    DayAndNight,
    /// And switched off in between.
    EightHoursADay,
}

impl Desk {
    /// Licensed for a year, activated for a lease, offline from then on.
    fn new(habit: Habit) -> Self {
        let server = FakeServer::start();
        server.shop().lease = LEASE;
        server.shop().sell(Term::Years(1), Some(START + YEAR));
        let folder = memory_folder();
        let pc = Arc::new(Mutex::new(Pc { wall: START, boot: 1, up: BOOT_SECS }));
        let config = client(&server, folder.path(), "pc", &pc);
        assert!(check(&config, Some(&server.key())).is_granted());
        server.shop().offline = true;
        let kept: serde_json::Value = serde_json::from_str(&Copies::of(folder.path()).read()).expect("JSON");
        let certificate = kept["certificate"].as_str().expect("a certificate").to_owned();
        Self { server, folder, config, pc, habit, certificate, gained: 0, lost: 0 }
    }

    fn truth(&self) -> i64 {
        self.server.clock.now()
    }

    fn is_over(&self) -> bool {
        self.truth() >= START + LEASE
    }

    fn pc(&self) -> std::sync::MutexGuard<'_, Pc> {
        self.pc.lock().expect("no test panics while it holds it")
    }

    /// Time passes while the computer is up, or sleeps.
    fn pass(&self, secs: i64) {
        self.server.clock.advance(secs);
        let mut pc = self.pc();
        (pc.wall, pc.up) = (pc.wall + secs, pc.up + secs);
    }

    /// Switched off for so long; the battery goes on.
    fn off(&self, secs: i64) {
        self.server.clock.advance(secs);
        let mut pc = self.pc();
        *pc = Pc { wall: pc.wall + secs, boot: pc.boot + 1, up: BOOT_SECS };
    }

    fn set_back(&self, secs: i64) {
        self.pc().wall -= secs;
    }

    /// One check, and the use up to the next one.
    fn step(&mut self) -> Verdict {
        let verdict = check(&self.config, None);
        match (verdict.is_granted(), self.is_over()) {
            (true, true) => self.gained += STEP,
            (false, false) => self.lost += STEP,
            (true, false) | (false, true) => {}
        }
        self.pass(STEP);
        verdict
    }

    fn work(&mut self, secs: i64) {
        for _step in 0..secs / STEP {
            self.step();
        }
    }

    fn day(&mut self) {
        match self.habit {
            Habit::DayAndNight => self.work(DAY),
            Habit::EightHoursADay => {
                self.work(8 * HOUR);
                self.off(16 * HOUR);
            }
        }
    }

    /// Until a whole day is refused that nobody has paid for.
    fn live_on(&mut self) {
        for _day in 0..DAYS_MAX {
            let (gained, was_over) = (self.gained, self.is_over());
            self.day();
            if was_over && self.gained == gained {
                return;
            }
        }
        panic!("it never ends");
    }
}

/// Times thousands of checks, each of which writes: not on a disk where there is something faster.
fn memory_folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    made.expect("a folder")
}

fn client(server: &FakeServer, folder: &Path, machine: &str, pc: &Arc<Mutex<Pc>>) -> Config {
    let (walls, boots) = (Arc::clone(pc), Arc::clone(pc));
    server.client(folder, machine).clock(move || walls.lock().expect("readable").wall).boot_clock(move || {
        let pc = boots.lock().expect("readable");
        Uptime { boot: format!("start-{}", pc.boot), secs: pc.up }
    })
}

/// A row of the table, and what happens in it.
type Timeline = (&'static str, fn(&mut Desk));

const TIMELINES: &[Timeline] = &[
    ("right clock", |desk| desk.live_on()),
    ("set back by 1 h", |desk| set_back_once(desk, HOUR)),
    ("set back by 25 h", |desk| set_back_once(desk, 25 * HOUR)),
    ("set back by 1 year", |desk| set_back_once(desk, YEAR)),
    ("ahead by 10 years, then right again", ahead_and_back),
    ("summer time, another zone", another_zone),
    ("slewed by NTP", slewed),
    ("suspended", suspended),
    ("snapshot restored, clock right", snapshot_with_right_clock),
    ("snapshot restored with its clock", snapshot_with_its_clock),
    ("snapshot restored, state kept outside", snapshot_without_state),
    ("frozen clock", frozen),
    ("state deleted, key pasted", state_deleted),
    ("state deleted, certificate saved, clock set back", certificate_saved),
    ("state copied to another machine", state_copied),
    ("dead battery", dead_battery),
    ("dual boot with local time", dual_boot),
];

fn set_back_once(desk: &mut Desk, secs: i64) {
    desk.day();
    desk.set_back(secs);
    desk.live_on();
}

/// Nobody is told to pay while the clock is wrong: it jumped while the computer was up.
fn ahead_and_back(desk: &mut Desk) {
    desk.day();
    desk.day();
    desk.work(8 * HOUR);
    desk.set_back(-10 * YEAR);
    desk.pass(HOUR);
    let verdict = check(&desk.config, None);
    assert_eq!((&verdict, verdict.next_action()), (&Verdict::ClockSuspect, Some(NextAction::SetClock)));
    desk.off(HOUR);
    assert_eq!(check(&desk.config, None), Verdict::ClockSuspect, "still, after a restart");
    desk.set_back(10 * YEAR);
    desk.live_on();
}

/// Local time jumps; Unix seconds, which are read, do not.
fn another_zone(desk: &mut Desk) {
    let mut offset = 0;
    for hours in [1, -1, 8, -7] {
        let local = desk.pc().wall + offset;
        offset += hours * HOUR;
        assert_eq!(desk.pc().wall + offset - local, hours * HOUR);
        desk.step();
    }
    desk.live_on();
}

/// 500 parts of a million, the most that NTP slews by, slower and then faster.
fn slewed(desk: &mut Desk) {
    for slew in [1, -1] {
        let mut life = Desk::new(desk.habit);
        for _day in 0..5 {
            let begun = life.truth();
            life.day();
            life.set_back(slew * (life.truth() - begun) / 2_000);
        }
        life.live_on();
        desk.gained = desk.gained.max(life.gained);
        desk.lost = desk.lost.max(life.lost);
    }
}

fn suspended(desk: &mut Desk) {
    for _day in 0..LEASE / DAY {
        desk.work(8 * HOUR);
        desk.pass(16 * HOUR);
    }
    desk.live_on();
}

/// What a snapshot of the whole computer has in it.
fn snapshot(desk: &Desk) -> (Pc, String) {
    (desk.pc().clone(), Copies::of(desk.folder.path()).read())
}

/// The host sets the clock of a restored guest.
fn snapshot_with_right_clock(desk: &mut Desk) {
    desk.work(8 * HOUR);
    let (pc, state) = snapshot(desk);
    for _restore in 0..3 {
        desk.day();
        *desk.pc() = Pc { wall: desk.truth(), ..pc.clone() };
        Copies::of(desk.folder.path()).write_both(&state);
    }
    desk.live_on();
}

/// Everything is as it was: nothing can tell. Once more the rest of the lease, at each restore.
fn snapshot_with_its_clock(desk: &mut Desk) {
    for is_cold in [false, true] {
        let mut life = Desk::new(desk.habit);
        life.step();
        let (pc, state) = snapshot(&life);
        life.live_on();
        let before = life.gained;
        *life.pc() = if is_cold { Pc { boot: 99, up: BOOT_SECS, ..pc } } else { pc };
        Copies::of(life.folder.path()).write_both(&state);
        life.live_on();
        desk.gained = desk.gained.max(life.gained - before);
    }
    assert!(desk.gained > 0, "this is what the document admits");
}

/// Its folder is another disk's: what was seen is still known.
fn snapshot_without_state(desk: &mut Desk) {
    let pc = desk.pc().clone();
    desk.day();
    desk.day();
    *desk.pc() = pc;
    assert!(desk.step().is_granted(), "not suspect before the network has set the clock");
    desk.live_on();
}

fn frozen(desk: &mut Desk) {
    let wall = desk.pc().wall;
    for _day in 0..DAYS_MAX {
        let hours = if desk.habit == Habit::DayAndNight { 24 } else { 8 };
        for _step in 0..hours * HOUR / STEP {
            desk.pc().wall = wall;
            desk.step();
        }
        desk.off((24 - hours) * HOUR);
    }
    desk.pc().wall = wall;
    assert!(!desk.step().is_granted(), "it never ends");
}

fn state_deleted(desk: &mut Desk) {
    desk.day();
    Copies::of(desk.folder.path()).remove_both();
    assert_eq!(check(&desk.config, None), Verdict::NeedsKey(NextAction::PasteCurrentKey));
    let key = desk.server.key();
    assert_eq!(check(&desk.config, Some(&key)), Verdict::NeedsKey(NextAction::GoOnline));
    // An honest customer is helped at once.
    desk.server.shop().offline = false;
    assert!(check(&desk.config, Some(&key)).is_granted());
    assert_eq!(desk.server.shop().places_taken(), 1);
    desk.server.shop().offline = true;
    Copies::of(desk.folder.path()).remove_both();
    desk.set_back(YEAR);
    for _day in 0..5 {
        let _asks_for_the_network = check(&desk.config, Some(&key));
        desk.day();
    }
    desk.lost = 0;
}

/// A machine that has lost its memory, and an old text: the same as a new machine with a text from the portal.
fn certificate_saved(desk: &mut Desk) {
    desk.live_on();
    let before = desk.gained;
    Copies::of(desk.folder.path()).remove_both();
    desk.pc().wall = START;
    assert!(check(&desk.config, Some(&desk.certificate)).is_granted());
    desk.live_on();
    desk.gained -= before;
}

fn state_copied(desk: &mut Desk) {
    desk.day();
    let state = Copies::of(desk.folder.path()).read();
    let (thief, pc) = (memory_folder(), Arc::clone(&desk.pc));
    Copies::of(thief.path()).write_both(&state);
    desk.config = client(&desk.server, thief.path(), "other", &pc);
    let verdict = check(&desk.config, None);
    assert_eq!(
        (&verdict, verdict.next_action()),
        (&Verdict::WrongMachine, Some(NextAction::ReleaseAMachine))
    );
    assert_eq!(maintain(&desk.config), Verdict::WrongMachine);
    desk.live_on();
    desk.lost = 0;
}

/// The clock starts in 1970 or 2000 at each start; the network sets it later, or never.
fn dead_battery(desk: &mut Desk) {
    const YEAR_2000: i64 = 946_684_800;
    for (start, has_network_time) in [(0, true), (YEAR_2000, true), (0, false), (YEAR_2000, false)] {
        let mut life = Desk::new(desk.habit);
        let mut goes_on = true;
        while goes_on {
            let (gained, was_over) = (life.gained, life.is_over());
            life.off(HOUR);
            life.pc().wall = start;
            life.step();
            if has_network_time {
                life.pc().wall = life.truth();
            }
            life.day();
            goes_on = !was_over || life.gained > gained;
            assert!(life.truth() < START + DAYS_MAX * DAY, "it never ends");
        }
        desk.gained = desk.gained.max(life.gained);
        desk.lost = desk.lost.max(life.lost);
    }
}

/// Another system keeps local time in the hardware clock: each other start is hours off, either way.
fn dual_boot(desk: &mut Desk) {
    for zone in [14, 8, -5, -12] {
        let mut life = Desk::new(desk.habit);
        for _day in 0..LEASE / DAY - 1 {
            life.off(0);
            life.set_back(-zone * HOUR);
            life.work(4 * HOUR);
            life.off(0);
            life.set_back(zone * HOUR);
            life.day();
        }
        life.set_back(-zone * HOUR);
        life.live_on();
        desk.gained = desk.gained.max(life.gained);
        desk.lost = desk.lost.max(life.lost);
    }
}

/// Name, most that is gained, most that is lost.
fn rows() -> Vec<[&'static str; 3]> {
    let rows = TABLE.lines().skip_while(|line| !line.starts_with("| timeline |")).skip(2);
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = cells(line);
            assert_eq!(cells.len(), 7, "{line}");
            [cells[1], cells[3], cells[4]]
        })
        .collect()
}

/// A bound of the table in seconds; `–`: none is promised. What is used between the last check and the end of a start is
/// counted by nobody: the document's hour is the time between two checks here.
fn bound(cell: &str, starts: u32) -> i64 {
    match cell {
        "0" => 0,
        "–" => i64::MAX,
        "0.05 % of the lease" => LEASE / 2_000,
        "the lease, each time" => LEASE,
        "the lease, and 1 h a start" => LEASE + i64::from(starts) * STEP,
        hours => hours
            .strip_suffix(" h")
            .and_then(|hours| hours.parse().ok())
            .map(|hours: i64| hours * HOUR)
            .unwrap_or_else(|| panic!("no bound: {hours}")),
    }
}

#[test]
fn each_timeline_of_the_document_keeps_its_bounds() {
    let rows = rows();
    let names: Vec<_> = rows.iter().map(|row| row[0]).collect();
    let run: Vec<_> = TIMELINES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, run, "the document has the timelines that are run, and no others");
    for ([name, gained, lost], (_, timeline)) in rows.iter().zip(TIMELINES) {
        for habit in [Habit::DayAndNight, Habit::EightHoursADay] {
            let mut desk = Desk::new(habit);
            timeline(&mut desk);
            // A check stands for the use up to the next one.
            let whole_steps = |secs: i64| secs.saturating_add(STEP - 1) / STEP * STEP;
            let (gain, loss, starts) = (desk.gained, desk.lost, desk.pc().boot);
            println!("{name} ({habit:?}): gained {} h, lost {} h", gain / HOUR, loss / HOUR);
            assert!(
                gain <= whole_steps(bound(gained, starts)),
                "{name}, {habit:?}: gained {gain} s, not {gained}"
            );
            assert!(
                loss <= whole_steps(bound(lost, starts).min(YEAR)),
                "{name}, {habit:?}: lost {loss} s, not {lost}"
            );
        }
    }
}

/// Whoever reaches the server has the right time, whatever the clock says, and is not kept waiting.
#[test]
fn a_clock_that_is_years_ahead_or_behind_is_corrected_by_the_server() {
    for off in [10 * YEAR, -10 * YEAR, 4 * DAY, -2 * DAY] {
        let mut desk = Desk::new(Habit::DayAndNight);
        desk.work(8 * HOUR);
        desk.pc().wall += off;
        desk.server.shop().offline = false;
        assert_eq!(maintain(&desk.config).code(), "valid", "{off}");
        desk.server.shop().offline = true;
        for _step in 0..LEASE / STEP - 6 {
            assert_ne!(desk.step().code(), "expired", "{off}");
        }
        assert_eq!(desk.lost, 0, "{off}");
        desk.work(8 * DAY);
        assert!(!desk.step().is_granted(), "the lease ends nevertheless: {off}");
    }
}

#[test]
fn a_first_activation_works_whatever_the_clock_says() {
    for wall in [0, START - YEAR, START + 10 * YEAR] {
        let (server, folder) = (FakeServer::start(), memory_folder());
        let pc = Arc::new(Mutex::new(Pc { wall, boot: 1, up: BOOT_SECS }));
        let config = client(&server, folder.path(), "pc", &pc);
        assert!(check(&config, Some(&server.key())).is_granted(), "{wall}");
        assert!(check(&config, None).is_granted(), "{wall}");
        assert_eq!(server.shop().places_taken(), 1);
    }
}

/// A clock that somebody set back in the same start of the machine is told of, and forgiven once it is right.
#[test]
fn a_clock_is_suspect_only_while_it_is_wrong() {
    let mut desk = Desk::new(Habit::DayAndNight);
    desk.work(DAY);
    desk.set_back(25 * HOUR);
    let verdict = desk.step();
    assert_eq!((&verdict, verdict.next_action()), (&Verdict::ClockSuspect, Some(NextAction::SetClock)));
    desk.set_back(-25 * HOUR);
    assert!(desk.step().is_granted(), "set right");
    desk.set_back(25 * HOUR);
    desk.off(0);
    assert!(
        desk.step().is_granted(),
        "after a restart it may have lost its battery: corrected, and nothing gained"
    );
}

const CHILD: &str = "LICTOR_TEST_ZONE_FOLDER";

/// The system's own clock in two zones, a day apart on paper.
#[test]
fn the_client_reads_unix_seconds_whatever_the_zone() {
    let folder = memory_folder();
    let zones = ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Shanghai"];
    let walls = zones.map(|zone| {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", "clocks::in_another_zone", "--include-ignored"]);
        let output = child.env("TZ", zone).env(CHILD, folder.path()).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let kept: serde_json::Value = serde_json::from_str(&Copies::of(folder.path()).read()).expect("JSON");
        kept["clock"]["wall"].as_i64().expect("a time")
    });
    assert!(walls[2] - walls[0] < HOUR && walls.is_sorted(), "{walls:?}");
}

#[test]
#[ignore = "the child of the test before it"]
#[expect(clippy::disallowed_methods, reason = "what the parent has put there")]
fn in_another_zone() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let server = FakeServer::start();
    server.shop().policy = crate::support::unbound();
    server.shop().sell(Term::Permanent, None);
    let config = Config::new(crate::support::AUD, crate::support::ISS, &crate::support::pinned(), &folder);
    let config = config.expect("valid").environment(|_name| None);
    assert_eq!(check(&config, Some(&server.key())).code(), "valid");
}
