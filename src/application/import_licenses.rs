//! Instances that were sold before: purchases and licenses are made as if they had been bought here, so that the
//! marketplace's later calls find them.

use std::collections::BTreeMap;

use super::app::{App, UseCaseError, decided};
use super::export_licenses::is_row_of;
use super::hide_code::{instance_shown, order_id_shown};
use super::map_order::code_in;
use super::mint::sold_spec;
use super::ports::{ABSENT, Commit, StoreError, Urgency, Versioned, find};
use super::record::{Instance, RecordKey};
use crate::domain::{
    Actor, AuthorizationCode, AuthorizationCodeState, Channel, ChannelId, Charging, CustomerId, EarlyEvent,
    Env, EventKind, HoldBy, InstanceId, Instant, License, LicenseId, Merchant, MerchantId, NewLicense,
    OldKeyFate, OrderId, OrderLineId, OrderLineKey, Origin, Purchase, PurchaseFacts, PurchaseState, Sku,
    Spec, SpecId, SpecTerm, Term, Validity, authorization_code,
};

/// Rows whose records are written in one commit.
const ROWS_PER_COMMIT: usize = 25;

/// One instance that was sold before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Through which address the marketplace will call.
    pub channel: ChannelId,
    /// What the marketplace calls it; the code itself where buyers have authorization codes.
    pub instance: InstanceId,
    /// The order that bought it.
    pub order_id: OrderId,
    /// Its line, in families that have them.
    pub order_line_id: Option<OrderLineId>,
    /// The marketplace's product id.
    pub product_id: Option<String>,
    /// The marketplace's code for what was bought.
    pub sku: Option<Sku>,
    /// What was bought, if the codes do not say so.
    pub spec: Option<SpecId>,
    /// Length of validity as bought last.
    pub term: Option<Term>,
    /// How it is paid for; by default for a period if it ends, else once.
    pub charging: Option<Charging>,
    /// Since when it is valid.
    pub starts_at: Instant,
    /// The end as the marketplace has it now; counted from the start when it is not said.
    pub ends_at: Option<Instant>,
    /// How much was bought; at least 1.
    pub quantity: u32,
    /// Who bought.
    pub customer: Option<CustomerId>,
    /// Whether the marketplace has stopped it.
    pub is_suspended: bool,
    /// The merchant's own note.
    pub label: String,
}

/// What is wrong with one member of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowMistake {
    /// Which member.
    pub member: &'static str,
    /// What is wrong, and what to do.
    pub why: String,
}

/// A row with its place in the file.
#[derive(Debug, Clone)]
pub struct NumberedRow {
    /// Line, counted from 1.
    pub line: u32,
    /// The row, or everything in it that cannot be read.
    pub row: Result<ImportRow, Vec<RowMistake>>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Import {
    /// For whom.
    pub merchant: MerchantId,
    /// Who asks.
    pub actor: Actor,
    /// The rows.
    pub rows: Vec<NumberedRow>,
    /// Whether what is right is imported although other rows are not.
    pub partial: bool,
    /// Whether it is only judged.
    pub dry_run: bool,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// Its license is there now, or would be.
    Imported(LicenseId),
    /// It was there, and says the same.
    Unchanged(LicenseId),
    /// Everything that is wrong with it.
    Refused(Vec<RowMistake>),
}

/// What became of every row, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// Line and outcome.
    pub rows: Vec<(u32, RowOutcome)>,
    /// Whether anything could be written: not in a dry run, nor with a mistake unless partial.
    pub is_written: bool,
}

/// What rows are judged by.
struct Ground {
    merchant: Merchant,
    channels: BTreeMap<ChannelId, Channel>,
    specs: Vec<Spec>,
}

/// A row that is right and new, before its key is signed.
struct Prepared {
    purchase: Purchase,
    license: License,
    early: Vec<EarlyEvent>,
    code: Option<(AuthorizationCode, u64)>,
    is_suspended: bool,
}

