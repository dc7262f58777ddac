//! Machines over two years: parts are replaced, systems installed anew, images cloned. How many of them are then told that
//! they are another machine, by the client's rule and the server's, while each renewal enrolls what is there.
//!
//! Rates and figures stand in `docs/offline.md`; they are held to what is used and what comes of it here.

use std::collections::BTreeMap;

use license_token::Component::{self, Brd, Dsk, Fw, Net, Os};
use license_token::{Machine, MachineClaim};

const DOCUMENT: &str = include_str!("../../docs/offline.md");
const DAYS: f64 = 730.0;
/// The document's figures are of so many machines.
const MACHINES_OF_THE_DOCUMENT: u64 = 100_000;
/// Most false refusals a year, in percent of the machines, at the printed rates.
const FALSE_REFUSALS_MAX_PERCENT: f64 = 0.1;
/// A certificate is renewed after so many days; who is offline, when there is a network.
const RENEW_AFTER_DAYS: f64 = 7.0;
const OFFLINE_DAYS: f64 = 28.0;
/// Share of machines that are mostly offline.
const OFFLINE_PERCENT: u64 = 20;

/// A kind of machine, its share in percent and what can be read of it.
struct Kind {
    name: &'static str,
    percent: u64,
    components: &'static [Component],
    is_virtual: bool,
}

const KINDS: [Kind; 4] = [
    Kind { name: "computer", percent: 55, components: &[Os, Fw, Brd, Dsk, Net], is_virtual: false },
    Kind {
        name: "computer whose board has no serial",
        percent: 20,
        components: &[Os, Fw, Dsk, Net],
        is_virtual: false,
    },
    Kind {
        name: "computer whose firmware may not be read",
        percent: 10,
        components: &[Os, Dsk, Net],
        is_virtual: false,
    },
    Kind { name: "virtual machine", percent: 15, components: &[Os, Fw, Net], is_virtual: true },
];

/// What a change means for the software on the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The same machine: to be refused is wrong.
    Same,
    /// The software is gone with the system, and is installed and activated anew.
    Anew,
    /// By the rule another machine: its firmware id is another one, on purpose.
    Another,
}

/// Something that happens to machines.
struct Change {
    name: &'static str,
    /// Percent of the machines it can happen to, a year.
    percent: f64,
    /// Happens to virtual machines only, to others only, or to all.
    of_virtual: Option<bool>,
    replaces: &'static [Component],
    /// The component is no longer there.
    removes: &'static [Component],
    meaning: Meaning,
}

const fn change(
    name: &'static str,
    percent: f64,
    replaces: &'static [Component],
    meaning: Meaning,
) -> Change {
    Change { name, percent, of_virtual: Some(false), replaces, removes: &[], meaning }
}

const CHANGES: [Change; 11] = [
    Change { of_virtual: None, ..change("system installed anew", 10.0, &[Os], Meaning::Anew) },
    Change { of_virtual: None, ..change("machine id made anew, software kept", 0.1, &[Os], Meaning::Same) },
    change("disk replaced and copied", 1.5, &[Dsk], Meaning::Same),
    change("disk replaced, system installed anew", 1.5, &[Dsk, Os], Meaning::Anew),
    change("board replaced, firmware id written back", 1.0, &[Brd, Net], Meaning::Same),
    change("board replaced with its own firmware id", 1.0, &[Fw, Brd, Net], Meaning::Another),
    change("network card or dock changed", 5.0, &[Net], Meaning::Same),
    change("firmware update changes the id", 0.02, &[Fw], Meaning::Same),
    Change { removes: &[Fw], ..change("firmware update loses the id", 0.1, &[], Meaning::Same) },
    Change {
        of_virtual: Some(true),
        ..change("instance started with another address", 50.0, &[Net], Meaning::Same)
    },
    Change { of_virtual: Some(true), ..change("virtual machine copied", 2.0, &[Fw, Net], Meaning::Another) },
];

/// SplitMix64: the same numbers each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// In (0, 1].
    fn share(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).unwrap_or_default();
        (f64::from(bits) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }
}

/// What a machine is made of: a number for each component's value.
struct Hardware {
    number: u64,
    parts: BTreeMap<Component, u64>,
}

impl Hardware {
    fn new(number: u64, kind: &Kind) -> Self {
        Self { number, parts: kind.components.iter().map(|component| (*component, 0)).collect() }
    }

