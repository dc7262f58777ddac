//! What an act brings about for this license, before it is done: which machines learn of it, and when.

use super::blocks::{self, Html};
use super::desk::Desk;
use super::words::{Consequences as Words, Licenses};
use crate::application::{Consequences, LicenseOutline, MachineAffected};
use crate::domain::MachineLimit;

impl Desk {
    /// All of it in words.
    pub fn consequences(&self, told: &Consequences) -> Html {
        let words = Words::of(self.language());
        if !told.changes {
            return blocks::warning(words.nothing);
        }
        let columns = [words.machine, words.fate, words.learns_online, words.runs_until];
        let machines = told.machines.iter().map(|machine| self.machine_row(machine, words)).collect();
        let mut rows = self.changes(&told.before, &told.after, words);
        rows.push((words.key, blocks::text(words.of_key(told.key))));
        rows.extend(told.key_runs_until.map(|at| (words.key_runs, self.reader.time(at))));
        rows.extend(told.quota.iter().map(|quota| {
            let (before, after) =
                (self.reader.number(quota.window_left_before), self.reader.number(quota.window_left_after));
            (words.quota, self.turn(&format!("{} {before} {}", quota.metric, quota.unit), &after, words))
        }));
        let later = told.later_calls.iter().map(|call| blocks::text(words.of_later_call(*call)));
        let lost = told.irreversible.iter().map(|what| blocks::text(words.of_irreversible(*what)));
        Html::all([
            blocks::table(words.machines, &columns, machines, words.none_held),
            blocks::facts(rows),
            blocks::headed_list(words.irreversible, lost.collect()),
            blocks::headed_list(words.later, later.collect()),
        ])
    }

    fn machine_row(&self, machine: &MachineAffected, words: &Words) -> Vec<Html> {
        let name =
            if machine.name.is_empty() { Licenses::of(self.language()).unnamed } else { &machine.name };
        let name = blocks::text(name).then(blocks::code(&machine.activation));
        let known = [machine.asks_at, machine.reads_list_by].into_iter().flatten().min();
        let (online, offline) = if machine.fate.stops() {
            let offline = machine.runs_until.map(|at| self.reader.time(at));
            (
                known.map_or_else(|| blocks::text(words.next_contact), |at| self.reader.time(at)),
                offline.unwrap_or_else(|| blocks::text(words.no_limit)),
            )
        } else {
            (blocks::text(words.not_concerned), blocks::text(words.not_concerned))
        };
        vec![name, blocks::text(words.of_machine(machine.fate)), online, offline]
    }

    /// What differs between before and after.
    fn changes(
        &self,
        before: &LicenseOutline,
        after: &LicenseOutline,
        words: &'static Words,
    ) -> Vec<(&'static str, Html)> {
        let licenses = Licenses::of(self.language());
        let end = |outline: &LicenseOutline| match outline.ends_at {
            Some(end) => self.reader.time_text(end),
            None => licenses.permanent.to_owned(),
        };
        let limit = |outline: &LicenseOutline| match outline.machines {
            MachineLimit::AtMost(limit) => self.reader.number(limit),
            MachineLimit::Unlimited => licenses.unlimited.to_owned(),
        };
        let state = |outline: &LicenseOutline| licenses.state(outline.state).0.to_owned();
        let features = |outline: &LicenseOutline| outline.entitlements.join(", ");
        let all = [
            (words.state, state(before), state(after)),
            (words.ends, end(before), end(after)),
            (words.spec, before.spec.to_string(), after.spec.to_string()),
            (words.limit, limit(before), limit(after)),
            (words.entitlements, features(before), features(after)),
        ];
        let differ = all.into_iter().filter(|(_, before, after)| before != after);
        differ.map(|(name, before, after)| (name, self.turn(&before, &after, words))).collect()
    }

    fn turn(&self, before: &str, after: &str, words: &Words) -> Html {
        blocks::text(format!("{before} → {} {after}", words.becomes))
    }
}
