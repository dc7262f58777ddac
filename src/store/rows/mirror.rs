//! Declares rows that mirror a noun member by member.

/// A row of the same members as a struct of the domain, under the names and in the forms in which they are
/// stored: `stored_name: Form = domain_name`. A member that the domain gains does not compile until it has
/// a place here.
macro_rules! row {
    (
        $(#[$doc:meta])*
        $row:ident for $noun:ident $(<$of:ident>)? {
            $($(#[$member_meta:meta])* $member:ident: $form:ty = $own:ident),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $row { $($(#[$member_meta])* $member: $form),+ }

        impl From<$noun $(<$of>)?> for $row {
            fn from(noun: $noun $(<$of>)?) -> Self {
                let $noun { $($own),+ } = noun;
                Self { $($member: $crate::store::rows::form::Form::of($own)),+ }
            }
        }

        impl From<$row> for $noun $(<$of>)? {
            fn from(row: $row) -> Self {
                $noun { $($own: $crate::store::rows::form::Form::value(row.$member)),+ }
            }
        }

        $crate::store::rows::form::form!($row => $noun $(<$of>)?);
    };
}

/// The same for an enum: each variant by itself, with one value, or with members.
macro_rules! row_enum {
    (
        $(#[$doc:meta])*
        $row:ident for $noun:ident {
            $(
                $variant:ident
                $(($inner:ident: $inner_form:ty))?
                $({ $($(#[$member_meta:meta])* $member:ident: $form:ty = $own:ident),+ $(,)? })?
            ),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub(super) enum $row {
            $($variant $(($inner_form))? $({ $($(#[$member_meta])* $member: $form),+ })?),+
        }

        impl From<$noun> for $row {
            fn from(noun: $noun) -> Self {
                match noun {
                    $($noun::$variant $(($inner))? $({ $($own),+ })? => {
                        Self::$variant
                            $(($crate::store::rows::form::Form::of($inner)))?
                            $({ $($member: $crate::store::rows::form::Form::of($own)),+ })?
                    })+
                }
            }
        }

        impl From<$row> for $noun {
            fn from(row: $row) -> Self {
                match row {
                    $($row::$variant $(($inner))? $({ $($member),+ })? => {
                        Self::$variant
                            $(($crate::store::rows::form::Form::value($inner)))?
                            $({ $($own: $crate::store::rows::form::Form::value($member)),+ })?
                    })+
                }
            }
        }

        $crate::store::rows::form::form!($row => $noun);
    };
}

pub(super) use {row, row_enum};
