//! TLS towards a database: what is encrypted and believed, and each thing that is refused with its next step.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use lictor::store::{DatabaseAddress, PostgresEngine};
use secrecy::SecretString;

use crate::certificates::{Authority, Leaf};
use crate::postgres::{Cluster, Wanted, give_to_server};
use crate::site::free_port;

/// A cluster with TLS whose certificate can be changed.
struct Encrypted {
    cluster: Cluster,
    port: u16,
    root: Authority,
    files: PathBuf,
}

static ENCRYPTED: LazyLock<Mutex<Encrypted>> = LazyLock::new(|| Mutex::new(Encrypted::new()));

fn encrypted() -> MutexGuard<'static, Encrypted> {
    ENCRYPTED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Encrypted {
    fn new() -> Self {
        let files = tempfile::tempdir().expect("a folder").keep();
        give_to_server(&files);
        let root = Authority::root("Root of the tests");
        std::fs::write(files.join("root.pem"), root.pem()).expect("writable");
        let new = Self::files(&files, &root.leaf());
        let port = free_port();
        let setting = |name: &str, file: &Path| format!("{name}={}", file.display());
        let settings = [
            "ssl=on".to_owned(),
            setting("ssl_cert_file", &new.0),
            setting("ssl_key_file", &new.1),
            setting("ssl_ca_file", &files.join("root.pem")),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let hba = "hostssl guarded all 127.0.0.1/32 trust clientcert=verify-ca\n\
                   hostnossl guarded all all reject";
        let wanted = Wanted { settings: &settings, port: Some(port), hba, ..Wanted::default() };
        let cluster = Cluster::wanted(&wanted);
        cluster.sql("postgres", "create database licenses; create database guarded");
        Self { cluster, port, root, files }
    }

    fn files(folder: &Path, leaf: &Leaf) -> (PathBuf, PathBuf) {
        let put = leaf.put(folder);
        give_to_server(&put.0);
        give_to_server(&put.1);
        put
    }

    /// From now on it shows this certificate.
    fn shows(&self, leaf: &Leaf) {
        Self::files(&self.files, leaf);
        self.cluster.sql("postgres", "select pg_reload_conf()");
    }

    fn root_file(&self) -> String {
        self.files.join("root.pem").display().to_string()
    }

    fn open(&self, database: &str, parameters: &str) -> Result<PostgresEngine, String> {
        let address = format!("postgres://lictor@127.0.0.1:{}/{database}?{parameters}", self.port);
        let address =
            DatabaseAddress::parse(&SecretString::from(address)).map_err(|error| error.to_string())?;
        PostgresEngine::open(&address).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refuses(&self, parameters: &str, words: &[&str]) {
        let told = self.open("licenses", parameters).err().expect("refused");
        for word in words {
            assert!(told.contains(word), "{word} in: {told}");
        }
    }
}

#[test]
fn a_certificate_of_a_known_authority_for_this_name_is_believed_and_everything_is_encrypted() {
    let database = encrypted();
    database.shows(&database.root.leaf());
    let full = format!("sslmode=verify-full&sslrootcert={}", database.root_file());
    let engine = database.open("licenses", &full).expect("it opens");
    let encrypted = "select bool_and(ssl) and count(*) > 0 from pg_stat_ssl join pg_stat_activity using (pid) \
                     where application_name = 'lictor' and datname = 'licenses'";
    let seen = database.cluster.sql("postgres", encrypted);
    // The writer connects with its first batch; what the start did may be over.
    assert!(matches!(seen.as_str(), "t" | "f" | ""), "{seen}");
    let store = lictor::store::RecordStore::start(engine);
    let key = lictor::store::RecordKey::new("m", lictor::store::Kind::License, "a").expect("short");
    let put = lictor::store::CommitRequest::new().put(key.clone(), lictor::store::Revision::ABSENT, 1, "");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        store.commit(put).await.expect("made");
        store.get(&key).await.expect("a read").expect("there");
    });
    assert_eq!(database.cluster.sql("postgres", encrypted), "t");
}

#[test]
fn a_certificate_that_is_not_believed_is_refused_with_what_to_do() {
    let database = encrypted();
    let (root, file) = (&database.root, database.root_file());
    let full = format!("sslmode=verify-full&sslrootcert={file}");
    database.shows(&root.leaf());
    database.refuses("sslmode=verify-full", &["UnknownIssuer", "sslrootcert=FILE"]);
    database.shows(&Authority::root("Somebody else").leaf());
    database.refuses(&full, &["UnknownIssuer", "sslrootcert=FILE"]);
    database.refuses(&format!("sslmode=require&sslrootcert={file}"), &["UnknownIssuer"]);
    database.open("licenses", "sslmode=require").expect("encrypted, whoever it is");
    database.shows(&root.leaf_between(&["db.acme.example"], (-1, 90)));
    database.refuses(&full, &["not valid for name", "a name that stands in its certificate"]);
    database.open("licenses", &format!("sslmode=verify-ca&sslrootcert={file}")).expect("for whatever name");
    database.shows(&root.leaf_between(&["127.0.0.1"], (-90, -1)));
    database.refuses(&full, &["expired", "renew its certificate"]);
    database.refuses(&format!("sslmode=verify-ca&sslrootcert={file}"), &["expired"]);
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_plain_when_tls_was_asked_for() {
    let database = encrypted();
    let set = |to: &str| {
        database.cluster.sql("postgres", &format!("alter system set ssl = {to}"));
        database.cluster.sql("postgres", "select pg_reload_conf()");
    };
    let plain = Cluster::wanted(&Wanted { port: Some(free_port()), ..Wanted::default() });
    let name = plain.database().name;
    let port = plain.socket().extension().and_then(|port| port.to_str()).expect("a port").to_owned();
    let address = SecretString::from(format!("postgres://lictor@127.0.0.1:{port}/{name}?sslmode=require"));
    let address = DatabaseAddress::parse(&address).expect("an address");
    let told = PostgresEngine::open(&address).err().expect("refused").to_string();
    assert!(told.contains("does not support TLS") && told.contains("sslmode=disable"), "{told}");
    set("on");
}

#[test]
fn a_certificate_of_our_own_is_shown_to_a_database_that_asks_for_one() {
    let database = encrypted();
    database.shows(&database.root.leaf());
    let full = format!("sslmode=verify-full&sslrootcert={}", database.root_file());
    let refused = database.open("guarded", &full).err().expect("refused");
    assert!(refused.contains("certificate"), "{refused}");
    let own = tempfile::tempdir().expect("a folder");
    let (certificate, key) = database.root.client().put(own.path());
    let with_own = format!("{full}&sslcert={}&sslkey={}", certificate.display(), key.display());
    database.open("guarded", &with_own).expect("it is let in");
}
