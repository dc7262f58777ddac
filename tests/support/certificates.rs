//! Certificates made for one test: good ones, and each way to be wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{Datelike as _, Days, NaiveDate};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// The name that the leaves of these tests have.
pub const HOST: &str = "license.acme.example";

/// Somebody who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate: Certificate,
}

/// A certificate with its key, in PEM form.
#[derive(Clone)]
pub struct Leaf {
    pub certificate: String,
    pub key: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a certificate is valid by the wall clock of whoever checks it"
)]
fn today() -> NaiveDate {
    chrono::Utc::now().date_naive()
}

fn parameters(name: &str, hosts: &[&str], days: (i64, i64)) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut parameters = CertificateParams::new(hosts).expect("names of hosts");
    parameters.distinguished_name.push(DnType::CommonName, name);
    let midnight = |days: i64| {
        let by = Days::new(days.unsigned_abs());
        let day = if days < 0 { today() - by } else { today() + by };
        let part = |number: u32| u8::try_from(number).expect("of a calendar");
        date_time_ymd(day.year(), part(day.month()), part(day.day()))
    };
    (parameters.not_before, parameters.not_after) = (midnight(days.0), midnight(days.1));
    parameters
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

impl Authority {
    /// A root of its own.
    pub fn root(name: &str) -> Self {
        let (parameters, key) = (Self::parameters(name), key());
        let certificate = parameters.self_signed(&key).expect("signed");
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    /// An authority below this one.
    pub fn below(&self, name: &str) -> Self {
        let (parameters, key) = (Self::parameters(name), key());
        let certificate = parameters.signed_by(&key, &self.issuer).expect("signed");
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    fn parameters(name: &str) -> CertificateParams {
        let mut parameters = parameters(name, &[], (-30, 3_650));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters
    }

    /// A certificate for these hosts, valid from and until so many days from today.
    pub fn leaf_between(&self, hosts: &[&str], days: (i64, i64)) -> Leaf {
        let (mut parameters, key) = (parameters("a server", hosts, days), key());
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = parameters.signed_by(&key, &self.issuer).expect("signed");
        Leaf { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A certificate for this host that is valid.
    pub fn leaf(&self) -> Leaf {
        self.leaf_between(&[HOST, "127.0.0.1"], (-1, 90))
    }

    /// A certificate that a client shows.
    pub fn client(&self) -> Leaf {
        let (mut parameters, key) = (parameters("a client", &[], (-1, 90)), key());
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = parameters.signed_by(&key, &self.issuer).expect("signed");
        Leaf { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }
}

/// A root, an intermediate, and a leaf with its whole chain.
pub fn chain() -> (Authority, Authority, Leaf) {
    let root = Authority::root("Root of the tests");
    let intermediate = root.below("Intermediate of the tests");
    let leaf = intermediate.leaf();
    let certificate = leaf.certificate + &intermediate.pem();
    (root, intermediate, Leaf { certificate, key: leaf.key })
}

impl Leaf {
    /// Certificate and key as files that only the owner reads, each renamed into place.
    pub fn put(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let put = |name: &str, text: &str| {
            let (new, path) = (folder.join(format!("{name}.new")), folder.join(name));
            std::fs::write(&new, text).expect("writable");
            std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).expect("the test's own");
            std::fs::rename(&new, &path).expect("in the same folder");
            path
        };
        (put("tls.crt", &self.certificate), put("tls.key", &self.key))
    }
}
