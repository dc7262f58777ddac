//! A start of the real program on a database that it cannot work on: it ends, says why, and what to do.

use std::process::Command;

use crate::postgres::{Cluster, Database};
use crate::process::{ISSUER, Site};
use crate::site::free_port;

/// Keys, and a database that they belong to.
struct Ground {
    site: Site,
    database: Database,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { site: Site::new("http://127.0.0.1:9"), database: Cluster::shared().database() };
        for words in [&["init"][..], &["keys", "create", "acme", "--issuer", ISSUER]] {
            let done = ground.command(words, &ground.database.address).output().expect("it starts");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        ground
    }

    fn command(&self, words: &[&str], store: &str) -> Command {
        let folder = self.site.folder.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
        command.args(words).env("LICTOR_STORE", store).env("LICTOR_LISTEN", "127.0.0.1:0");
        command.env("LICTOR_DATA_DIR", folder.join("data")).env("LICTOR_KEYS_DIR", folder.join("keys"));
        command.env("LICTOR_PUBLIC_URL", "https://license.acme.example").env("LICTOR_LOG_FILTER", "error");
        command
    }

    /// `serve` and `store upgrade` end with these words.
    #[track_caller]
    fn refuses(&self, store: &str, words: &[&str]) {
        for command in [&["serve"][..], &["store", "upgrade"]] {
            let done = self.command(command, store).output().expect("it starts");
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(done.status.code(), Some(1), "{command:?}: {told}");
            assert!(!told.contains("panicked"), "{told}");
            for word in words {
                assert!(told.contains(word), "{command:?}: {word} in: {told}");
            }
        }
    }
}

#[test]
fn a_database_that_cannot_be_reached_or_used_ends_a_start_with_the_next_step() {
    let (cluster, ground) = (Cluster::shared(), Ground::new());
    let own = &ground.database;
    let nobody = format!("postgres://lictor@127.0.0.1:{}/licenses", free_port());
    ground.refuses(&nobody, &["cannot be reached", "refused", "start the database"]);
    ground.refuses(&cluster.url("not_there"), &["does not exist", "create the database"]);
    ground.refuses(&own.address.replace("lictor@", "stranger@"), &["stranger", "does not exist"]);
    ground.refuses("postgres://db/licenses?sslmode=prefer", &["sslmode=prefer", "verify-full"]);
    ground.refuses("postgres://db/licenses?sslrootcert=/not/there", &["sslrootcert=/not/there", "PEM"]);

    cluster.sql(&own.name, "create role narrow login connection limit 0");
    ground.refuses(&own.address.replace("lictor@", "narrow@"), &["too many connections", "max_connections"]);

    let sql = |statements: &str| cluster.sql(&own.name, statements);
    sql("update lictor_schema set oldest_program = 99, version = 99 where id = 1");
    ground.refuses(&own.address, &["needs a program of at least schema 99", "start the newer program"]);
    sql("update lictor_schema set oldest_program = 1, version = 2 where id = 1");
    let name = &own.name;
    sql(&format!("alter database {name} set synchronous_commit = off"));
    ground.refuses(&own.address, &["synchronous_commit is off", "set it to on"]);
    sql(&format!(
        "alter database {name} reset synchronous_commit; alter database {name} set default_transaction_read_only = on"
    ));
    ground.refuses(&own.address, &["does not allow writes", "name the primary"]);
}

#[test]
fn a_standby_is_told_from_a_primary() {
    let (primary, ground) = (Cluster::start(&[]), Ground::new());
    let database = primary.database();
    let standby = primary.standby();
    ground.refuses(&standby.url(&database.name), &["does not allow writes", "name the primary"]);
    standby.promote();
}
