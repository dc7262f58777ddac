//! Each family of calls at its production address: bytes in, bytes out.

#[path = "../support/get_family.rs"]
#[expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]
mod family;
mod generic;
mod kit;
mod license_code;
mod license_online;
mod license_v1;
mod saas_v1;
mod saas_v2;
#[path = "../support/signed.rs"]
mod signed;
#[path = "../support/koogallery_v1.rs"]
mod v1;
