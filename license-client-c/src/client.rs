//! The handle of a configuration, and the calls.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use license_client::{
    Config, ReleaseError, TextFlaw, TextKind, check, enforcement, inspect_text, maintain, release,
};
use license_token::json::ObjectWriter;

use crate::border::{self, JSON_MAX_BYTES, NAME_MAX_BYTES, Place, TEXT_MAX_BYTES, guarded, guarded_or};
use crate::error::Error;
use crate::verdict::Verdict;

/// A configuration. In C `lictor_client`.
pub struct Client {
    config: Config,
}

/// What the seller asks of software that was refused. In C `lictor_enforcement`; the numbers never change. Zero is the
/// strictest, which is also what a license that cannot be read gets.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// It stops.
    Enforce = 0,
    /// It goes on and says so.
    Warn = 1,
    /// It goes on and only records it.
    Advise = 2,
}

impl From<license_client::Enforcement> for Enforcement {
    fn from(enforcement: license_client::Enforcement) -> Self {
        use license_client::Enforcement;
        match enforcement {
            Enforcement::Enforce => Self::Enforce,
            Enforcement::Warn => Self::Warn,
            Enforcement::Advise => Self::Advise,
        }
    }
}

/// A clock of C's: Unix seconds. In C `lictor_clock`.
pub type Clock = Option<unsafe extern "C" fn(context: *mut c_void) -> i64>;

/// What C's clock is called with.
struct Context(*mut c_void);

// SAFETY: the pointer is never read here. The header asks for a clock that any thread may call with it.
unsafe impl Send for Context {}
// SAFETY: as above; the header asks for a clock that several threads may call at once.
unsafe impl Sync for Context {}

impl Client {
    /// Replaces the configuration by a changed one, all at once.
    fn change(&mut self, change: impl FnOnce(Config) -> Config) {
        self.config = change(self.config.clone());
    }
}

/// Makes a configuration. `detail` may be null; else it gets a sentence for developers when the configuration is refused.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_new(
    product: *const c_char,
    issuer: *const c_char,
    keys: *const c_char,
    state_dir: *const c_char,
    client: *mut *mut Client,
    detail: *mut *mut c_char,
) -> Error {
    guarded(|| {
        // SAFETY: rule 2, for both places.
        let (detail, client) = unsafe { (Place::emptied_or_none(detail), Place::emptied(client)?) };
        // SAFETY: rule 1.
        let [product, issuer, state_dir] = unsafe {
            let name = |pointer| border::text(pointer, NAME_MAX_BYTES);
            [name(product)?, name(issuer)?, name(state_dir)?]
        };
        // SAFETY: rule 1.
        let keys = unsafe { border::text(keys, JSON_MAX_BYTES)? };
        match Config::new(product, issuer, keys, state_dir) {
            Ok(config) => client.put_handle(Client { config }),
            Err(error) => {
                if let Some(detail) = detail {
                    detail.put_text(&error.to_string());
                }
                return Err(Error::InvalidConfig);
            }
        }
        Ok(())
    })
}

/// Frees a configuration; nothing for null.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_free(client: *mut Client) {
    // SAFETY: rules 3 to 5.
    unsafe { border::free(client) };
}

/// The license server, such as `https://license.acme.example`. Without one nothing ever goes online.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_set_server(client: *mut Client, url: *const c_char) -> Error {
    // SAFETY: rules 1, 3 and 4.
    unsafe { change_by_name(client, url, Config::server) }
}

/// Prefix of the environment variables, in place of the product in capitals.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_set_app(client: *mut Client, prefix: *const c_char) -> Error {
    // SAFETY: rules 1, 3 and 4.
    unsafe { change_by_name(client, prefix, Config::app) }
}

/// What people call this machine; default: the host's name.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_set_machine_name(client: *mut Client, name: *const c_char) -> Error {
    // SAFETY: rules 1, 3 and 4.
    unsafe { change_by_name(client, name, Config::machine_name) }
}

/// When this build was released, in Unix seconds.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_set_build_released_at(
    client: *mut Client,
    unix_seconds: i64,
) -> Error {
    // SAFETY: rules 3 and 4.
    unsafe { change(client, |config| config.build_released_at(unix_seconds)) }
}

/// Longest wait for one answer of the server; default 10,000 milliseconds.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_set_time_limit(client: *mut Client, milliseconds: u32) -> Error {
    let limit = Duration::from_millis(milliseconds.into());
    // SAFETY: rules 3 and 4.
    unsafe { change(client, |config| config.time_limit(limit)) }
}

/// Takes test licenses in place of live ones.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_set_test_licenses(client: *mut Client) -> Error {
    // SAFETY: rules 3 and 4.
    unsafe { change(client, Config::test_licenses) }
}

/// Another clock. It is called with `context` from whichever threads call this library, also at once, as long as the
/// configuration lives.
///
/// # Safety
/// The rules of the [crate](crate#safety); `now` is a function of that type which may be called so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_set_clock(
    client: *mut Client,
    now: Clock,
    context: *mut c_void,
) -> Error {
    let Some(now) = now else { return Error::NullPointer };
    let context = Context(context);
    let clock = move || {
        let Context(context) = &context;
        // SAFETY: the caller promised that this function may be called with this context.
        unsafe { now(*context) }
    };
    // SAFETY: rules 3 and 4.
    unsafe { change(client, |config| config.clock(clock)) }
}