    fn undergo(&mut self, change: &Change) {
        for component in change.replaces {
            self.parts.entry(*component).and_modify(|version| *version += 1);
        }
        for component in change.removes {
            self.parts.remove(component);
        }
    }

    /// As the software reads and commits it. A board without a serial still has a text there.
    fn offered(&self) -> Machine {
        let text = |(component, version): (&Component, &u64)| {
            (*component, format!("{}-{}-{version}", component.as_str(), self.number))
        };
        let mut texts: Vec<_> = self.parts.iter().map(text).collect();
        if !self.parts.contains_key(&Brd) {
            texts.push((Brd, "To be filled by O.E.M.".to_owned()));
        }
        committed(&texts)
    }
}

fn committed(texts: &[(Component, String)]) -> Machine {
    let borrowed = texts.iter().map(|(component, text)| (*component, text.as_str()));
    Machine::commit("https://license.acme.example", "acme-cad", borrowed)
}

/// As the server keeps it.
fn of_server(machine: &Machine) -> lictor::domain::Machine {
    let components = machine.components.iter().map(|(component, commitment)| {
        let component =
            lictor::domain::Component::parse(component.as_str()).expect("both have the same names");
        (component, commitment.0)
    });
    lictor::domain::Machine { components: components.collect() }
}

/// Whether the machine is the enrolled one: by the certificate, offline, and by the server. They never differ.
fn is_same(enrolled: &Machine, offered: &Machine) -> bool {
    let claim = MachineClaim::enroll(enrolled.components.clone()).expect("a machine has components");
    let by_certificate = claim.matches(offered, false);
    assert_eq!(by_certificate, of_server(enrolled).is_same_as(&of_server(offered)));
    by_certificate
}

#[derive(Default)]
struct Figures {
    changes: u64,
    false_refusals: u64,
    refused_by_rule: u64,
    another_place: u64,
    causes: BTreeMap<&'static str, u64>,
}

/// One machine's two years.
fn live(number: u64, times_the_rates: f64, figures: &mut Figures) {
    let mut chance = Chance(number);
    let mut of_all = chance.below(100);
    let kind = KINDS.iter().find(|kind| of_all.checked_sub(kind.percent).map(|rest| of_all = rest).is_none());
    let kind = kind.expect("the shares are a hundred");
    let pause = if chance.below(100) < OFFLINE_PERCENT { OFFLINE_DAYS } else { RENEW_AFTER_DAYS };
    let happens = |change: &&Change| change.of_virtual.is_none_or(|of_virtual| of_virtual == kind.is_virtual);
    let applicable: Vec<_> = CHANGES.iter().filter(happens).collect();
    let a_year: f64 = applicable.iter().map(|change| change.percent * times_the_rates / 100.0).sum();
    let mut hardware = Hardware::new(number, kind);
    let mut enrolled = hardware.offered();
    let (mut day, mut renewed) = (0.0, pause * chance.share());
    loop {
        day += -chance.share().ln() * 365.0 / a_year;
        if day >= DAYS {
            return;
        }
        if day >= renewed {
            // What changed before was enrolled by the renewal in between.
            enrolled = hardware.offered();
            renewed += ((day - renewed) / pause).ceil() * pause;
        }
        let mut of_rates = chance.share() * a_year * 100.0 / times_the_rates;
        let change = applicable.iter().find(|change| {
            of_rates -= change.percent;
            of_rates <= 0.0
        });
        let change = change.or(applicable.last()).expect("there are changes");
        hardware.undergo(change);
        figures.changes += 1;
        let offered = hardware.offered();
        if is_same(&enrolled, &offered) {
            if change.meaning == Meaning::Anew {
                // The activation finds its place, and enrolls what is there now.
                enrolled = offered;
            }
            continue;
        }
        match change.meaning {
            Meaning::Same => {
                figures.false_refusals += 1;
                *figures.causes.entry(change.name).or_default() += 1;
            }
            Meaning::Another => figures.refused_by_rule += 1,
            Meaning::Anew => figures.another_place += 1,
        }
        // Somebody pastes the key: it is enrolled as it is.
        enrolled = offered;
    }
}

fn machines() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the count only makes it longer")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    count.ok().and_then(|text| text.parse().ok()).unwrap_or(4_000).max(1)
}

fn percent_a_year(count: u64, machines: u64) -> f64 {
    let share = count as f64 / (machines as f64 * DAYS / 365.0);
    share * 100.0
}

