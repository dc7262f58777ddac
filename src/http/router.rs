//! Every route, on one page.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::body::whole_body;
use super::error::ApiError;
use super::once::once;
use super::rates::rates;
use super::reply::Reply;
use super::request_scope::{panicked, request_scope};
use super::state::HttpState;
use super::tags::tags;
use super::{
    activations, air_gap, backup, claims, console, control, docs, health, keysets, marketplace, merchant,
    metrics, moving, openapi, portal, sessions, sign_in, status_lists, usage, validate,
};

/// All of the service.
pub fn router(state: HttpState) -> Router {
    let limits = state.limits;
    Router::new()
        .merge(
            within(marketplace::BODY_BYTES_MAX, production_addresses())
                .layer(from_fn_with_state(state.clone(), marketplace::watch)),
        )
        .merge(within(limits.apply_body_bytes, api(&state, apply_files())))
        .merge(within(merchant::usage::BODY_BYTES_MAX, api(&state, usage_records())))
        .merge(within(
            limits.body_bytes,
            signing_in().merge(console::routes()).layer(from_fn(sessions::remember_wanted)),
        ))
        .merge(within(limits.body_bytes, api(&state, everything_else())))
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), request_scope))
        .with_state(state)
}

/// Routes that are asked within rates, each request of which is done once, and each answer of which has its ETag.
fn api(state: &HttpState, routes: Router<HttpState>) -> Router<HttpState> {
    let (once, rates) = (from_fn_with_state(state.clone(), once), from_fn_with_state(state.clone(), rates));
    routes.layer(from_fn(tags)).layer(once).layer(rates)
}

/// Routes whose bodies have at most `max_bytes`.
fn within(max_bytes: usize, routes: Router<HttpState>) -> Router<HttpState> {
    routes.method_not_allowed_fallback(wrong_method).layer(from_fn_with_state(max_bytes, whole_body))
}

fn production_addresses() -> Router<HttpState> {
    let address = get(marketplace::receive).post(marketplace::receive);
    let below = get(marketplace::receive_below).post(marketplace::receive_below);
    Router::new()
        .route("/marketplace/{merchant}/{channel}", address.clone())
        .route("/marketplace/{merchant}/{channel}/", address)
        .route("/marketplace/{merchant}/{channel}/{*tail}", below)
}

fn apply_files() -> Router<HttpState> {
    Router::new()
        .route("/v1/merchant/apply", post(merchant::apply::apply))
        .route("/v1/merchant/licenses/bulk", post(merchant::bulk::issue))
        .route("/v1/merchant/licenses/import", post(merchant::imports::import))
}

fn usage_records() -> Router<HttpState> {
    Router::new()
        .route("/v1/merchant/usage-records", get(merchant::usage::list).post(merchant::usage::record))
        .route("/v1/usage", post(usage::report))
}

/// For people of merchants, behind a session.
fn signing_in() -> Router<HttpState> {
    Router::new()
        .route("/console/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/merchants", get(sign_in::merchants).post(sign_in::choose_merchant))
}

/// Who may come in: over the control socket too.
fn access() -> Router<HttpState> {
    Router::new()
        .route("/v1/merchant/api-tokens", get(merchant::api_tokens::list).post(merchant::api_tokens::create))
        .route("/v1/merchant/api-tokens/{id}/revoke", post(merchant::api_tokens::revoke))
        .route(
            "/v1/merchant/sign-in-links",
            get(merchant::sign_in_links::list).post(merchant::sign_in_links::create),
        )
        .route("/v1/merchant/sign-in-links/{id}/revoke", post(merchant::sign_in_links::revoke))
        .route("/v1/merchant/sessions", get(merchant::sessions::list))
        .route("/v1/merchant/sessions/end", post(merchant::sessions::end_all))
        .route("/v1/merchant/sessions/{id}/end", post(merchant::sessions::end))
}

