//! One row per setting, and what is made from the rows.

/// How a setting's value is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// A whole number.
    Integer,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in the file; the unit stands last.
    pub name: &'static str,
    /// Its default as text; empty when it is unset by default.
    pub default: &'static str,
    /// What a value looks like, where there is no default.
    pub example: &'static str,
    /// What it is for.
    pub meaning: &'static [&'static str],
    /// How it is written.
    pub shape: Shape,
    /// Says what is wrong with a text, if something is.
    pub check: fn(&str) -> Result<(), String>,
}

impl Setting {
    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("LICTOR_{}", self.name.to_uppercase())
    }

    /// The flag, without its hyphens.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// What it is for, in one paragraph.
    pub fn meaning(&self) -> String {
        self.meaning.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    fn written(&self, value: &str) -> String {
        match self.shape {
            Shape::Text => format!("\"{value}\""),
            Shape::Integer => value.to_owned(),
        }
    }
}

/// A settings file with every setting, its meaning and its default.
pub fn config_sample() -> String {
    let mut text = String::from(
        "# Settings of the lictor service. Each can also be given as an environment variable or as a flag of\n\
         # `lictor serve`; a flag wins over the environment, that over this file, that over the default.\n",
    );
    for setting in super::SETTINGS {
        text.push('\n');
        for line in setting.meaning {
            text.push_str(&format!("# {}\n", line.trim()));
        }
        text.push_str(&format!("# {} or --{}", setting.variable(), setting.flag()));
        if setting.default.is_empty() {
            text.push_str(&format!(
                "; unset by default\n# {} = {}\n",
                setting.name,
                setting.written(setting.example)
            ));
        } else {
            let default = setting.written(setting.default);
            text.push_str(&format!("; default {default}\n{} = {default}\n", setting.name));
        }
    }
    text
}

macro_rules! settings {
    ($(
        $(#[doc = $meaning:literal])+
        $field:ident($name:literal): $type:ty as $form:ty = $default:literal $(, example $example:literal)?;
    )+) => {
        /// The settings of the service.
        #[derive(Debug, Clone)]
        pub struct Settings { $($(#[doc = $meaning])+ pub $field: $type),+ }

        /// Every setting, in the order of the sample file.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            name: $name,
            default: $default,
            example: concat!($($example)?),
            meaning: &[$($meaning),+],
            shape: <$form as types::Form>::SHAPE,
            check: |text| types::read_form::<$form>(text).map(drop),
        }),+];

        impl Settings {
            /// Reads every setting from the layers; the mistakes of all of them are noted there.
            fn read(layers: &mut layers::Reading<'_>) -> Option<Self> {
                $(let $field = layers.read::<$form>($name);)+
                Some(Self { $($field: $field?),+ })
            }
        }
    };
}
pub(super) use settings;
