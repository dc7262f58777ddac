//! An instance that boots in a customer's cloud gets its license by a script, under the system's own `sh`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use license_token::{ActivationClaims, KeySet, UnverifiedToken};
use lictor::domain::Scope;
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::store::MemoryEngine;

use crate::support::people::issue;
use crate::support::{Engine, Harness, World, acme};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/claim-license.sh");

/// A machine of the cloud: its folder, and what cloud-init has written.
struct Instance {
    folder: PathBuf,
    id_file: PathBuf,
}

impl Instance {
    fn new(harness: &Harness, id: &str) -> Self {
        let folder = harness.world.folder.path().join(id);
        let id_file = harness.world.folder.path().join(format!("{id}.id"));
        std::fs::write(&id_file, format!("{id}\n")).expect("room");
        Self { folder, id_file }
    }

    /// Runs the script as the unit does, with these settings besides.
    fn run(&self, url: &str, verb: &str, settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new("sh");
        command.arg(SCRIPT).arg(verb).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("LICENSE_SETTINGS", "/nowhere").env("LICENSE_SERVER", url).env("LICENSE_WAIT_SECS", "0");
        command.env("LICENSE_DIR", &self.folder).env("LICENSE_INSTANCE_FILE", &self.id_file);
        command.envs(settings.iter().copied()).output().expect("there is a shell")
    }

    #[track_caller]
    fn done(&self, url: &str, verb: &str, settings: &[(&str, &str)]) {
        let output = self.run(url, verb, settings);
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn kept(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(name)).ok().map(|text| text.trim_end().to_owned())
    }

    /// Every file with its content, by name.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(&self.folder).expect("the script has made it");
        let mut files: Vec<_> = entries
            .map(|entry| {
                let entry = entry.expect("readable");
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    std::fs::read(entry.path()).expect("readable"),
                )
            })
            .collect();
        files.sort();
        files
    }
}

fn claims(harness: &Harness, certificate: &str) -> ActivationClaims {
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    let keys = KeySet::parse(jwks.text.as_bytes()).expect("a set");
    let token = UnverifiedToken::parse(certificate).expect("a token");
    token.verify::<ActivationClaims>(&keys).expect("ours").into_claims()
}

