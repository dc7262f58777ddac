//! The C ABI of `license-client`: what `include/lictor_client.h` declares, and nothing else. That header is the
//! documentation for who writes C; this is the one for who changes it. A test holds the two together.
//!
//! | module | what |
//! | --- | --- |
//! | [`client`] | the handle of a configuration, and the calls: check, activate, maintain, release |
//! | [`verdict`] | the handle of a verdict, and what can be asked of it |
//! | [`judge`] | one token, judged with given keys and expectations (`docs/conformance.md`) |
//! | [`error`] | why a call did nothing |
//! | `border` | pointers, texts and panics on their way between the languages |
//!
//! # Safety
//! The rules of every call, which the header tells to its callers:
//!
//! 1. A `const char *` that is handed in is null or ends with a zero, and nobody changes it during the call.
//! 2. A place for an answer (`T **`) is null or can be written.
//! 3. A handle is null, or one that this library made, of this type, and that was not freed.
//! 4. A handle of a configuration that one thread changes or frees is in no other call at that time. Everything else may be
//!    called from any thread at any time.
//! 5. What is freed was made by this library, and is freed once.
//!
//! What a caller can get wrong without breaking these rules (null, no UTF-8, too long, no valid configuration) is answered
//! by a code. No panic leaves this library.
#![deny(missing_docs)]

mod border;
pub mod client;
pub mod error;
pub mod judge;
pub mod verdict;
