//! A system of which nothing is known.

use license_token::Component;

pub fn read() -> Vec<(Component, String)> {
    Vec::new()
}

pub fn name() -> Option<String> {
    None
}