enum Judged {
    New(Box<Prepared>),
    Unchanged(LicenseId),
    Refused(Vec<RowMistake>),
}

fn mistake(member: &'static str, why: impl Into<String>) -> RowMistake {
    RowMistake { member, why: why.into() }
}

impl App {
    /// Judges every row, then imports. Nothing is written while any row is refused, unless that was asked for. The same
    /// rows again change nothing.
    pub async fn import_licenses(&self, import: &Import) -> Result<ImportReport, UseCaseError> {
        let catalog = self.catalog(&import.merchant).await?;
        let ground = Ground {
            merchant: self.merchant(&import.merchant).await?,
            channels: catalog.channels.into_iter().map(|channel| (channel.id.clone(), channel)).collect(),
            specs: catalog.specs,
        };
        let rows = without_twins(&ground, &import.rows);
        let mut judged = Vec::with_capacity(rows.len());
        for row in &rows {
            judged.push((row.line, outcome_of(&self.judge_row(&ground, &row.row).await?)));
        }
        let has_mistakes = judged.iter().any(|(_, outcome)| matches!(outcome, RowOutcome::Refused(_)));
        if import.dry_run || (has_mistakes && !import.partial) {
            return Ok(ImportReport { rows: judged, is_written: false });
        }
        let mut written = Vec::with_capacity(rows.len());
        for rows in rows.chunks(ROWS_PER_COMMIT) {
            written.extend(decided!(self, self.try_import(&ground, &import.actor, rows))?);
        }
        self.signals.flips.notify_one();
        self.signals.jobs.notify_one();
        Ok(ImportReport { rows: written, is_written: true })
    }

