//! Every word of the console, in both languages and area by area: a word that is missing in one does not compile.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($word:ident: $english:literal, $chinese:literal;)+ }) => {
        $(#[$doc])*
        pub struct $name { $(pub $word: &'static str),+ }

        impl $name {
            const ENGLISH: Self = Self { $($word: $english),+ };
            const CHINESE: Self = Self { $($word: $chinese),+ };

            /// In the reader's language.
            pub fn of(language: crate::http::language::Language) -> &'static Self {
                match language {
                    crate::http::language::Language::English => &Self::ENGLISH,
                    crate::http::language::Language::Chinese => &Self::CHINESE,
                }
            }

            /// Name, English and Chinese of each.
            #[cfg(test)]
            pub const PAIRS: &'static [(&'static str, &'static str, &'static str)] =
                &[$((stringify!($word), $english, $chinese)),+];
        }
    };
}

mod access;
mod acts;
mod channels;
mod consequences;
mod events;
mod home;
mod layout;
mod licenses;
mod log;
mod orders;
mod rest;
mod usage;

pub use access::Access;
pub use acts::Acts;
pub use channels::Channels;
pub use consequences::Consequences;
pub use events::{Events, what_happened};
pub use home::{Home, failing, held, of_the_last_events, of_the_newest};
pub use layout::Layout;
pub use licenses::{Licenses, places};
pub use log::{Audit, Webhooks};
pub use orders::Orders;
pub use rest::{AirGap, Catalog, Customers, Keys, Quota};
pub use usage::Usage;

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that are the same in both languages, or are written in the other one on purpose.
    const SHARED: &[&str] = &["product", "other_language", "sku"];

    #[test]
    fn every_word_is_in_its_own_language() {
        let is_chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
        for (name, english, chinese) in [
            Access::PAIRS,
            Acts::PAIRS,
            AirGap::PAIRS,
            Audit::PAIRS,
            Catalog::PAIRS,
            Channels::PAIRS,
            Consequences::PAIRS,
            Customers::PAIRS,
            Events::PAIRS,
            Home::PAIRS,
            Keys::PAIRS,
            Layout::PAIRS,
            Licenses::PAIRS,
            Orders::PAIRS,
            Quota::PAIRS,
            Usage::PAIRS,
            Webhooks::PAIRS,
        ]
        .concat()
        {
            if SHARED.contains(&name) {
                continue;
            }
            assert!(!is_chinese(english), "{name}: {english}");
            assert!(is_chinese(chinese), "{name}: {chinese}");
        }
    }
}
