//! Sends events to endpoints of merchants: Standard Webhooks out, and never to an address that is blocked.
//!
//! Whoever may name an endpoint could otherwise have this server call what only it can reach: databases, neighbours,
//! a cloud's metadata. So a name is resolved once, every address that it leads to is judged, and the connection goes to
//! one of those addresses and no other. Redirects are not followed, proxies are not used, connections are not kept.

mod addresses;
mod payload;
mod resolver;
mod sender;

pub use addresses::blocked;
pub use resolver::{Names, SystemNames};
pub use sender::{SendRules, WebhookSender};
