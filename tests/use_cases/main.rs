//! The use cases over the real store and the real keyring: exactly once, the race for places, the life of a
//! license, each also with a store that fails at every write. After each step everything is derived anew from
//! the records.

mod between;
mod catalog;
mod chapters;
#[path = "../engines/mod.rs"]
mod engines;
mod exactly_once;
mod ground;
mod invariants;
mod life_cycle;
mod older_families;
#[path = "../postgres/mod.rs"]
mod postgres;
mod race;
mod records;
mod restored;
mod story;
mod told_late;
mod world;
