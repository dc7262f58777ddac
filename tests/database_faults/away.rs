//! The database is slow, silent, full, read-only or gone, and comes back.

use std::time::Duration;

use crate::gate::{Gate, Mode};
use crate::house::{House, Reads};
use crate::mount::Mount;
use crate::postgres::{Cluster, Wanted, give_to_server};
use crate::process::prove_count;

/// How often each fault comes and goes.
fn rounds() -> std::ops::Range<usize> {
    0..prove_count(1)
}

/// A server that reaches its database through a gate.
fn gated() -> (Gate, House) {
    let gate = Gate::before(&Cluster::shared().socket());
    let database = Cluster::shared().database().name;
    let house = House::on(&format!("postgres://lictor@127.0.0.1:{}/{database}", gate.port));
    (gate, house)
}

#[test]
fn a_database_that_falls_silent_is_told_in_time_and_found_again() {
    let (gate, mut house) = gated();
    for round in rounds() {
        gate.set(Mode::Silent);
        let asked = house.asks_while_it_is_away(&format!("it is silent {round}"), Reads::Refused);
        gate.set(Mode::Open);
        house.goes_on(&asked);
    }
}

#[test]
fn connections_that_are_reset_are_told_and_made_again() {
    let (gate, mut house) = gated();
    for round in rounds() {
        gate.set(Mode::Resetting);
        let asked = house.asks_while_it_is_away(&format!("connections are reset {round}"), Reads::Refused);
        gate.set(Mode::Open);
        house.goes_on(&asked);
        // Slow is not away.
        gate.set(Mode::Slow(Duration::from_millis(20)));
        house.goes_on(&asked);
    }
}

/// Somebody holds the table: writes wait and are given up, reads go on.
#[test]
fn a_table_that_is_locked_holds_up_writes_within_the_bound_and_no_reads() {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().database());
    let mut house = House::on(&database.address);
    for round in rounds() {
        let held = cluster.hold(&database.name, "lock table lictor_records in exclusive mode");
        let asked = house.asks_while_it_is_away(&format!("the table is locked {round}"), Reads::Answered);
        drop(held);
        house.goes_on(&asked);
    }
}

#[test]
fn a_database_that_is_set_to_read_only_answers_reads_and_takes_writes_again_afterwards() {
    let cluster = Cluster::start(&[]);
    let mut house = House::on(&cluster.database().address);
    let set = |to: &str| {
        let set = format!("alter system set default_transaction_read_only = {to};");
        cluster.sql("postgres", &format!("set default_transaction_read_only = off; {set}"));
        cluster.sql("postgres", "select pg_reload_conf()");
    };
    for round in rounds() {
        set("on");
        let asked = house.asks_while_it_is_away(&format!("it is read-only {round}"), Reads::Answered);
        set("off");
        house.goes_on(&asked);
    }
}

#[test]
fn a_database_without_a_connection_to_spare_is_told_and_found_again() {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().database());
    cluster.sql(&database.name, "create role app login; grant all on schema public to app");
    let mut house = House::on(&database.address.replace("lictor@", "app@"));
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'";
    for round in rounds() {
        cluster.sql("postgres", &format!("alter role app connection limit 0; {cut}"));
        let what = format!("it has no connection to spare {round}");
        let asked = house.asks_while_it_is_away(&what, Reads::Refused);
        cluster.sql("postgres", "alter role app connection limit -1");
        house.goes_on(&asked);
    }
}

#[test]
fn a_database_that_restarts_is_found_again() {
    let cluster = Cluster::start(&[]);
    let mut house = House::on(&cluster.database().address);
    for round in rounds() {
        cluster.stop();
        let asked = house.asks_while_it_is_away(&format!("it is stopped {round}"), Reads::Refused);
        cluster.start_again();
        house.goes_on(&asked);
    }
}

/// The disk of the tables is full: what is asked for is refused, and reads go on.
#[test]
fn a_database_whose_disk_is_full_takes_writes_again_once_there_is_room() {
    let Some(disk) = Mount::in_memory(64) else { return };
    let cluster = Cluster::start(&[]);
    let folder = disk.path().join("tables");
    std::fs::create_dir(&folder).expect("a new folder");
    give_to_server(&disk.path());
    give_to_server(&folder);
    cluster.sql("postgres", &format!("create tablespace small location '{}'", folder.display()));
    cluster.sql("postgres", "create database small tablespace small");
    let mut house = House::on(&cluster.url("small"));
    disk.leave_mib(0);
    // There is room left in the pages that are there already.
    house.issues_until_refused();
    let asked = house.asks_while_it_is_away("its disk is full", Reads::Answered);
    disk.empty_again();
    house.goes_on(&asked);
}

/// The disk of its journal is full: it stops in the middle of what it does, and comes back once there is room.
#[test]
fn a_database_that_panics_for_want_of_room_loses_nothing_that_was_answered() {
    let Some(disk) = Mount::in_memory(64) else { return };
    give_to_server(&disk.path());
    let wal = disk.path().join("wal");
    let settings = ["wal_recycle=off", "restart_after_crash=off"];
    let cluster = Cluster::wanted(&Wanted { settings: &settings, wal: Some(&wal), ..Wanted::default() });
    let mut house = House::on(&cluster.database().address);
    disk.leave_mib(0);
    cluster.sql_until_it_panics(
        "postgres",
        "create table ballast as select g, repeat('x', 500) from generate_series(1, 20000) g",
    );
    let asked = house.asks_while_it_is_away("it has panicked", Reads::Refused);
    disk.empty_again();
    cluster.start_again();
    house.goes_on(&asked);
}
