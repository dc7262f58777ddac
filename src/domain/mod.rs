//! Pure rules, in marketplace-neutral words. No async, no serialization, no I/O, no clock, no randomness.

pub mod purchase_event;