    async fn try_import(
        &self,
        ground: &Ground,
        actor: &Actor,
        rows: &[NumberedRow],
    ) -> Result<Vec<(u32, RowOutcome)>, UseCaseError> {
        let mut commit = Commit::new().with_urgency(Urgency::Grow);
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            let judged = self.judge_row(ground, &row.row).await?;
            outcomes.push((row.line, outcome_of(&judged)));
            if let Judged::New(prepared) = judged {
                commit.changes.extend(self.imported(ground, actor, *prepared).await?.changes);
            }
        }
        if !commit.changes.is_empty() {
            self.store.commit(commit).await?;
        }
        Ok(outcomes)
    }

    /// Signs, and says what is written.
    async fn imported(
        &self,
        ground: &Ground,
        actor: &Actor,
        prepared: Prepared,
    ) -> Result<Commit, UseCaseError> {
        let Prepared { purchase, mut license, early, code, is_suspended } = prepared;
        let now = self.now();
        if is_suspended {
            license.suspend(HoldBy::Marketplace, None, now)?;
        }
        let mut jobs = Vec::new();
        if let Some(channel) = ground.channels.get(&purchase.channel) {
            for early in early {
                jobs.extend(self.apply_early(&mut license, &purchase.key, early, channel, now)?);
            }
        }
        self.sign_new_key(&ground.merchant, &mut license, OldKeyFate::StaysValid, now).await?;
        let detail = [("order_id", purchase.key.order_id.to_string())];
        let event = self.event(&license.merchant, &license.id, actor, EventKind::LicenseImported, &detail);
        let instance = Instance { id: purchase.instance.clone(), purchase: purchase.key.clone() };
        let mut commit = self.minted(&license, actor, now).put(instance, ABSENT).put(event, ABSENT);
        if let Some((code, revision)) = code {
            commit = commit.put(code, revision);
        }
        for job in jobs {
            commit = commit.put(job, ABSENT);
        }
        Ok(commit.put(purchase, ABSENT).put(license, ABSENT))
    }

    async fn judge_row(
        &self,
        ground: &Ground,
        row: &Result<ImportRow, Vec<RowMistake>>,
    ) -> Result<Judged, UseCaseError> {
        let row = match row {
            Ok(row) => row,
            Err(mistakes) => return Ok(Judged::Refused(mistakes.clone())),
        };
        let Some(channel) = ground.channels.get(&row.channel) else {
            let why = format!("there is no channel {}: see `lictor apply`", row.channel);
            return Ok(Judged::Refused(vec![mistake("channel", why)]));
        };
        let mut mistakes = Vec::new();
        let key = line_key(ground, channel, row, &mut mistakes);
        let spec = self.spec_of_row(ground, channel, row, &mut mistakes).await?;
        let bought = spec.and_then(|spec| {
            let term = term_of_row(&spec, row, &mut mistakes)?;
            let validity = validity_of_row(term, row, &mut mistakes)?;
            Some((spec, term, validity))
        });
        let (Some(key), Some((spec, term, validity)), true) = (key, bought, mistakes.is_empty()) else {
            return Ok(Judged::Refused(mistakes));
        };
        let facts = facts_of(row, term, validity);
        if let Some(known) = self.known_row(channel, &key, row, &spec, &facts).await? {
            return Ok(known);
        }
        let now = self.now();
        let id = LicenseId::from_uuid(self.ids.uuid_v7(now));
        let (code, early) = match self.code_of_row(channel, row, &ground.merchant.id, &id).await? {
            Ok(found) => found,
            Err(mistake) => return Ok(Judged::Refused(vec![mistake])),
        };
        let sold = match sold_spec(&spec, row.sku.clone(), term, row.quantity, validity) {
            Ok(sold) => sold,
            Err(UseCaseError::Refused(refusal)) => {
                return Ok(Judged::Refused(vec![mistake("quantity", refusal.to_string())]));
            }
            Err(error) => return Err(error),
        };
        let new = NewLicense {
            id: id.clone(),
            merchant: ground.merchant.id.clone(),
            product: spec.product.clone(),
            origin: Origin::Order {
                channel: channel.id.clone(),
                key: key.clone(),
                instance: row.instance.clone(),
            },
            customer: row.customer.clone(),
            label: row.label.clone(),
            env: Env::Live,
            sold,
            validity,
            ordered_at: Some(facts.ordered_at.min(now)),
        };
        let license = License::new(new, Some(key.order_id.as_str()), now, now);
        let purchase = Purchase {
            key,
            license: id,
            instance: row.instance.clone(),
            channel: channel.id.clone(),
            received_at: now,
            env: Env::Live,
            state: PurchaseState::Minted,
            early: Vec::new(),
            facts: Some(facts),
            upgrades: Vec::new(),
        };
        let is_suspended = row.is_suspended;
        Ok(Judged::New(Box::new(Prepared { purchase, license, early, code, is_suspended })))
    }

    /// What was bought: the spec that the row names, else the one that its codes mean.
    async fn spec_of_row(
        &self,
        ground: &Ground,
        channel: &Channel,
        row: &ImportRow,
        mistakes: &mut Vec<RowMistake>,
    ) -> Result<Option<Spec>, UseCaseError> {
        let mut sold = ground.specs.iter().filter(|spec| channel.products.contains(&spec.product));
        let (sku, product_id) = (row.sku.as_ref(), row.product_id.as_deref());
        let mapped = match code_in(&facts_of(row, Term::Permanent, Validity::between(row.starts_at, None))) {
            Some(code) => self.mapped(&ground.merchant.id, &code).await?.map(|known| known.value.spec),
            None => None,
        };
        let by_codes = sold.clone().find(|spec| spec.is_meant_by(sku, product_id));
        let by_codes = by_codes.or_else(|| sold.clone().find(|spec| Some(&spec.id) == mapped.as_ref()));
        match (&row.spec, by_codes) {
            (Some(named), Some(meant)) if *named != meant.id => {
                let why = format!(
                    "the codes of the row mean the spec {}: name that one, or leave out the codes",
                    meant.id
                );
                mistakes.push(mistake("spec", why));
                Ok(None)
            }
            (Some(named), _) => {
                let spec = sold.find(|spec| spec.id == *named).cloned();
                if spec.is_none() {
                    let why = format!("no product of the channel {} has the spec {named}", channel.id);
                    mistakes.push(mistake("spec", why));
                }
                Ok(spec)
            }
            (None, Some(meant)) => Ok(Some(meant.clone())),
            (None, None) => {
                let why = "no spec knows the SKU or product id: name the spec, or map the SKU first";
                mistakes.push(mistake(if sku.is_some() { "sku" } else { "spec" }, why));
                Ok(None)
            }
        }
    }

    /// A row whose instance or order line is known: the same, or a contradiction, which is told.
    async fn known_row(
        &self,
        channel: &Channel,
        key: &OrderLineKey,
        row: &ImportRow,
        spec: &Spec,
        facts: &PurchaseFacts,
    ) -> Result<Option<Judged>, UseCaseError> {
        let instance_key = RecordKey::Instance(key.merchant.clone(), key.marketplace, row.instance.clone());
        let instance: Option<Versioned<Instance>> = find(self.store.as_ref(), instance_key).await?;
        let refused = |member, why: String| Ok(Some(Judged::Refused(vec![mistake(member, why)])));
        if let Some(other) = instance.as_ref().filter(|known| known.value.purchase != *key) {
            let order = order_id_shown(&other.value.purchase, &other.value.id);
            let why = format!("the instance is known, as of the order {order}");
            return refused("instance_id", why);
        }
        let purchase: Option<Versioned<Purchase>> =
            find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?;
        let Some(known) = purchase.map(|known| known.value) else { return Ok(None) };
        if known.instance != row.instance {
            let why = match instance_shown(key.marketplace, &known.instance, false) {
                Some(instance) => format!("the order line is known, as the instance {instance}"),
                None => "the order line is known, with another code: see `lictor order show`".to_owned(),
            };
            return refused("order_id", why);
        }
        let Some(license) = self.find_license(&key.merchant, &known.license).await? else {
            let why = "the order line is known and waits: see `lictor order show`";
            return refused("order_id", why.to_owned());
        };
        if is_row_of(row, &license.value, &known, self.now()) {
            return Ok(Some(Judged::Unchanged(known.license)));
        }
        let differences = differences(&known, &license.value, channel, row, spec, facts);
        Ok(Some(if differences.is_empty() {
            Judged::Unchanged(known.license)
        } else {
            Judged::Refused(differences)
        }))
    }

    /// The record of an authorization code that was activated elsewhere: from now on it opens this license. What the
    /// marketplace has said of it meanwhile is applied.
    async fn code_of_row(
        &self,
        channel: &Channel,
        row: &ImportRow,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Result<CodeOfRow, RowMistake>, StoreError> {
        if !channel.protocol.has_authorization_codes() {
            return Ok(Ok((None, Vec::new())));
        }
        let state = AuthorizationCodeState::Redeemed { license: license.clone(), used_on: None };
        let (marketplace, code) = (channel.marketplace, row.instance.clone());
        let key = RecordKey::AuthorizationCode(merchant.clone(), marketplace, code.clone());
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key).await?;
        let Some(Versioned { value: mut known, revision }) = known else {
            let early = Vec::new();
            let new = AuthorizationCode { merchant: merchant.clone(), marketplace, code, state, early };
            return Ok(Ok((Some((new, ABSENT)), Vec::new())));
        };
        let refused = |why: &str| Ok(Err(mistake("instance_id", why)));
        match known.state {
            AuthorizationCodeState::Unredeemed | AuthorizationCodeState::Refused { .. } => {}
            AuthorizationCodeState::Asked { .. } | AuthorizationCodeState::Activated { .. } => {
                return refused("somebody redeems the code at this moment: import it again in a while");
            }
            AuthorizationCodeState::Released { .. } => {
                return refused("the marketplace has released the code: leave the row out");
            }
            AuthorizationCodeState::Redeemed { .. } => {
                return refused(
                    "the code was redeemed here, in another order: see `lictor license list --instance-id`",
                );
            }
        }
        let early = std::mem::take(&mut known.early);
        known.state = state;
        Ok(Ok((Some((known, revision)), early)))
    }
}

