//! k of n components for every n, firmware, device keys, and what is bound to nothing.

use license_token::{
    ActivationClaims, Binding, Code, LicenseClaims, Machine, MachineClaim, Policy, Role, TokenType,
};
use license_token::{Commitment, Component};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{AUD, DAY, ISS, START, activation, license, machine, machine_with, sign};
use super::{craft, key_vector};

const DEVICE: &str = "zBgVIDpAQVmqIR_vGpRHPP2yQBDOO6AHQ-Mg1Yl4Wfc";
const OTHER: &str = "f3zNtNnYfgmEKsQyyHtmruOfJFzBi1lyb_D_2J9CDPo";

pub fn all() -> Vec<Vector> {
    [thresholds(), device_keys(), bindings(), forms()].into_iter().flatten().collect()
}

fn certificate(claims: &ActivationClaims) -> String {
    sign(Role::Activation, claims)
}

fn enrolled(values: &[&str; 5]) -> ActivationClaims {
    ActivationClaims { machine: MachineClaim::enroll(machine_with(values).components), ..activation() }
}

fn vector(name: &str, about: &str, token: String) -> Vector {
    Vector::new(&format!("machine-{name}"), about, TokenType::Activation, token, START + DAY)
}

fn thresholds() -> Vec<Vector> {
    let on = |name: &str, about: &str, enrolled_values: &[&str; 5], values: &[&str; 5]| {
        vector(name, about, certificate(&enrolled(enrolled_values))).machine(&machine_with(values))
    };
    let no = |name: &str, about: &str, enrolled_values: &[&str; 5], values: &[&str; 5]| {
        on(name, about, enrolled_values, values).refused(Code::WrongMachine)
    };
    let five = &["a-os", "a-fw", "a-brd", "a-dsk", "a-net"];
    let four = &["a-os", "a-fw", "a-brd", "a-dsk", ""];
    let three = &["a-os", "a-fw", "a-brd", "", ""];
    let two = &["a-os", "a-fw", "", "", ""];
    let fingerprint = |value: &str| Machine::commit(ISS, AUD, [(Component::Fp, value)]);
    let by_fingerprint = certificate(&ActivationClaims {
        machine: MachineClaim::enroll(fingerprint("00:11|DISK|BOARD|CPU").components),
        ..activation()
    });
    vec![
        on(
            "5-firmware-unread",
            "Firmware that cannot be read counts as different, no more.",
            five,
            &["a-os", "", "a-brd", "a-dsk", "a-net"],
        )
        .valid(),
        on("5-by-firmware", "The firmware is the strong one.", five, &["z-b", "a-fw", "a-brd", "a-dsk", ""])
            .valid(),
        no("5-os-and-firmware-only", "Two strong ones of five.", five, &["a-os", "a-fw", "", "", "z-b"]),
        no(
            "5-firmware-weak",
            "Three weak ones, os and firmware cannot be read.",
            five,
            &["", "", "a-brd", "a-dsk", "a-net"],
        ),
        on("4-of-4", "All of four.", four, &["a-os", "a-fw", "a-brd", "a-dsk", "x"]).valid(),
        on("3-of-4-weak-gone", "os, firmware and board.", four, &["a-os", "a-fw", "a-brd", "", ""]).valid(),
        no(
            "3-of-4-other-firmware",
            "Three of four, but another firmware.",
            four,
            &["a-os", "z-b", "a-brd", "a-dsk", ""],
        ),
        on(
            "3-of-4-firmware-unread",
            "Three of four, firmware unread.",
            four,
            &["a-os", "", "a-brd", "a-dsk", ""],
        )
        .valid(),
        no("2-of-4-strong", "os and firmware of four.", four, &["a-os", "a-fw", "", "", ""]),
        on("3-of-3", "All of three.", three, &["a-os", "a-fw", "a-brd", "", ""]).valid(),
        on("2-of-3-strong", "os and firmware of three.", three, &["a-os", "a-fw", "z-b", "", ""]).valid(),
        no(
            "2-of-3-other-firmware",
            "Two of three, but another firmware.",
            three,
            &["a-os", "z-b", "a-brd", "", ""],
        ),
        no("1-of-3-firmware", "The firmware of three.", three, &["z-b", "a-fw", "z-c", "", ""]),
        no("2-of-3-weak", "Two of three, both weak.", three, &["", "", "a-brd", "", ""]),
        on("2-of-2-strong", "os and firmware.", two, &["a-os", "a-fw", "x", "y", "z"]).valid(),
        no("1-of-2-os", "os of os and firmware.", two, &["a-os", "", "", "", ""]),
        no("1-of-2-firmware", "Firmware of os and firmware.", two, &["z-b", "a-fw", "", "", ""]),
        on("1-of-1-firmware", "Firmware alone.", &["", "a-fw", "", "", ""], &["z-b", "a-fw", "", "", ""])
            .valid(),
        no(
            "1-of-1-weak",
            "A network card alone is weak.",
            &["", "", "", "", "a-net"],
            &["", "", "", "", "a-net"],
        ),
        on(
            "firmware-not-enrolled",
            "Firmware that was not enrolled is not compared.",
            &["a-os", "", "a-brd", "a-dsk", ""],
            &["a-os", "x", "a-brd", "", ""],
        )
        .valid(),
        no(
            "values-swapped",
            "The same values under other names.",
            five,
            &["a-fw", "a-os", "a-brd", "a-dsk", "a-net"],
        ),
        on(
            "5-of-5-with-fingerprint",
            "An opaque fingerprint that was not enrolled is not compared.",
            five,
            five,
        )
        .expect("machine", {
            let mut offered = serde_json::Map::new();
            let all = machine().components.into_iter().chain(fingerprint("x|y").components);
            for (component, commitment) in all {
                offered.insert(component.as_str().into(), json!(commitment.to_text()));
            }
            json!(offered)
        })
        .valid(),
        vector("fingerprint", "A marketplace's fingerprint, alone.", by_fingerprint.clone())
            .machine(&fingerprint("00:11|DISK|BOARD|CPU"))
            .valid(),
        vector(
            "fingerprint-other",
            "Another one; its letters are compared as they are.",
            by_fingerprint.clone(),
        )
        .machine(&fingerprint("00:11|disk|BOARD|CPU"))
        .refused(Code::WrongMachine),
        vector("fingerprint-not-offered", "Components where a fingerprint was enrolled.", by_fingerprint)
            .refused(Code::WrongMachine),
        vector("not-asked-about", "Without a machine the step is left out.", certificate(&activation()))
            .without_machine()
            .valid(),
    ]
}

