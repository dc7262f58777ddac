use super::*;

fn layers(flags: &[(&str, &str)], environment: &[(&str, &str)], file: &str) -> Layers {
    Layers {
        flags: flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        environment: Environment::of(environment.iter().copied()),
        file: Some((PathBuf::from("lictor.toml"), file.to_owned())),
    }
}

fn mistakes(layers: &Layers) -> Vec<String> {
    let error = layers.load().expect_err("there is a mistake");
    error.mistakes.iter().map(|mistake| format!("{}: {}", mistake.place, mistake.message)).collect()
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default() {
    let file = "data_dir = \"/file\"\nkeys_dir = \"/file\"\nrequest_timeout_secs = 7\n";
    let environment = [("LICTOR_DATA_DIR", "/env"), ("LICTOR_KEYS_DIR", "/env")];
    let loaded = layers(&[("data_dir", "/flag")], &environment, file).load().expect("valid");
    let settings = &loaded.settings;
    assert_eq!(settings.data_dir, Path::new("/flag"));
    assert_eq!(settings.keys_dir, Path::new("/env"));
    assert_eq!(settings.request_timeout.as_secs(), 7);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    let origin = |name: &str| loaded.resolved.iter().find(|it| it.name == name).map(|it| it.origin.clone());
    assert_eq!(origin("data_dir"), Some(Origin::Flag));
    assert_eq!(origin("keys_dir"), Some(Origin::Environment));
    assert_eq!(origin("request_timeout_secs"), Some(Origin::File));
    assert_eq!(origin("listen"), Some(Origin::Default));
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let file = "listen = \"8080\"\nrequest_timout_secs = 5\ncreate = \"naver\"\nrequest_timeout_secs = \"5\"\ntls_key_file = \"k\"\n";
    let told = mistakes(&layers(&[("log_format", "xml")], &[("LICTOR_STORE", "mysql://u:geheim@h")], file));
    let expected = [
        "lictor.toml:1: listen: must be an address and a port such as 127.0.0.1:8080 or [::1]:8080",
        "lictor.toml:2: request_timout_secs: there is no member `request_timout_secs`; did you mean `request_timeout_secs`?",
        "lictor.toml:3: create: there is no `naver`; did you mean `never`?",
        "lictor.toml:4: request_timeout_secs: must be a whole number without quotes, not a string",
        "LICTOR_STORE: must be `embedded`, `postgres://…` or `file:PATH`",
        "--log-format: there is no `xml`; it is one of: text, json",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_certificate_without_its_key_is_a_mistake() {
    let told = mistakes(&layers(&[], &[("LICTOR_TLS_CERT_FILE", "/tls.crt")], ""));
    assert_eq!(told, ["tls_key_file: is missing, but tls_cert_file is set; write both or neither"]);
}

#[test]
fn an_empty_value_is_a_mistake_where_there_must_be_one() {
    assert_eq!(
        mistakes(&layers(&[], &[("LICTOR_CREATE", "")], "")),
        ["LICTOR_CREATE: is empty; write a value, or remove it"]
    );
    let loaded = layers(&[], &[("LICTOR_ADMIN_LISTEN", "")], "").load().expect("unset is fine");
    assert_eq!(loaded.settings.admin_listen, None);
}

#[test]
fn an_unknown_variable_warns_with_the_nearest_name() {
    let environment = [
        ("LICTOR_LISTN", "x"),
        ("LICTOR_TOKEN", "x"),
        ("LICTOR_SOMETHING_ELSE", "x"),
        ("LICTOR_PORT", "tcp://10.0.0.1:80"),
        ("LICTOR_SERVICE_HOST", "10.0.0.1"),
        ("PATH", "/bin"),
    ];
    let warnings = layers(&[], &environment, "").load().expect("only warnings").warnings;
    assert_eq!(
        warnings,
        [
            "LICTOR_LISTN is not a setting and has no effect; did you mean LICTOR_LISTEN?",
            "LICTOR_SOMETHING_ELSE is not a setting and has no effect",
            "Kubernetes injected LICTOR_PORT, LICTOR_SERVICE_HOST; they have no effect (enableServiceLinks: false stops it)",
        ]
    );
}

#[test]
fn keys_that_would_name_an_unreachable_address_are_warned_of() {
    let loaded = layers(&[("listen", "0.0.0.0:80")], &[], "").load().expect("valid");
    assert_eq!(loaded.settings.public_base_url(), "http://127.0.0.1:80");
    assert_eq!(loaded.warnings.len(), 1);
    let loaded = layers(&[("listen", "0.0.0.0:80"), ("public_url", "https://l.example/")], &[], "");
    let loaded = loaded.load().expect("valid");
    assert_eq!(loaded.settings.public_base_url(), "https://l.example");
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn a_database_password_does_not_print() {
    let loaded =
        layers(&[], &[("LICTOR_STORE", "postgres://lictor:geheim@db/lictor")], "").load().expect("valid");
    assert!(!format!("{loaded:?}").contains("geheim"));
    let shown = loaded.resolved.iter().find(|it| it.name == "store").map(|it| it.shown.as_str());
    assert_eq!(shown, Some("postgres://…"));
}

#[test]
fn the_sample_names_every_setting_with_its_meaning_and_is_a_valid_file() {
    let sample = crate::config::config_sample();
    for setting in SETTINGS {
        assert!(
            sample.contains(&format!("\n{} = ", setting.name))
                || sample.contains(&format!("\n# {} = ", setting.name))
        );
        assert!(sample.contains(&setting.variable()) && sample.contains(&format!("--{}", setting.flag())));
        assert!(!setting.meaning().is_empty());
        assert!(
            setting.default.is_empty() != setting.example.is_empty(),
            "{}: default or example",
            setting.name
        );
    }
    let defaults = layers(&[], &[], "").load().expect("valid").resolved;
    let from_sample = layers(&[], &[], &sample).load().expect("valid").resolved;
    let texts = |all: &[Resolved]| all.iter().map(|it| it.shown.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&defaults), texts(&from_sample));
    // With every commented example switched on, it is valid too.
    let all_on: String = sample
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if SETTINGS.iter().any(|it| rest.starts_with(&format!("{} = ", it.name))) => {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let loaded = layers(&[], &[], &all_on).load().expect("valid");
    assert!(loaded.resolved.iter().all(|it| it.origin == Origin::File));
}

#[test]
fn no_setting_is_named_like_what_kubernetes_injects() {
    for setting in SETTINGS {
        let parts: Vec<&str> = setting.name.split('_').collect();
        assert!(!parts.iter().any(|part| ["port", "host", "service"].contains(part)), "{}", setting.name);
    }
}
