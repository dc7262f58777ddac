//! Standard Webhooks: what is signed, how, and how it is verified. For whoever receives events and whoever sends them.

pub mod signature;
