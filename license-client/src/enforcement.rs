use license_token::Enforcement;

use crate::Config;
use crate::session::Session;

/// What the seller asks of the software that was just refused: to stop, to go on and say so, or to go on and only record it.
///
/// It is signed into the license key and the certificate, so it is asked of what is held, whatever the verdict says about
/// it: an expired license that asks for a warning still does. Where no genuine license is held nobody has asked for anything
/// but [`Enforcement::Enforce`]. A granted license carries the same word in [`crate::Granted::enforcement`].
///
/// ```no_run
/// # use license_client::{Config, Enforcement, check, enforcement};
/// # fn example(config: &Config) -> bool {
/// let verdict = check(config, None);
/// if verdict.is_granted() {
///     return true;
/// }
/// match enforcement(config) {
///     Enforcement::Enforce => return false,
///     Enforcement::Warn => println!("{} {}", verdict.reason("en"), verdict.next_action_reason("en")),
///     Enforcement::Advise => eprintln!("license: {}", verdict.code()),
/// }
/// true
/// # }
/// ```
///
/// Never goes online.
#[must_use]
pub fn enforcement(config: &Config) -> Enforcement {
    Session::open(config).enforcement()
}
