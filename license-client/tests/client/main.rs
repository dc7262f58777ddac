//! The client against a small signing server on loopback and a clock that the tests move.

mod air_gap;
mod behaviour;
mod clocks;
mod key_sets;
mod support;
mod texts;
mod timelines;
