//! A flag for every setting, made from the table of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Arg, ArgMatches, Command};

use super::Failure;
use crate::config::{Layers, Loaded, SETTINGS, Setting};

/// The names of the flags; the parser keeps them for as long as the program runs.
static FLAGS: LazyLock<Vec<String>> = LazyLock::new(|| SETTINGS.iter().map(Setting::flag).collect());

/// `--config` and one flag per setting.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags {
    config: Option<PathBuf>,
    flags: BTreeMap<String, String>,
}

impl SettingFlags {
    /// The same with another value of a setting.
    pub fn with(mut self, setting: &str, value: String) -> Self {
        self.flags.insert(setting.to_owned(), value);
        self
    }

    /// Resolves every setting; says on the standard error what is probably not meant.
    pub fn load(&self) -> Result<Loaded, Failure> {
        Ok(Layers::of_process(self.flags.clone(), self.config.as_deref())?.load()?)
    }
}

impl clap::Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config").long("config").value_name("FILE");
        let config = config.value_parser(clap::value_parser!(PathBuf));
        let help = "Settings file; see `lictor config-sample` [env: LICTOR_CONFIG]";
        SETTINGS.iter().zip(FLAGS.iter()).fold(command.arg(config.help(help)), |command, (setting, flag)| {
            let default = match setting.default {
                "" => String::new(),
                default => format!(" [default: {default}]"),
            };
            let help = format!("{} [env: {}]{default}", setting.meaning(), setting.variable());
            command.arg(
                Arg::new(setting.name)
                    .long(flag.as_str())
                    .value_name("VALUE")
                    .help(help)
                    .help_heading("Settings"),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &str| Some((name.to_owned(), matches.get_one::<String>(name)?.clone()));
        let flags = SETTINGS.iter().filter_map(|setting| given(setting.name)).collect();
        Ok(Self { config: matches.get_one("config").cloned(), flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
