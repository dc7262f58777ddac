//! What was answered before, for the rules that hold from call to call.

/// What is remembered.
#[derive(Debug, Default)]
pub struct Memory {}