/// The record to write, with its revision, and what came for the code before.
type CodeOfRow = (Option<(AuthorizationCode, u64)>, Vec<EarlyEvent>);

fn outcome_of(judged: &Judged) -> RowOutcome {
    match judged {
        Judged::New(prepared) => RowOutcome::Imported(prepared.license.id.clone()),
        Judged::Unchanged(license) => RowOutcome::Unchanged(license.clone()),
        Judged::Refused(mistakes) => RowOutcome::Refused(mistakes.clone()),
    }
}

/// Of rows whose records would have the same key, by instance (or code) or by order line, only the first counts; the
/// others are told.
fn without_twins(ground: &Ground, rows: &[NumberedRow]) -> Vec<NumberedRow> {
    let (mut instances, mut lines) = (BTreeMap::new(), BTreeMap::new());
    let judge = |numbered: &NumberedRow| {
        let Ok(row) = &numbered.row else { return numbered.clone() };
        let Some(channel) = ground.channels.get(&row.channel) else { return numbered.clone() };
        let instance = (channel.marketplace, row.instance.clone());
        let instance = *instances.entry(instance).or_insert(numbered.line);
        // What keeps a row from having a key is told when the row is judged.
        let order = match line_key(ground, channel, row, &mut Vec::new()) {
            Some(key) => *lines.entry(key).or_insert(numbered.line),
            None => numbered.line,
        };
        let twin =
            [("instance_id", instance), ("order_id", order)].into_iter().find(|it| it.1 != numbered.line);
        match twin {
            Some((member, first)) => {
                let why = format!("line {first} names the same: leave one of them out");
                NumberedRow { line: numbered.line, row: Err(vec![mistake(member, why)]) }
            }
            None => numbered.clone(),
        }
    };
    rows.iter().map(judge).collect()
}

