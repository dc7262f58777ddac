use chrono::TimeDelta;
use tempfile::TempDir;

use super::*;
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;

#[path = "../../../../tests/support/certificates.rs"]
#[expect(dead_code, reason = "the tests of the whole program use the rest")]
mod certificates;

use certificates::{Authority, HOST, Leaf};

fn now() -> Instant {
    SystemClock.now()
}

struct Ground {
    folder: TempDir,
    authority: Authority,
    watch: CertificateWatch,
}

impl Ground {
    /// A certificate that ends in so many days is served.
    fn serving(days: i64) -> Self {
        let (folder, authority) = (tempfile::tempdir().expect("a folder"), Authority::root("Root"));
        let (cert_file, key_file) = authority.leaf_between(&[HOST], (-1, days)).put(folder.path());
        let files = TlsFiles { cert_file, key_file, public_url: None };
        let (watch, _) = CertificateWatch::start(files, now()).expect("a valid certificate");
        Self { folder, authority, watch }
    }

    fn put(&self, leaf: &Leaf) {
        leaf.put(self.folder.path());
    }

    /// `renewed`, `refused` or nothing.
    fn look(&mut self) -> &'static str {
        match self.watch.look(now()) {
            Looked::Unchanged => "",
            Looked::Renewed(_) => "renewed",
            Looked::Refused(_) => "refused",
        }
    }
}

#[test]
fn a_change_counts_once_it_stands_for_two_looks() {
    let mut ground = Ground::serving(90);
    assert_eq!([ground.look(), ground.look()], ["", ""]);
    ground.put(&ground.authority.leaf());
    assert_eq!([ground.look(), ground.look(), ground.look(), ground.look()], ["", "renewed", "", ""]);
    ground.put(&ground.authority.leaf());
    assert_eq!(ground.look(), "");
    ground.put(&ground.authority.leaf());
    assert_eq!([ground.look(), ground.look()], ["", "renewed"]);
}

#[test]
fn a_bad_pair_is_told_once_and_the_good_one_after_it_counts() {
    let mut ground = Ground::serving(90);
    let (certificate, key) = (ground.authority.leaf().certificate, ground.authority.leaf().key);
    ground.put(&Leaf { certificate, key });
    assert_eq!([ground.look(), ground.look(), ground.look(), ground.look()], ["", "refused", "", ""]);
    std::fs::remove_file(ground.folder.path().join("tls.key")).expect("it is there");
    assert_eq!([ground.look(), ground.look(), ground.look()], ["", "refused", ""]);
    ground.put(&ground.authority.leaf());
    assert_eq!([ground.look(), ground.look(), ground.look()], ["", "renewed", ""]);
}

#[test]
fn links_that_point_elsewhere_and_files_written_over_are_changes() {
    let mut ground = Ground::serving(90);
    // As Kubernetes mounts a secret: names that never change, through a link that does.
    let folder = ground.folder.path().to_owned();
    let link = |to: &str| {
        let (new, link) = (folder.join("..data.new"), folder.join("..data"));
        std::os::unix::fs::symlink(to, &new).expect("a link");
        std::fs::rename(&new, &link).expect("in the same folder");
    };
    for version in ["..1", "..2"] {
        std::fs::create_dir(folder.join(version)).expect("a folder");
        ground.authority.leaf().put(&folder.join(version));
    }
    link("..1");
    for name in ["tls.crt", "tls.key"] {
        std::fs::remove_file(folder.join(name)).expect("it is there");
        std::os::unix::fs::symlink(format!("..data/{name}"), folder.join(name)).expect("a link");
    }
    assert_eq!([ground.look(), ground.look(), ground.look()], ["", "renewed", ""]);
    link("..2");
    assert_eq!([ground.look(), ground.look(), ground.look()], ["", "renewed", ""]);
    let leaf = ground.authority.leaf();
    std::fs::write(folder.join("tls.crt"), leaf.certificate).expect("writable");
    std::fs::write(folder.join("tls.key"), leaf.key).expect("writable");
    assert_eq!([ground.look(), ground.look(), ground.look()], ["", "renewed", ""]);
}

#[test]
fn the_end_is_told_once_a_day_from_21_days_before_it_on() {
    let mut ground = Ground::serving(60);
    let ends_at = ground.watch.ends_at;
    let mut told = |days: i64, hours: i64| {
        ground.watch.expiry_notice(ends_at - TimeDelta::days(days) + TimeDelta::hours(hours))
    };
    assert_eq!(told(22, 0), None);
    assert_eq!(told(21, -1), None);
    assert!(told(21, 0).is_some_and(|text| text.contains("ends in 21 days")));
    assert_eq!(told(21, 23), None);
    assert!(told(20, 0).is_some_and(|text| text.contains("ends in 20 days")));
    assert!(told(1, 0).is_some_and(|text| text.contains("ends in 1 day,")));
    assert!(told(0, 0).is_some_and(|text| text.contains("has ended at")));
    assert_eq!(told(0, 1), None);
    assert!(told(-1, 0).is_some_and(|text| text.contains("has ended at")));
}

#[test]
fn a_renewed_certificate_ends_the_notices() {
    let mut ground = Ground::serving(3);
    assert!(ground.watch.expiry_notice(now()).is_some());
    ground.put(&ground.authority.leaf());
    assert_eq!([ground.look(), ground.look()], ["", "renewed"]);
    assert_eq!(ground.watch.expiry_notice(now()), None);
}