/// # Safety
/// Rules 3 and 4 of the crate.
unsafe fn change(client: *mut Client, change: impl FnOnce(Config) -> Config) -> Error {
    guarded(|| {
        // SAFETY: rules 3 and 4.
        unsafe { border::exclusive(client)? }.change(change);
        Ok(())
    })
}

/// # Safety
/// Rules 1, 3 and 4 of the crate.
unsafe fn change_by_name(
    client: *mut Client,
    name: *const c_char,
    change: impl FnOnce(Config, &str) -> Config,
) -> Error {
    guarded(|| {
        // SAFETY: rule 1.
        let name = unsafe { border::text(name, NAME_MAX_BYTES)? };
        // SAFETY: rules 3 and 4.
        unsafe { border::exclusive(client)? }.change(|config| change(config, name));
        Ok(())
    })
}

/// Whether this software may run here and now. `text` may be null.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_check(
    client: *const Client,
    text: *const c_char,
    verdict: *mut *mut Verdict,
) -> Error {
    guarded(|| {
        // SAFETY: rule 2.
        let verdict = unsafe { Place::emptied(verdict)? };
        // SAFETY: rules 3 and 4.
        let client = unsafe { border::shared(client)? };
        // SAFETY: rule 1.
        let text = unsafe { border::text_or_none(text, TEXT_MAX_BYTES)? };
        verdict.put_handle(Verdict::from(check(&client.config, text)));
        Ok(())
    })
}

/// Takes what a person pasted, redeems a code, and takes a place for this machine. `text` is needed.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_activate(
    client: *const Client,
    text: *const c_char,
    verdict: *mut *mut Verdict,
) -> Error {
    if text.is_null() {
        return guarded(|| {
            // SAFETY: rule 2.
            unsafe { Place::emptied(verdict)? };
            Err(Error::NullPointer)
        });
    }
    // SAFETY: the rules are the same.
    unsafe { lictor_check(client, text, verdict) }
}

/// Does what needs the network: renews, fetches status lists.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_maintain(client: *const Client, verdict: *mut *mut Verdict) -> Error {
    guarded(|| {
        // SAFETY: rule 2.
        let verdict = unsafe { Place::emptied(verdict)? };
        // SAFETY: rules 3 and 4.
        let client = unsafe { border::shared(client)? };
        verdict.put_handle(Verdict::from(maintain(&client.config)));
        Ok(())
    })
}

/// Gives this machine's place back. `code` may be null; else it gets the server's code when it refuses.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_release(client: *const Client, code: *mut *mut c_char) -> Error {
    guarded(|| {
        // SAFETY: rule 2.
        let place = unsafe { Place::emptied_or_none(code) };
        // SAFETY: rules 3 and 4.
        let client = unsafe { border::shared(client)? };
        match release(&client.config) {
            Ok(()) => Ok(()),
            Err(ReleaseError::Unreachable) => Err(Error::Unreachable),
            Err(ReleaseError::Refused(refusal)) => {
                if let Some(place) = place {
                    place.put_text(&refusal);
                }
                Err(Error::Refused)
            }
        }
    })
}

/// What the seller asks of software that was refused; for null the strictest.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_client_enforcement(client: *const Client) -> Enforcement {
    guarded_or(Enforcement::Enforce, || {
        // SAFETY: rules 3 and 4.
        let client = unsafe { border::shared(client)? };
        Ok(Enforcement::from(enforcement(&client.config)))
    })
}

/// Whether a pasted text came over whole: one JSON object. `locale` may be null.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_inspect_text(
    client: *const Client,
    text: *const c_char,
    locale: *const c_char,
    json: *mut *mut c_char,
) -> Error {
    guarded(|| {
        // SAFETY: rule 2.
        let json = unsafe { Place::emptied(json)? };
        // SAFETY: rules 3 and 4.
        let client = unsafe { border::shared(client)? };
        // SAFETY: rule 1, for both texts.
        let (text, locale) = unsafe {
            let locale = border::text_or_none(locale, NAME_MAX_BYTES)?;
            (border::text(text, TEXT_MAX_BYTES)?, locale.unwrap_or("en"))
        };
        json.put_text(&inspection(inspect_text(&client.config, text), locale));
        Ok(())
    })
}

fn inspection(inspected: Result<TextKind, TextFlaw>, locale: &str) -> String {
    let mut json = ObjectWriter::new();
    match inspected {
        Ok(kind) => json.json("whole", "true").string(
            "kind",
            match kind {
                TextKind::LicenseKey => "license_key",
                TextKind::Certificate => "certificate",
                TextKind::KeySet => "key_set",
                TextKind::Code => "code",
            },
        ),
        Err(flaw) => {
            json.json("whole", "false").string("code", flaw.code()).string("reason", &flaw.reason(locale));
            if let Some(part) = flaw.part {
                json.string("part", part.as_str());
            }
            let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
            if let Some(place) = flaw.place {
                json.integer("line", number(place.line)).integer("column", number(place.column));
            }
            &mut json
        }
    };
    json.finish()
}