/// As the marketplace's later calls will name the line.
fn line_key(
    ground: &Ground,
    channel: &Channel,
    row: &ImportRow,
    mistakes: &mut Vec<RowMistake>,
) -> Option<OrderLineKey> {
    let (protocol, on_demand) = (&channel.protocol, row.charging == Some(Charging::OnDemand));
    let (line_id, product_id) = if protocol.has_authorization_codes() {
        if authorization_code(row.instance.as_str()).is_none() {
            let why = "on this channel the instance id is the authorization code, which begins with PL";
            mistakes.push(mistake("instance_id", why));
            return None;
        }
        let by_code = row.order_line_id.is_none().then(|| row.instance.to_string());
        (row.order_line_id.clone(), by_code)
    } else if protocol.has_order_lines() {
        if row.order_line_id.is_none() {
            let why = format!(
                "a {} order is told apart by its line: give the orderLineId of the order",
                protocol.0
            );
            mistakes.push(mistake("order_line_id", why));
            return None;
        }
        (row.order_line_id.clone(), None)
    } else {
        if row.order_line_id.is_some() && protocol.0 != "standard-webhooks" {
            let why = format!("the calls of {} name no order line: leave it out", protocol.0);
            mistakes.push(mistake("order_line_id", why));
            return None;
        }
        if on_demand && row.product_id.is_none() {
            let why = "pay-per-use orders are told apart by their product id: give it";
            mistakes.push(mistake("product_id", why));
            return None;
        }
        (row.order_line_id.clone(), row.product_id.clone().filter(|_| on_demand))
    };
    let (merchant, marketplace) = (ground.merchant.id.clone(), channel.marketplace);
    Some(OrderLineKey { merchant, marketplace, order_id: row.order_id.clone(), line_id, product_id })
}

