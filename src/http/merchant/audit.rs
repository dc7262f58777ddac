//! The audit log: events, the chain over them, and what is needed to check it elsewhere.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use chrono::SecondsFormat;
use license_token::base64url;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::{
    AuditCursor, AuditFilter, AuditItem, AuditStand, BlockWithEvents, EventStand, event_shown,
};
use crate::domain::{
    Adoption, AuditEvent, ChainEntry, EventId, EventKind, EventPlace, Instant, LicenseId, MerchantId, Scope,
    Subject,
};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{EventIdForm, InstantForm, LicenseIdForm};
use crate::http::openapi::parameters::{Cursor, Limit};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Places of events on one page: of each there is little to say.
const STORED_PAGE: usize = 1_000;
const FILTERS: [&str; 8] = ["subject", "license", "actor", "kind", "from", "to", "limit", "cursor"];
/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 500;
/// Longest actor that is looked for, in bytes.
const ACTOR_BYTES_MAX: usize = 256;

/// An event, exactly as its digest is made of it: canonical JSON (RFC 8785) of this object.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
struct EventAnswer {
    actor: String,
    /// RFC 3339 UTC; with milliseconds where it has any.
    at: String,
    detail: BTreeMap<String, String>,
    #[schema(value_type = EventIdForm)]
    id: String,
    kind: &'static str,
    merchant: String,
    /// `license/lic_…`, `channel/cad-koogallery`, `api_token/tok_…` and so on.
    subject: String,
}

/// An event in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditItem)]
struct ItemAnswer {
    /// Its number in the chain; null while it waits for one, or where it has none.
    seq: Option<u64>,
    /// `sealed`, `waits` or `in_no_chain`.
    state: &'static str,
    #[schema(value_type = Option<LicenseIdForm>)]
    license: Option<String>,
    event: EventAnswer,
    /// Whether something that opens a license was left out for want of the scope `keys`: then the digest cannot be made of it.
    hidden: bool,
}

/// Where the chain ends.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditHead)]
struct HeadAnswer {
    merchant: String,
    /// The number of the last entry; 0 before the first event was sealed.
    seq: u64,
    /// Digest of the chain, base64url.
    link: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    sealed_at: Option<String>,
    /// Number and digest, signed (`docs/audit.md`). Keep one elsewhere now and then: it shows when the end was cut off.
    head: Option<String>,
    /// How many events wait for their place: at most 1,000 are counted.
    unsealed: usize,
    /// The time of the oldest of them.
    #[schema(value_type = Option<InstantForm>)]
    unsealed_since: Option<String>,
    /// How far events without a place were looked for; null before the first look.
    adoption: Option<AdoptionAnswer>,
}

/// A look for events that are in no chain.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditAdoption)]
struct AdoptionAnswer {
    pass: u32,
    #[schema(value_type = InstantForm)]
    began_at: String,
    looked_at: u64,
    adopted: u64,
    #[schema(value_type = Option<InstantForm>)]
    done_at: Option<String>,
}

/// A stretch of the chain.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditChain)]
struct ChainAnswer {
    items: Vec<BlockAnswer>,
    /// The first numbers of blocks that cannot be read.
    unreadable: Vec<u64>,
    next_cursor: Option<String>,
}

/// Entries that were sealed together.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditBlock)]
struct BlockAnswer {
    #[schema(value_type = InstantForm)]
    sealed_at: String,
    entries: Vec<EntryAnswer>,
    head: String,
}

/// One place in the chain.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct EntryAnswer {
    seq: u64,
    #[schema(value_type = EventIdForm)]
    event_id: String,
    subject: String,
    /// Whether it was found in no chain, long after it was written.
    adopted: bool,
    digest: String,
    link: String,
    /// As it stands in the store now; null where it is gone or cannot be read.
    event: Option<EventAnswer>,
    /// As in a list.
    hidden: bool,
}