/// What is served on the server's own machine, through the socket in its data folder.
pub fn control(state: HttpState) -> Router {
    within(state.limits.body_bytes, control::admitting(&state, access()))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), request_scope))
        .with_state(state)
}

fn everything_else() -> Router<HttpState> {
    access()
        // Client software
        .route("/v1/activations", post(activations::activate))
        .route("/v1/activations/{id}", delete(activations::delete))
        .route("/v1/activations/{id}/renew", post(activations::renew))
        .route("/v1/activations/{id}/release", post(activations::release))
        .route("/v1/air-gap", post(air_gap::answer))
        .route("/v1/claims", post(claims::redeem))
        .route("/v1/usage/reservations", post(usage::reserve))
        .route("/v1/usage/reservations/{id}/confirm", post(usage::confirm))
        .route("/v1/usage/reservations/{id}/release", post(usage::release))
        .route("/v1/validate", post(validate::validate))
        // Customers
        .route("/portal", get(portal::show).post(portal::open))
        .route("/portal/air-gap", post(portal::air_gap))
        .route("/portal/key-file", post(portal::key_file))
        .route("/portal/release", post(portal::release))
        .route("/portal/status-list-file", post(portal::status_list_file))
        // What offline verification needs
        .route("/v1/status-lists/{merchant}/{number}", get(status_lists::show))
        .route("/v1/keysets", get(keysets::key_set_of_issuer))
        .route("/v1/keysets/{merchant}", get(keysets::key_set))
        .route("/v1/keysets/{merchant}/jwks.json", get(keysets::jwks))
        .route("/.well-known/jwks.json", get(keysets::well_known))
        // Merchants
        .route("/v1/merchant/licenses", get(merchant::licenses::list).post(merchant::licenses::issue))
        .route("/v1/merchant", get(merchant::merchants::show))
        .route("/v1/merchant/licenses/export", get(merchant::exports::export))
        .route("/v1/merchant/licenses/{id}", get(merchant::licenses::show))
        .route("/v1/merchant/licenses/{id}/quota", get(merchant::licenses::quota))
        .route("/v1/merchant/licenses/{id}/explanation", get(merchant::explanation::show))
        .route("/v1/merchant/licenses/{id}/suspend", post(merchant::commands::suspend))
        .route("/v1/merchant/licenses/{id}/resume", post(merchant::commands::resume))
        .route("/v1/merchant/licenses/{id}/revoke", post(merchant::commands::revoke))
        .route("/v1/merchant/licenses/{id}/reissue", post(merchant::commands::reissue))
        .route("/v1/merchant/licenses/{id}/accept", post(merchant::commands::accept))
        .route("/v1/merchant/licenses/{id}/extend", post(merchant::commands::extend))
        .route("/v1/merchant/licenses/{id}/change", post(merchant::commands::change))
        .route("/v1/merchant/licenses/{id}/preview", post(merchant::preview::preview))
        .route("/v1/merchant/licenses/{id}/move", post(merchant::packages::move_package))
        .route(
            "/v1/merchant/licenses/{id}/app-info",
            get(merchant::app_info::show).put(merchant::app_info::set),
        )
        .route("/v1/merchant/audit", get(merchant::audit::list))
        .route("/v1/merchant/audit/head", get(merchant::audit::head))
        .route("/v1/merchant/audit/chain", get(merchant::audit::chain))
        .route("/v1/merchant/audit/stored", get(merchant::audit::stored))
        .route("/v1/merchant/audit/adopt", post(merchant::audit::adopt))
        .route("/v1/merchant/audit/events/{id}", get(merchant::audit::show))
        .route("/v1/merchant/activations", get(merchant::activations::list))
        .route("/v1/merchant/activations/{id}", get(merchant::activations::show))
        .route("/v1/merchant/activations/{id}/release", post(merchant::activations::release))
        .route("/v1/merchant/products", get(merchant::catalog::products))
        .route("/v1/merchant/products/{id}", get(merchant::catalog::product))
        .route("/v1/merchant/specs", get(merchant::catalog::specs))
        .route("/v1/merchant/specs/{id}", get(merchant::catalog::spec))
        .route("/v1/merchant/channels", get(merchant::channels::list))
        .route("/v1/merchant/channels/{id}", get(merchant::channels::show))
        .route("/v1/merchant/channels/{id}/calls", get(merchant::channels::calls))
        .route("/v1/merchant/channels/{id}/test-code", post(merchant::channels::test_code))
        .route("/v1/merchant/orders", get(merchant::orders::list))
        .route("/v1/merchant/orders/compare", post(merchant::order_compare::compare))
        .route("/v1/merchant/orders/fetch", post(merchant::orders::fetch))
        .route("/v1/merchant/orders/{order}", get(merchant::orders::show))
        .route("/v1/merchant/orders/{order}/map", post(merchant::orders::map))
        .route("/v1/merchant/orders/{order}/retry", post(merchant::orders::retry))
        .route("/v1/merchant/outbox", get(merchant::outbox::list))
        .route("/v1/merchant/outbox/{id}/retry", post(merchant::outbox::retry))
        .route("/v1/merchant/webhooks", get(merchant::webhooks::list).post(merchant::webhooks::create))
        .route(
            "/v1/merchant/webhooks/{id}",
            get(merchant::webhooks::show)
                .patch(merchant::webhooks::change)
                .delete(merchant::webhooks::delete),
        )
        .route("/v1/merchant/webhooks/{id}/test", post(merchant::webhooks::test))
        .route("/v1/merchant/webhooks/{id}/enable", post(merchant::webhooks::enable))
        .route("/v1/merchant/webhooks/{id}/disable", post(merchant::webhooks::disable))
        .route("/v1/merchant/webhooks/{id}/secrets", post(merchant::webhooks::rotate))
        .route("/v1/merchant/webhooks/{id}/deliveries", get(merchant::webhooks::deliveries))
        .route("/v1/merchant/webhooks/{id}/replay", post(merchant::webhooks::replay))
        .route("/v1/merchant/channels/{id}/check", post(merchant::channel_check::check))
        .route("/v1/merchant/customers/{customer}", get(merchant::customers::show))
        .route("/v1/merchant/customers/{customer}/erase", post(merchant::customers::erase))
        .route(
            "/v1/merchant/erasures",
            get(merchant::customers::list).post(merchant::customers::erase_listed),
        )
        .route("/v1/merchant/air-gap-requests", post(air_gap::answer_for_merchant))
        .route("/v1/merchant/status-lists", get(merchant::status_lists::list))
        .route("/v1/merchant/keys", get(merchant::keys::list))
        .route("/v1/merchant/keys/rotate", post(merchant::keys::rotate))
        .route("/v1/merchant/keys/{kid}/retire", post(merchant::keys::retire))
        .route("/v1/merchant/keys/{kid}/revoke", post(merchant::keys::revoke))
        .route("/v1/merchant/keyset", get(merchant::keyset::show).put(merchant::keyset::accept))
        .route("/v1/merchant/keyset/publish", post(merchant::keyset::publish))
        // Operation
        .route("/v1/server/backup", get(backup::download))
        .route("/v1/server/keys-backup", get(backup::keys))
        .route("/v1/server/move", get(moving::stand))
        .route("/v1/server/move/pause", post(moving::pause))
        .route("/v1/server/move/resume", post(moving::resume))
        .route("/v1/server/move/leave", post(moving::leave))
        // The API, described
        .route("/docs", get(docs::show))
        .route("/docs/script.js", get(docs::script))
        .route("/openapi.json", get(openapi::show))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .fallback(nowhere)
}

async fn nowhere() -> Reply {
    Err(ApiError::not_found("address"))
}

async fn wrong_method() -> Reply {
    Err(ApiError::MethodNotAllowed)
}