fn term_of_row(spec: &Spec, row: &ImportRow, mistakes: &mut Vec<RowMistake>) -> Option<Term> {
    match (row.term, spec.term) {
        (Some(term), SpecTerm::Fixed(fixed)) if term != fixed => {
            let why =
                format!("the spec {} is always {fixed}: name another spec, or leave out the term", spec.id);
            mistakes.push(mistake("term", why));
            None
        }
        (Some(term), _) | (None, SpecTerm::Fixed(term)) => Some(term),
        (None, SpecTerm::AsOrdered) => {
            let why = format!("the spec {} leaves the term to the order: give it, such as P1Y", spec.id);
            mistakes.push(mistake("term", why));
            None
        }
    }
}

fn validity_of_row(term: Term, row: &ImportRow, mistakes: &mut Vec<RowMistake>) -> Option<Validity> {
    let counted = match Validity::lasting(term, row.starts_at) {
        Ok(counted) => counted,
        Err(error) => {
            mistakes.push(mistake("term", error.to_string()));
            return None;
        }
    };
    let Some(end) = row.ends_at else { return Some(counted) };
    if counted.ends_at.is_none() {
        mistakes.push(mistake("ends_at", "a permanent license has no end: leave it out, or give a term"));
        return None;
    }
    if Validity::between(row.starts_at, Some(end)).has_ended(row.starts_at) {
        mistakes.push(mistake("ends_at", "the end lies behind the start"));
        return None;
    }
    Some(counted.with_end(Some(end)))
}

/// What the order said, as far as the row tells; kept with the purchase, and compared when the row comes again.
fn facts_of(row: &ImportRow, term: Term, validity: Validity) -> PurchaseFacts {
    let by_end = if validity.ends_at.is_some() { Charging::Period } else { Charging::OneTime };
    PurchaseFacts {
        customer: row.customer.clone(),
        sku: row.sku.clone(),
        product_id: row.product_id.clone(),
        quantity: row.quantity,
        charging: row.charging.unwrap_or(by_end),
        term,
        ordered_at: row.starts_at,
        expires_at: None,
        ends_at: validity.ends_at,
        extend_params: Vec::new(),
        changed_at: None,
    }
}

/// What a row says otherwise than what is known; what the marketplace has changed since is no difference.
fn differences(
    known: &Purchase,
    license: &License,
    channel: &Channel,
    row: &ImportRow,
    spec: &Spec,
    facts: &PurchaseFacts,
) -> Vec<RowMistake> {
    let mut found = Vec::new();
    let mut must = |member, same: bool, known: String| {
        if !same {
            found.push(mistake(member, format!("the instance is known with another value: {known}")));
        }
    };
    must("channel", known.channel == channel.id, known.channel.to_string());
    let was_changed = !known.upgrades.is_empty() || !license.changes.is_empty();
    must("spec", was_changed || license.sold.spec == spec.id, license.sold.spec.to_string());
    let Some(was) = &known.facts else { return found };
    let shown = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    must("sku", was_changed || was.sku == facts.sku, shown(was.sku.as_ref().map(ToString::to_string)));
    must("product_id", was_changed || was.product_id == facts.product_id, shown(was.product_id.clone()));
    must("quantity", was_changed || was.quantity == facts.quantity, was.quantity.to_string());
    must("customer", was.customer == facts.customer, shown(was.customer.as_ref().map(ToString::to_string)));
    must("term", was.term == facts.term, was.term.to_string());
    must("charging", was.charging == facts.charging, "see `lictor order show`".into());
    must("starts_at", was.ordered_at == facts.ordered_at, was.ordered_at.to_rfc3339());
    must("ends_at", was.ends_at == facts.ends_at, shown(was.ends_at.map(|end| end.to_rfc3339())));
    must("label", license.label == row.label, license.label.clone());
    found
}