/// The ids of the places that are held.
fn held(harness: &Harness, license: &str) -> Vec<String> {
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    let activations = shown.at("/activations");
    let all = activations.as_array().expect("a list").iter();
    let held = all.filter(|activation| activation["state"] == "held");
    held.map(|activation| activation["id"].as_str().expect("an id").to_owned()).collect()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_instance_claims_its_license_at_boot_and_gives_its_place_back_when_it_is_destroyed() {
    let engine = Engine::Memory(MemoryEngine::new());
    let world = World::at_one_address();
    let mut harness = Harness::start_in(world, &engine);
    harness.apply(&acme(&harness.world.sandbox));
    let license = issue(&harness, "cad-year");
    let (id, code, url) = (license.text_at("/id"), license.text_at("/claim_code"), harness.url.clone());
    let code = [("LICENSE_CODE", code.as_str())];
    let instance = Instance::new(&harness, "i-0a1b2c3d");

    // The first boot, while the server is away, and once it is there.
    harness.stop();
    let away = instance.run(&url, "claim", &code);
    assert_eq!(away.status.code(), Some(3), "{}", words(&away));
    let nonce = instance.kept("nonce").expect("made before it is sent");
    let mut harness = Harness::start_in(std::sync::Arc::clone(&harness.world), &engine);
    instance.done(&url, "claim", &code);
    let first = instance.kept("activation-id").expect("kept");
    assert_eq!((held(&harness, &id), instance.kept("nonce")), (vec![first.clone()], Some(nonce)));
    assert_eq!(instance.kept("license-key"), Some(license.text_at("/license_key")));
    assert_eq!(claims(&harness, &instance.kept("certificate").expect("kept")).generation, 1);
    for (name, _) in instance.files() {
        let mode = std::fs::metadata(instance.folder.join(&name)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        assert!(!name.ends_with(".part"), "{name}");
    }

    // Its answer was lost: the same place, the same certificate.
    let before = instance.files();
    for name in ["certificate", "activation-id"] {
        std::fs::remove_file(instance.folder.join(name)).expect("it was there");
    }
    instance.done(&url, "claim", &code);
    assert_eq!(instance.files(), before);

    // The second boot goes on with it; a timer asks for nothing before it is due.
    instance.done(&url, "claim", &[]);
    let second = claims(&harness, &instance.kept("certificate").expect("kept"));
    assert_eq!((second.act.clone(), second.generation), (first.clone(), 2));
    std::fs::write(instance.folder.join("renew-after"), "2999-01-01T00:00:00Z\n").expect("room");
    let before = instance.files();
    instance.done(&url, "renew", &[]);
    assert_eq!(instance.files(), before);
    std::fs::write(instance.folder.join("renew-after"), "2001-01-01T00:00:00Z\n").expect("room");
    instance.done(&url, "renew", &[]);
    assert_eq!(claims(&harness, &instance.kept("certificate").expect("kept")).generation, 3);

    // The server is away at a boot: what is held stays as it is.
    let before = instance.files();
    harness.stop();
    assert_eq!(instance.run(&url, "claim", &[]).status.code(), Some(3));
    assert_eq!(instance.run(&url, "release", &[]).status.code(), Some(3));
    assert_eq!(instance.files(), before);
    let harness = Harness::start_in(std::sync::Arc::clone(&harness.world), &engine);
    instance.done(&url, "claim", &[]);
    assert_eq!(held(&harness, &id), [first.as_str()]);

    // An image of it is another instance, with a place of its own.
    let copy = Instance::new(&harness, "i-ffffffff");
    copy_of(&instance.folder, &copy.folder);
    copy.done(&url, "claim", &[]);
    assert_ne!(copy.kept("activation-id"), Some(first.clone()));
    assert_eq!(held(&harness, &id).len(), 2);
    copy.done(&url, "release", &[]);

    // Destroyed: the place is free at once, and giving it back again changes nothing.
    instance.done(&url, "release", &[]);
    instance.done(&url, "release", &[]);
    assert_eq!(held(&harness, &id), Vec::<String>::new());
    assert_eq!((instance.kept("certificate"), instance.kept("activation-id")), (None, None));
    instance.done(&url, "claim", &[]);
    assert_eq!(held(&harness, &id), [instance.kept("activation-id").expect("kept").as_str()]);
}

fn copy_of(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("room");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("room");
    }
}

#[test]
fn what_the_script_cannot_do_is_said_and_changes_nothing() {
    let harness = Harness::start_in(World::new(), &Engine::Memory(MemoryEngine::new()));
    harness.apply(&acme(&harness.world.sandbox));
    let instance = Instance::new(&harness, "i-1");
    let none = instance.run(&harness.url, "claim", &[]);
    assert_eq!(none.status.code(), Some(2), "{}", words(&none));
    let hostile = instance.run(&harness.url, "claim", &[("LICENSE_CODE", "x\",\"y\":\"")]);
    assert_eq!(hostile.status.code(), Some(2), "{}", words(&hostile));
    let unknown = instance.run(&harness.url, "claim", &[("LICENSE_CODE", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA")]);
    assert_eq!(unknown.status.code(), Some(1), "{}", words(&unknown));
    assert!(words(&unknown).contains("refused: "), "{}", words(&unknown));
    std::fs::write(&instance.id_file, "").expect("room");
    let nobody = [("LICENSE_METADATA_URL", "http://127.0.0.1:9/")];
    let unnamed = instance.run(&harness.url, "claim", &nobody);
    assert_eq!(unnamed.status.code(), Some(2), "{}", words(&unnamed));
    assert!(words(&unnamed).contains("LICENSE_INSTANCE_ID"), "{}", words(&unnamed));
    for verb in ["", "destroy"] {
        assert_eq!(instance.run(&harness.url, verb, &[]).status.code(), Some(2), "{verb}");
    }
    assert!(instance.files().iter().all(|(name, _)| name == "nonce"), "{:?}", instance.files());
}

#[test]
fn an_order_id_alone_opens_nothing_and_with_the_sellers_token_its_claim_code() {
    let harness = Harness::start_in(World::new(), &Engine::Memory(MemoryEngine::new()));
    harness.apply(&acme(&harness.world.sandbox));
    let shop = harness.storefront();
    shop.buy(Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))).expect("the call is answered");
    harness.settle();
    let sold = harness.merchant().get("/v1/merchant/licenses").expect(200);
    let (order, id) = (sold.text_at("/items/0/order_id"), sold.text_at("/items/0/id"));
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{id}?reveal=true")).expect(200);
    let code = shown.text_at("/claim_code");
    let instance = Instance::new(&harness, "i-1");
    let alone = instance.run(&harness.url, "codes", &[("LICENSE_ORDER_ID", &order)]);
    assert_eq!(alone.status.code(), Some(2), "{}", words(&alone));
    assert_eq!(instance.run(&harness.url, "claim", &[("LICENSE_CODE", &order)]).status.code(), Some(1));
    let file = harness.world.folder.path().join("token");
    let with = |order: &str, scopes: &[Scope]| {
        std::fs::write(&file, harness.token(scopes)).expect("room");
        let file = file.to_str().expect("a path");
        instance.run(&harness.url, "codes", &[("LICENSE_ORDER_ID", order), ("LICENSE_TOKEN_FILE", file)])
    };
    let found = with(&order, &[Scope::Read, Scope::Keys]);
    assert!(found.status.success(), "{}", words(&found));
    assert_eq!(String::from_utf8_lossy(&found.stdout), format!("{code}\n"));
    assert_eq!(with(&order, &[Scope::Read]).status.code(), Some(1));
    assert_eq!(with("unknown-order", &[Scope::Read, Scope::Keys]).status.code(), Some(1));
}
