//! lictor
