//! A store moves between the folder and the database, while it is served: nothing that was answered is lost or changed,
//! whatever is cut off in the middle.

#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;
#[path = "../../benches/shape.rs"]
#[expect(dead_code, reason = "the benchmark uses the rest")]
mod shape;
#[path = "../support/mod.rs"]
mod support;

mod command;
mod copies;
mod cut_off;
mod online;
mod round_trip;
mod servers;
mod wrong_places;
