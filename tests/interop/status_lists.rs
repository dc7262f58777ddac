//! Status lists, ours against a library of another language: every entry of lists of every width and of odd lengths.

use license_token::status_list::{STATUS_ENTRIES, STATUS_LIST_BYTES};
use license_token::{StatusList, StatusListClaims};
use lictor::domain::{Status, StatusList as PublishedList};
use serde_json::{Value, json};

use crate::calendar::Dice;
use crate::issued::{Keys, status_list};
use crate::oracle::Oracle;

const BITS: [u8; 4] = [1, 2, 4, 8];
/// None, one, one less and one more than fill a byte of any width, and some in between.
const LENGTHS: [usize; 12] = [0, 1, 2, 3, 5, 7, 8, 9, 31, 100, 1_003, 4_099];
/// Lists by chance, of each width.
const BY_CHANCE: usize = 20;

struct Case {
    bits: u8,
    statuses: Vec<u8>,
}

impl Case {
    fn by_chance(dice: &mut Dice, bits: u8, length: usize) -> Self {
        // As in a real list most entries say nothing; in every third list all say something.
        let (most, rare) = (1_u64 << bits, dice.below(3) != 0);
        let one = |dice: &mut Dice| if rare && dice.below(10) != 0 { 0 } else { dice.below(most) };
        let statuses = (0..length).map(|_| u8::try_from(one(dice)).expect("at most 8 bits")).collect();
        Self { bits, statuses }
    }

    /// What fills the last byte is 0 on both sides.
    fn filled(&self) -> Vec<u8> {
        let per_byte = 8 / usize::from(self.bits);
        let mut filled = self.statuses.clone();
        filled.resize(self.statuses.len().next_multiple_of(per_byte), 0);
        filled
    }

    fn written_here(&self) -> StatusList {
        let bytes = self.filled().len() * usize::from(self.bits) / 8;
        let mut list = StatusList::from_bytes(self.bits, vec![0; bytes]).expect("a width there is");
        for (index, status) in self.statuses.iter().enumerate() {
            assert!(list.set(index, *status), "{index} is in range");
        }
        list
    }
}

fn cases() -> Vec<Case> {
    let mut dice = Dice(20_261_201);
    let mut cases = Vec::new();
    for bits in BITS {
        for length in LENGTHS {
            cases.push(Case::by_chance(&mut dice, bits, length));
        }
        for _ in 0..BY_CHANCE {
            let length = usize::try_from(dice.below(300)).expect("small");
            cases.push(Case::by_chance(&mut dice, bits, length));
        }
    }
    // The size of ours, and of its width.
    cases.push(Case::by_chance(&mut dice, 2, STATUS_ENTRIES));
    cases
}

fn statuses(answer: &Value) -> Vec<u8> {
    let entries = answer["statuses"].as_array().expect("a list of statuses");
    entries
        .iter()
        .map(|entry| entry.as_u64().and_then(|entry| u8::try_from(entry).ok()).expect("a status"))
        .collect()
}

fn asked(oracle: &Oracle, questions: &[Value]) -> Vec<Value> {
    let lines: Vec<String> = questions.iter().map(Value::to_string).collect();
    let answers = oracle.ask_lines(&lines);
    answers.iter().map(|line| serde_json::from_str(line).expect("the oracle answers in JSON")).collect()
}

pub fn each_side_reads_the_other(oracle: &Oracle) {
    let cases = cases();
    let to_read = cases.iter().map(|case| json!({ "bits": case.bits, "lst": case.written_here().encode() }));
    let to_write = cases.iter().map(|case| json!({ "bits": case.bits, "statuses": case.statuses }));
    let answers = asked(oracle, &to_read.chain(to_write).collect::<Vec<_>>());
    let (read, written) = answers.split_at(cases.len());
    let lists: Vec<Value> = cases
        .iter()
        .zip(written)
        .map(|(case, written)| json!({ "bits": case.bits, "lst": written["lst"] }))
        .collect();
    let decoded =
        asked(&Oracle::command("lictor", env!("CARGO_BIN_EXE_lictor"), &["status", "decode"]), &lists);
    for (((case, read), written), decoded) in cases.iter().zip(read).zip(written).zip(&decoded) {
        let about = format!("{} entries of {} bits", case.statuses.len(), case.bits);
        assert!(statuses(read) == case.filled(), "{oracle} reads something else: {about}");
        let lst = written["lst"].as_str().expect("a text");
        let list = StatusList::decode(case.bits, lst).unwrap_or_else(|error| panic!("{about}: {error}"));
        let ours: Vec<u8> = (0..list.len()).filter_map(|index| list.get(index)).collect();
        assert!(ours == case.filled(), "what {oracle} wrote is read otherwise here: {about}");
        assert!(statuses(decoded) == case.filled(), "`lictor status decode` reads it otherwise: {about}");
    }
}

/// The bits as the server keeps them, signed as it signs them.
pub fn a_signed_list_is_read(oracle: &Oracle) {
    let case = Case::by_chance(&mut Dice(7), 2, STATUS_ENTRIES);
    let mut bits = PublishedList::blank_bits();
    assert_eq!(bits.len(), STATUS_LIST_BYTES);
    for (idx, status) in (0..).zip(&case.statuses) {
        PublishedList::write(&mut bits, idx, Status::from_value(*status).expect("two bits"));
    }
    let list = StatusList::from_bytes(2, bits).expect("two bits");
    let signed = Keys::from_seed(1).status_list(&StatusListClaims { list, ..status_list() });
    let answers = asked(oracle, &[json!({ "token": signed.token })]);
    assert!(statuses(&answers[0]) == case.statuses, "{oracle} reads something else");
}