#[test]
fn of_machines_that_change_fewer_than_one_in_a_thousand_a_year_is_falsely_refused() {
    let machines = machines();
    let mut printed = Vec::new();
    for (times, column) in [(1.0, 2), (2.0, 3)] {
        let mut figures = Figures::default();
        (0..machines).for_each(|number| live(number, times, &mut figures));
        let shown = [
            ("changes", figures.changes),
            ("refused although it is the same machine", figures.false_refusals),
            ("refused because its firmware id is another one", figures.refused_by_rule),
            ("takes another place when it is installed anew", figures.another_place),
        ];
        for (name, count) in shown {
            let percent = format!("{:.3} %", percent_a_year(count, machines));
            println!("{name}, at {times} times the rates: {percent} of {machines} machines a year");
            printed.push((name, column, percent));
        }
        println!("causes: {:?}", figures.causes);
        let refused = percent_a_year(figures.false_refusals, machines);
        assert!(
            figures.changes > 0 && figures.false_refusals > 0,
            "a simulation that never refuses shows nothing"
        );
        assert!(times > 1.0 || refused < FALSE_REFUSALS_MAX_PERCENT, "{refused} % a year");
    }
    for (name, column, percent) in printed {
        let stands = cell(name, column);
        assert!(machines != MACHINES_OF_THE_DOCUMENT || stands == percent, "{name}: {stands}, not {percent}");
    }
}

/// Clones of one image share machine id, disk serial and address, and their board has no serial: the firmware id that the
/// virtual machine was given tells them apart, whatever else agrees.
#[test]
fn no_two_machines_of_one_image_are_one_when_the_firmware_id_differs() {
    const CLONES: u64 = 8;
    for image in 0..machines() / CLONES {
        let clones: Vec<_> = (0..CLONES)
            .map(|number| {
                let shared = [(Os, "os"), (Dsk, "dsk"), (Net, "net")]
                    .map(|(component, name)| (component, format!("{name} of image {image}")));
                let own = [(Fw, format!("fw {number} of image {image}")), (Brd, "Default string".to_owned())];
                committed(&[&shared[..], &own].concat())
            })
            .collect();
        for (one, other) in clones.iter().zip(clones.iter().cycle().skip(1)) {
            assert!(is_same(one, one) && !is_same(one, other) && !is_same(other, one));
        }
    }
}

/// The cell of a table in the document.
fn cell(row: &str, column: usize) -> &'static str {
    let line = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {row} |")));
    let line = line.unwrap_or_else(|| panic!("docs/offline.md has no row {row}"));
    line.split('|').nth(column).map(str::trim).unwrap_or_default()
}

/// Names of the rows of the table whose first column is called so.
fn rows(heading: &str) -> Vec<&'static str> {
    let lines = DOCUMENT.lines().skip_while(|line| !line.starts_with(&format!("| {heading} |"))).skip(2);
    let first = |line: &'static str| line.split('|').nth(1).map(str::trim).unwrap_or_default();
    lines.take_while(|line| line.starts_with('|')).map(first).collect()
}

#[test]
fn the_document_prints_the_rates_that_are_used() {
    assert_eq!(rows("change"), CHANGES.map(|change| change.name));
    for change in &CHANGES {
        assert_eq!(cell(change.name, 2), format!("{} %", change.percent), "{}", change.name);
        let parts: Vec<_> =
            change.replaces.iter().map(|component| format!("`{}`", component.as_str())).collect();
        let gone: Vec<_> =
            change.removes.iter().map(|component| format!("`{}` gone", component.as_str())).collect();
        assert_eq!(cell(change.name, 3), [parts, gone].concat().join(", "), "{}", change.name);
        let meaning = match change.meaning {
            Meaning::Same => "the same machine",
            Meaning::Anew => "installed anew",
            Meaning::Another => "another machine",
        };
        assert_eq!(cell(change.name, 4), meaning, "{}", change.name);
        let source = cell(change.name, 5);
        assert!(source.starts_with("assumed") || source.contains("http"), "{}: {source}", change.name);
    }
    assert_eq!(rows("machine"), KINDS.map(|kind| kind.name));
    for kind in &KINDS {
        assert_eq!(cell(kind.name, 2), format!("{} %", kind.percent), "{}", kind.name);
        let parts: Vec<_> =
            kind.components.iter().map(|component| format!("`{}`", component.as_str())).collect();
        assert_eq!(cell(kind.name, 3), parts.join(", "), "{}", kind.name);
    }
    assert_eq!(KINDS.iter().map(|kind| kind.percent).sum::<u64>(), 100);
}