/// Where an event lies.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredAuditEvent)]
struct StoredAnswer {
    #[schema(value_type = EventIdForm)]
    event_id: String,
    subject: String,
    /// `sealed`, `waits` or `in_no_chain`, by an index that nothing vouches for: the chain itself is the proof.
    state: &'static str,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AuditAdopt)]
#[serde(deny_unknown_fields)]
struct AdoptRequest {
    reason: Option<String>,
}

/// Events, newest first. A bounded number is looked at for one page, so a page may have few and be followed by another.
#[utoipa::path(
    get, path = "/v1/merchant/audit",
    params(
        ("subject" = Option<String>, Query, description = "About this, as `kind/id`; not together with `license`."),
        ("license" = Option<LicenseIdForm>, Query),
        ("actor" = Option<String>, Query, description = "As events name it: `token:support`, `marketplace:cad-koogallery`, `customer`, `server`."),
        ("kind" = Option<String>, Query),
        ("from" = Option<InstantForm>, Query),
        ("to" = Option<InstantForm>, Query),
        Limit, Cursor,
    ),
    responses((status = 200, body = Page<ItemAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &FILTERS)?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let cursor = parameters.get("cursor", "a cursor is the next_cursor of the page before", read_cursor)?;
    let filter = filter(&parameters)?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let (items, next) = state.app.audit_events(&caller.merchant, &filter, cursor, limit).await?;
    let reveals = caller.token.allows(Scope::Keys);
    let items = items.into_iter().map(|item| ItemAnswer::of(item, reveals)).collect();
    ok(&Page { items, next_cursor: next.map(|next| cursor_text(&next)) })
}

/// One event that has its place in the chain.
#[utoipa::path(
    get, path = "/v1/merchant/audit/events/{id}",
    params(("id" = EventIdForm, Path)),
    responses((status = 200, body = ItemAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let id = EventId::parse(&id).map_err(|_| ApiError::not_found("audit event"))?;
    let item = state.app.audit_event(&caller.merchant, &id).await?;
    ok(&ItemAnswer::of(item, caller.token.allows(Scope::Keys)))
}

/// Where the chain ends, signed, and how much waits behind it.
#[utoipa::path(
    get, path = "/v1/merchant/audit/head",
    responses((status = 200, body = HeadAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn head(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let stand = state.app.audit_stand(&caller.merchant).await?;
    ok(&HeadAnswer::of(&caller.merchant, stand))
}

/// The chain, oldest first, with its events: what `lictor audit export` writes and `verify` checks.
#[utoipa::path(
    get, path = "/v1/merchant/audit/chain",
    params(Cursor),
    responses((status = 200, body = ChainAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn chain(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &["cursor"])?;
    let after = parameters.get("cursor", "a cursor is the number of an entry", |text| {
        text.parse::<u64>().ok().filter(|after| i64::try_from(*after).is_ok())
    })?;
    let page = state.app.chain_page(&caller.merchant, after.unwrap_or(0)).await?;
    let reveals = caller.token.allows(Scope::Keys);
    let items = page.blocks.into_iter().map(|block| BlockAnswer::of(block, reveals)).collect();
    let next_cursor = page.next.map(|next| next.to_string());
    ok(&ChainAnswer { items, unreadable: page.unreadable, next_cursor })
}

/// Where every event lies, whether or not it is in the chain: what was put beside it shows here.
#[utoipa::path(
    get, path = "/v1/merchant/audit/stored",
    params(Cursor),
    responses((status = 200, body = Page<StoredAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn stored(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &["cursor"])?;
    let after = parameters.get("cursor", "a cursor is the next_cursor of the page before", read_place)?;
    let found = state.app.stored_events(&caller.merchant, after.as_ref(), STORED_PAGE).await?;
    let next_cursor = found.last().filter(|_| found.len() == STORED_PAGE).map(|(last, _)| place_text(last));
    let items = found.into_iter().map(|(place, stand)| StoredAnswer {
        event_id: place.event.to_string(),
        subject: place.subject.to_string(),
        state: word(stand),
    });
    ok(&Page { items: items.collect(), next_cursor })
}

/// Looks for events that are in no chain once more, and gives them a place that says so.
#[utoipa::path(
    post, path = "/v1/merchant/audit/adopt",
    request_body = AdoptRequest,
    responses((status = 200, body = AdoptionAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn adopt(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let caller = state.caller(&headers, Scope::Admin).await?;
    let AdoptRequest { reason } = body::parse(&body)?;
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
        return Err(ApiError::invalid("/reason", "a reason has at most 500 characters"));
    }
    let adoption = state.app.adopt_events(&caller.merchant, &caller.actor(), reason.as_deref()).await?;
    ok(&AdoptionAnswer::of(&adoption))
}

fn filter(parameters: &Parameters) -> Result<AuditFilter, ApiError> {
    let about = parameters.get("subject", "a subject is `kind/id`", Subject::parse)?;
    let license =
        parameters.get("license", "a license is named by its id", |text| LicenseId::parse(text).ok())?;
    if about.is_some() && license.is_some() {
        return Err(ApiError::invalid("/subject", "name a subject or a license, not both"));
    }
    let actor = parameters.get("actor", "an actor is text of at most 256 bytes", |text| {
        (text.len() <= ACTOR_BYTES_MAX).then(|| text.to_owned())
    })?;
    let instant = |name| parameters.get(name, "an instant is RFC 3339, UTC, with Z", read_instant);
    Ok(AuditFilter {
        subject: about.or(license.map(Subject::License)),
        actor,
        kind: parameters.get("kind", "there is no such kind of event", EventKind::parse)?,
        from: instant("from")?,
        to: instant("to")?,
    })
}

fn read_instant(text: &str) -> Option<Instant> {
    text.ends_with('Z').then(|| text.parse().ok())?
}

/// Opaque to callers.
fn cursor_text(cursor: &AuditCursor) -> String {
    match cursor {
        AuditCursor::Before(seq) => seq.to_string(),
        AuditCursor::Earlier(event) => event.to_string(),
    }
}

fn read_cursor(text: &str) -> Option<AuditCursor> {
    match EventId::parse(text) {
        Ok(event) => Some(AuditCursor::Earlier(event)),
        Err(_) => text.parse().ok().map(AuditCursor::Before),
    }
}

/// Opaque to callers. No id has a comma in it that would come first.
fn place_text(place: &EventPlace) -> String {
    format!("{},{},{}", u8::from(place.under_license), place.event, place.subject)
}

fn read_place(text: &str) -> Option<EventPlace> {
    let mut parts = text.splitn(3, ',');
    let under_license = match parts.next()? {
        "0" => false,
        "1" => true,
        _ => return None,
    };
    let event = EventId::parse(parts.next()?).ok()?;
    let subject = Subject::parse(parts.next()?)?;
    (!under_license || subject.license().is_some()).then_some(EventPlace { event, subject, under_license })
}

fn word(stand: EventStand) -> &'static str {
    match stand {
        EventStand::Sealed { .. } => "sealed",
        EventStand::Waits => "waits",
        EventStand::InNoChain => "in_no_chain",
    }
}

impl EventAnswer {
    fn of(event: AuditEvent) -> Self {
        let AuditEvent { id, merchant, subject, at, actor, kind, detail } = event;
        Self {
            actor: actor.to_string(),
            at: at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            detail,
            id: id.to_string(),
            kind: kind.as_str(),
            merchant: merchant.to_string(),
            subject: subject.to_string(),
        }
    }

    /// With whether something was left out of it.
    fn shown(event: AuditEvent, reveals: bool) -> (Self, bool) {
        let (event, hidden) = if reveals { (event, false) } else { event_shown(event) };
        (Self::of(event), hidden)
    }
}

impl ItemAnswer {
    fn of(item: AuditItem, reveals: bool) -> Self {
        let AuditItem { stand, event } = item;
        let seq = match stand {
            EventStand::Sealed { seq } => Some(seq),
            EventStand::Waits | EventStand::InNoChain => None,
        };
        let license = event.license().map(ToString::to_string);
        let (event, hidden) = EventAnswer::shown(event, reveals);
        Self { seq, state: word(stand), license, event, hidden }
    }
}

impl HeadAnswer {
    fn of(merchant: &MerchantId, stand: AuditStand) -> Self {
        let AuditStand { head, unsealed, unsealed_since, adoption } = stand;
        Self {
            merchant: merchant.to_string(),
            seq: head.as_ref().map_or(0, |head| head.seq),
            link: head.as_ref().map(|head| base64url::encode(&head.link)),
            sealed_at: head.as_ref().map(|head| instant(head.sealed_at)),
            head: head.map(|head| head.token),
            unsealed,
            unsealed_since: unsealed_since.map(instant),
            adoption: adoption.as_ref().map(AdoptionAnswer::of),
        }
    }
}

impl AdoptionAnswer {
    fn of(adoption: &Adoption) -> Self {
        Self {
            pass: adoption.pass,
            began_at: instant(adoption.began_at),
            looked_at: adoption.looked_at,
            adopted: adoption.adopted,
            done_at: adoption.done_at.map(instant),
        }
    }
}

impl BlockAnswer {
    fn of(found: BlockWithEvents, reveals: bool) -> Self {
        let BlockWithEvents { block, events } = found;
        let entries = block.entries.into_iter().zip(events);
        Self {
            sealed_at: instant(block.sealed_at),
            entries: entries.map(|(entry, event)| EntryAnswer::of(entry, event, reveals)).collect(),
            head: block.head,
        }
    }
}

impl EntryAnswer {
    fn of(entry: ChainEntry, event: Option<AuditEvent>, reveals: bool) -> Self {
        let ChainEntry { seq, place, adopted, digest, link } = entry;
        let shown = event.map(|event| EventAnswer::shown(event, reveals));
        let hidden = shown.as_ref().is_some_and(|(_, hidden)| *hidden);
        Self {
            seq,
            event_id: place.event.to_string(),
            subject: place.subject.to_string(),
            adopted,
            digest: base64url::encode(&digest),
            link: base64url::encode(&link),
            event: shown.map(|(event, _)| event),
            hidden,
        }
    }
}