fn device_keys() -> Vec<Vector> {
    let weak = ActivationClaims {
        device_key: Some(DEVICE.into()),
        ..enrolled(&["", "", "a-brd", "a-dsk", "a-net"])
    };
    let strong = ActivationClaims { device_key: Some(DEVICE.into()), ..activation() };
    let on =
        |name: &str, about: &str, claims: &ActivationClaims, values: &[&str; 5], offered: Option<&str>| {
            let vector =
                vector(&format!("device-{name}"), about, certificate(claims)).machine(&machine_with(values));
            match offered {
                Some(key) => vector.expect("device_key", json!(key)),
                None => vector,
            }
        };
    let weak_here = &["", "", "a-brd", "a-dsk", ""];
    let here = &["a-os", "a-fw", "a-brd", "a-dsk", "a-net"];
    vec![
        on(
            "makes-weak-ones-enough",
            "Two of three weak ones, and the device key.",
            &weak,
            weak_here,
            Some(DEVICE),
        )
        .valid(),
        on(
            "another-with-weak-ones",
            "Two of three weak ones, and another key.",
            &weak,
            weak_here,
            Some(OTHER),
        )
        .refused(Code::WrongMachine),
        on(
            "does-not-replace-components",
            "One of three weak ones, and the device key.",
            &weak,
            &["", "", "a-brd", "", ""],
            Some(DEVICE),
        )
        .refused(Code::WrongMachine),
        on("not-offered", "Every component, but not the device key.", &strong, here, None)
            .refused(Code::WrongMachine),
        on("offered", "Every component and the device key.", &strong, here, Some(DEVICE)).valid(),
        on(
            "other-firmware",
            "The device key on another firmware.",
            &strong,
            &["a-os", "z-b", "a-brd", "a-dsk", "a-net"],
            Some(DEVICE),
        )
        .refused(Code::WrongMachine),
        on("other-case", "Thumbprints are compared exactly.", &strong, here, Some(&DEVICE.to_lowercase()))
            .refused(Code::WrongMachine),
        on(
            "not-asked-for",
            "A device key that the certificate does not name.",
            &activation(),
            here,
            Some(OTHER),
        )
        .valid(),
        on(
            "not-offered-without-components",
            "Bound to a device key alone, none is offered.",
            &ActivationClaims { machine: None, ..strong.clone() },
            here,
            None,
        )
        .refused(Code::WrongMachine),
    ]
}

