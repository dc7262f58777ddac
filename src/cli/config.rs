//! `lictor check-config` and `lictor config-sample`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::output::line;
use super::{Failure, Output, SettingFlags, Table};
use crate::catalog::{APPLY_FILE_BYTES_MAX, ApplyContext, ApplyFile, parse_apply_file_in};
use crate::config::{Loaded, SecretResolver, config_sample, read_text};
use crate::domain::SecretRef;
use crate::marketplace::{Protocol, protocol_for};
use crate::service::check_tls;

/// Checks settings and apply files, and changes nothing.
#[derive(Debug, Args)]
pub struct CheckConfig {
    #[command(flatten)]
    settings: SettingFlags,
    /// An apply file to check too, with the secrets it names; may be given several times.
    #[arg(long, value_name = "FILE")]
    bootstrap: Vec<PathBuf>,
}

impl CheckConfig {
    /// Does it; tells the mistakes of everything at once.
    pub fn run(self, output: Output) -> Result<(), Failure> {
        let loaded = self.settings.load();
        let mut mistakes: Vec<String> =
            self.bootstrap.iter().flat_map(|path| apply_file_mistakes(path)).collect();
        let loaded = match loaded {
            Ok(mut loaded) => {
                match check_tls(&loaded.settings) {
                    Ok(warnings) => loaded.warnings.extend(warnings.iter().map(ToString::to_string)),
                    Err(error) => mistakes.push(error.to_string()),
                }
                let refused = loaded.settings.not_served();
                mistakes.extend(refused.into_iter().map(|it| format!("{}: {}", it.place, it.message)));
                Some(loaded)
            }
            Err(failure) => {
                mistakes.insert(0, failure.to_string());
                None
            }
        };
        match loaded {
            Some(loaded) if mistakes.is_empty() => {
                report(&loaded, output);
                Ok(())
            }
            _ => Err(Failure::Refused(mistakes.join("\n"))),
        }
    }
}

/// Prints every setting with its value and origin.
fn report(loaded: &Loaded, output: Output) {
    let settings: Vec<_> = loaded
        .resolved
        .iter()
        .map(|it| json!({ "name": it.name, "value": it.shown, "origin": it.origin.to_string() }))
        .collect();
    let answer = json!({ "settings": settings, "warnings": loaded.warnings });
    output.answer(&answer, |answer| {
        let columns = [("SETTING", "name"), ("VALUE", "value"), ("FROM", "origin")];
        Table::of_items(&answer["settings"], &columns).render()
    });
    loaded.warnings.iter().for_each(|warning| output.note(&format!("warning: {warning}")));
}

fn apply_file_mistakes(path: &Path) -> Vec<String> {
    let text = match read_text(path, APPLY_FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => return vec![error.to_string()],
    };
    let context = ApplyContext { may_grant_operator: true, only_served: true, ..ApplyContext::default() };
    match parse_apply_file_in(&text, &context) {
        Ok(file) => {
            let resolver = SecretResolver::of_process();
            let unresolved = secrets(&file).into_iter().filter_map(|secret| resolver.resolve(secret).err());
            let faults = unresolved.map(|error| error.to_string()).chain(unfit_keys(&file, &resolver));
            faults.map(|fault| format!("{}: {fault}", path.display())).collect()
        }
        Err(mistakes) => mistakes
            .iter()
            .map(|it| format!("{}:{}: {}: {}", path.display(), it.line, it.pointer, it.message))
            .collect(),
    }
}

/// Access keys that are there and that their channel's protocol cannot use.
fn unfit_keys(file: &ApplyFile, resolver: &SecretResolver) -> Vec<String> {
    let keys = file.channels.iter().flat_map(|channel| {
        let protocol = protocol_for(&channel.protocol.0);
        channel.access_keys.iter().filter_map(move |key| Some((protocol?, &key.value)))
    });
    let fault = |(protocol, reference): (&dyn Protocol, &SecretRef)| {
        let fault = protocol.key_fault(&resolver.resolve(reference).ok()?)?;
        Some(format!("{reference} cannot be used: {fault}"))
    };
    keys.filter_map(fault).collect()
}

fn secrets(file: &ApplyFile) -> Vec<&SecretRef> {
    let of_channels = file.channels.iter().flat_map(|channel| {
        let open_api = channel.open_api.iter().flat_map(|api| [&api.access_key, &api.secret_key]);
        channel.access_keys.iter().map(|key| &key.value).chain(open_api)
    });
    of_channels.chain(file.api_tokens.iter().map(|token| &token.value)).collect()
}

/// Prints the sample file.
pub fn sample(output: Output) -> Result<(), Failure> {
    if output.json {
        let setting = |it: &crate::config::Setting| {
            json!({ "name": it.name, "variable": it.variable(), "flag": format!("--{}", it.flag()),
                    "default": it.default, "meaning": it.meaning() })
        };
        let settings: Vec<_> = crate::config::SETTINGS.iter().map(setting).collect();
        line(&json!({ "settings": settings }).to_string());
    } else {
        line(config_sample().trim_end());
    }
    Ok(())
}
