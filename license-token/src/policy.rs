//! What the merchant asks of a client, signed into the token.

macro_rules! words {
    ($(#[$attribute:meta])+ $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident => $text:literal,)+ }) => {
        $(#[$attribute])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant,)+ }

        impl $name {
            /// The word in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Reads the word.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How a client treats a status list that is missing or old.
    StatusRule {
        /// No verdict without a fresh list.
        Require => "require",
        /// What a list says counts, however old it is; a missing or stale list refuses nobody.
        Prefer => "prefer",
        /// Lists are not consulted.
        Ignore => "ignore",
    }
}

words! {
    /// What the software does about a refusal.
    Enforcement {
        /// It stops.
        Enforce => "enforce",
        /// It goes on and says so.
        Warn => "warn",
        /// It goes on and only records it.
        Advise => "advise",
    }
}

words! {
    /// What an activation binds to.
    Binding {
        /// Committed hardware components.
        Hardware => "hardware",
        /// A key that the machine keeps.
        DeviceKey => "device-key",
        /// A short lease, whoever holds it.
        Floating => "floating",
        /// Nothing: the license key alone is enough.
        None => "none",
    }
}

/// The client's orders. A member equal to its default is left out of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Treatment of status lists; default `prefer`.
    pub status: StatusRule,
    /// A list whose `iat` is older than this is stale, in seconds; absent: only the list's own `exp` counts.
    pub max_status_age: Option<i64>,
    /// Longest time without the server that the merchant plans for, in seconds. Informative: a certificate's
    /// `exp` is what binds.
    pub max_offline: Option<i64>,
    /// Default `enforce`.
    pub enforcement: Enforcement,
    /// Default `hardware`.
    pub binding: Binding,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            status: StatusRule::Prefer,
            max_status_age: None,
            max_offline: None,
            enforcement: Enforcement::Enforce,
            binding: Binding::Hardware,
        }
    }
}