fn bindings() -> Vec<Vector> {
    let bound = |binding: Binding, claims: ActivationClaims| ActivationClaims {
        policy: Policy { binding, ..activation().policy },
        ..claims
    };
    let nothing = || ActivationClaims { machine: None, ..activation() };
    let key_of = |binding: Binding| {
        craft::license_key(&LicenseClaims { policy: Policy { binding, ..license().policy }, ..license() })
    };
    let elsewhere = machine_with(&["z-b", "z-c", "z-d", "z-e", "z-f"]);
    let of = |name: &str, about: &str, claims: &ActivationClaims| {
        vector(&format!("binding-{name}"), about, certificate(claims)).machine(&elsewhere)
    };
    let key_on = |name: &str, about: &str, binding: Binding| {
        key_vector(&format!("machine-binding-{name}"), about, key_of(binding)).machine(&elsewhere)
    };
    vec![
        of("none", "Bound to nothing holds anywhere.", &bound(Binding::None, nothing())).valid(),
        of("floating", "A floating lease holds anywhere.", &bound(Binding::Floating, nothing())).valid(),
        of(
            "device-key-without-one",
            "Bound to a device key that it does not name.",
            &bound(Binding::DeviceKey, nothing()),
        )
        .refused(Code::WrongMachine),
        of(
            "floating-enrolled",
            "A floating lease that enrolled a machine holds there only.",
            &bound(Binding::Floating, activation()),
        )
        .refused(Code::WrongMachine),
        of(
            "none-with-device-key",
            "Bound to nothing, but it names a device key.",
            &bound(Binding::None, ActivationClaims { device_key: Some(DEVICE.into()), ..nothing() }),
        )
        .refused(Code::WrongMachine),
        key_on("key-hardware", "A license key of a bound spec.", Binding::Hardware)
            .refused(Code::ActivationRequired),
        key_on("key-device-key", "A license key of a spec with device keys.", Binding::DeviceKey)
            .refused(Code::ActivationRequired),
        key_on("key-floating", "A license key of a floating spec.", Binding::Floating)
            .refused(Code::ActivationRequired),
        key_vector(
            "machine-binding-key-not-asked",
            "A license key of a bound spec, and no machine is asked about.",
            key_of(Binding::Hardware),
        )
        .valid(),
        key_vector(
            "machine-binding-key-nothing-readable",
            "A machine on which nothing can be read is one.",
            key_of(Binding::Hardware),
        )
        .machine(&Machine::default())
        .refused(Code::ActivationRequired),
    ]
}

fn forms() -> Vec<Vector> {
    let form = |name: &str, about: &str, pointer: &str, json: &str| {
        vector(&format!("form-{name}"), about, craft::claims_with(&activation(), pointer, json))
            .refused(Code::Malformed)
            .profile()
    };
    let os = machine().components[&Component::Os];
    let seventeen = license_token::base64url::encode(&[os.0.as_slice(), &[0]].concat());
    // 16 bytes are 22 characters with four unused bits.
    let unused = {
        let text = Commitment([0; 16]).to_text();
        format!("{}B", &text[..21])
    };
    let quoted = |text: &str| json!(text).to_string();
    vec![
        form("k-too-high", "All five must match.", "/lic/machine/k", "5"),
        form("k-4", "Four of five.", "/lic/machine/k", "4"),
        form("k-2", "Two of five.", "/lic/machine/k", "2"),
        form("k-0", "None must match.", "/lic/machine/k", "0"),
        form("k-missing", "How many must match is not said.", "/lic/machine/k", ""),
        form("version-2", "A machine of a later version.", "/lic/machine/v", "2"),
        form("version-missing", "A machine of no version.", "/lic/machine/v", ""),
        form("no-components", "No component is enrolled.", "/lic/machine/c", "{}"),
        form("components-missing", "The components are missing.", "/lic/machine/c", ""),
        form("17-bytes", "A commitment of 17 bytes.", "/lic/machine/c/os", &quoted(&seventeen)),
        form(
            "padding",
            "A commitment with padding.",
            "/lic/machine/c/os",
            &quoted(&format!("{}==", os.to_text())),
        ),
        form("unused-bits", "A commitment with unused bits set.", "/lic/machine/c/os", &quoted(&unused)),
        form("empty", "An empty commitment.", "/lic/machine/c/os", r#""""#),
        form(
            "capital-name",
            "Names of components are compared exactly.",
            "/lic/machine/c/OS",
            &quoted(&os.to_text()),
        ),
        form("act-missing", "No id of the activation.", "/lic/act", ""),
        form("gen-missing", "No generation.", "/lic/gen", ""),
        form("renew-missing", "Nothing says when to renew.", "/lic/renew", ""),
        form("exp-at-nbf", "A lease of no second.", "/exp", &START.to_string()),
        vector(
            "ok-permanent-certificate",
            "A certificate of a license for ever.",
            craft::certificate_of(&craft::with_member(
                &craft::with_member(&craft::payload_of(TokenType::Activation), "/lic/end", ""),
                "/lic/term",
                r#""permanent""#,
            )),
        )
        .valid(),
    ]
}
