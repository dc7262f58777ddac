//! The client against a small signing server on loopback and a clock that the tests move.

mod behaviour;
mod clocks;
mod support;
mod texts;
mod timelines;
