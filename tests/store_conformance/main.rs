//! One suite for every engine. Each test is named by what must be true.

mod bounds;
mod concurrency;
mod durability;
mod gate;
mod ground;
#[path = "../postgres/mod.rs"]
mod postgres;
mod reads;
mod writes;
