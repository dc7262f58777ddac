//! The use cases over the real store and the real keyring: exactly once, the race for places, the life of a
//! license, each also with a store that fails at every write. After each step everything is derived anew from
//! the records.

mod between;
mod catalog;
mod chapters;
mod exactly_once;
mod invariants;
mod life_cycle;
mod older_families;
mod race;
mod records;
mod restored;
mod story;
mod told_late;
mod world;
