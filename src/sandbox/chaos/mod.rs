//! Real calls to a production address by a marketplace in its worst week: late, lost, repeated, in the wrong order,
//! written in every way, signed with wrong keys and with keys that change. What is said stays right all the while, so
//! that what comes of it can be told beforehand: [`Aftermath::lines`].
//!
//! Nothing here knows what serves the address. Every exchange is shown to the judge.

mod aftermath;
mod kit_life;
mod life;
mod settling;
mod storm;
mod telling;
mod tempers;

pub use aftermath::{Aftermath, EndState, LineEnd, Tally};
pub use storm::{Patience, Storm, StormTarget};
