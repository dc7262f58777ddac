//! A backup that is restored into a database: only into an empty one, whole or not at all, and to and fro between engines.

use lictor::store::{BulkWriter, PostgresEngine};

use super::ground::{Ground, done, refused};
use super::postgres::{Cluster, Database};

/// The same keys and clients, on another store.
fn moved_to(ground: Ground, database: Option<Database>) -> Ground {
    Ground { database, ..ground }
}

#[test]
fn a_backup_of_either_engine_restores_into_the_other() {
    let ground = Ground::embedded();
    let server = ground.start();
    ground.sell(&ground.storefront(), 5);
    let sold = ground.licenses();
    let (first, second) = (ground.path("first"), ground.path("second"));
    ground.back_up(&first);
    server.stop();

    let ground = moved_to(ground, Some(Cluster::shared().database()));
    // The token's file of the old store is still there, and what the backup knows.
    let token = std::fs::read(ground.path("data/operator-token")).expect("there");
    std::fs::rename(ground.path("data"), ground.path("data.embedded")).expect("moved");
    std::fs::create_dir(ground.path("data")).expect("made");
    std::fs::write(ground.path("data/operator-token"), &token).expect("written");
    let restored = done(&ground.restore(&first));
    assert!(restored["database"].as_str().is_some_and(|told| told.starts_with('t')), "{restored}");
    assert_eq!(std::fs::read(ground.path("data/operator-token")).expect("there"), token);
    let server = ground.start();
    assert_eq!(ground.licenses(), sold);
    ground.sell(&ground.storefront(), 3);
    let sold = ground.licenses();
    ground.back_up(&second);
    server.stop();
    // Nobody serves the database: it is read directly, and says the same.
    let direct = ground.path("direct");
    assert_eq!(ground.back_up(&direct)["records"], ground.back_up(&ground.path("direct again"))["records"]);

    std::fs::remove_dir_all(ground.path("data")).expect("the data is this test's own");
    let ground = moved_to(ground, None);
    done(&ground.restore(&second));
    let server = ground.start();
    assert_eq!(ground.licenses(), sold);
    server.stop();
}

#[test]
fn nothing_is_written_over_a_store_in_a_database_and_nothing_bad_is_left_in_an_empty_one() {
    let ground = Ground::shared();
    let server = ground.start();
    ground.sell(&ground.storefront(), 2);
    let sold = ground.licenses();
    let file = ground.path("backup");
    ground.back_up(&file);
    assert!(refused(&ground.restore(&file), 1).contains("holds a store"), "while it is served");
    assert_eq!(ground.licenses(), sold);
    server.stop();
    assert!(refused(&ground.restore(&file), 1).contains("createdb"));

    let empty = Cluster::shared().database();
    let whole = std::fs::read(&file).expect("there");
    let damaged = ground.path("damaged");
    for place in [whole.len() / 3, whole.len() / 2, whole.len() - 9] {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        for bytes in [&flipped[..], &whole[..place]] {
            std::fs::write(&damaged, bytes).expect("written");
            let damaged = damaged.display().to_string();
            let to = ground.run(&["restore", &damaged, "--to", &empty.address]);
            assert!(refused(&to, 1).contains("nothing was restored"));
            assert!(!PostgresEngine::exists(&empty.parsed()).expect("it answers"), "not even a schema");
        }
    }
    // Other keys: found out only when everything is there, and taken back.
    let other = Ground::embedded();
    other.start().stop();
    let to = other.run(&["restore", &file.display().to_string(), "--to", &empty.address]);
    assert!(refused(&to, 1).contains("did not sign the newest license"));
    let left = "select (select count(*) from lictor_records) + (select count(*) from lictor_counters where name = 'filling')";
    assert_eq!(Cluster::shared().sql(&empty.name, left), "0");
    let to = ground.run(&["restore", &file.display().to_string(), "--to", &empty.address, "--json"]);
    assert_eq!(done(&to)["licenses"], 2);
}

#[test]
fn a_restore_into_a_database_that_was_cut_off_starts_nothing_and_begins_anew_when_repeated() {
    let ground = Ground::shared();
    let server = ground.start();
    ground.sell(&ground.storefront(), 2);
    let (sold, file) = (ground.licenses(), ground.path("backup"));
    ground.back_up(&file);
    server.stop();
    ground.lose();

    let address = ground.database.as_ref().expect("a database").parsed();
    let (_, cut_off) = PostgresEngine::restore(&address, &file, &mut |_| ()).expect("everything is written");
    let said = refused(&ground.run(&["serve", "--listen", "127.0.0.1:0"]), 1);
    assert!(said.contains("has not ended") && said.contains("run that command again"), "{said}");
    refused(&ground.run(&["init"]), 1);
    refused(&ground.run(&["store", "upgrade"]), 1);
    // Programs from before the mark go by the schema.
    let oldest = "select oldest_program from lictor_schema";
    assert_eq!(
        Cluster::shared().sql(&ground.database.as_ref().expect("a database").name, oldest),
        "2147483647"
    );

    done(&ground.restore(&file));
    assert!(cut_off.finish().is_err(), "what was begun before has nothing to say any more");
    let server = ground.start();
    assert_eq!(ground.licenses(), sold);
    server.stop();
}

#[test]
fn of_two_who_fill_a_database_the_later_one_does_and_what_is_added_unseen_is_noticed() {
    let database = Cluster::shared().database();
    let address = database.parsed();
    let mut first = BulkWriter::begin(&address).expect("it is empty");
    let mut second = BulkWriter::begin(&address).expect("the first has not finished");
    let told = first.settle(1, &mut |_| ()).expect_err("it is not the first's any more").to_string();
    assert!(told.contains("somebody else"), "{told}");
    let foreign = "insert into lictor_records select 'm'::bytea, '\\x6d00'::bytea || 'catx', 1, ''";
    Cluster::shared().sql(&database.name, foreign);
    assert!(second.settle(1, &mut |_| ()).is_err(), "nobody else writes there");
    second.undo().expect("it is emptied");
    assert!(PostgresEngine::open(&address).is_ok());
}
