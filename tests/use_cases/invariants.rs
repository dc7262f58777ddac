//! What must hold after each step, derived from the records alone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use license_token::{ActivationClaims, KeySet, LicenseClaims, StatusListClaims, UnverifiedToken};
use lictor::application::ports::Signer;
use lictor::application::record::{Job, Record, Task};
use lictor::application::{is_kept, terms_of};
use lictor::domain::{
    Activation, ActivationState, Actor, EndCause, EventKind, Instant, License, LicenseEnd, LicenseId,
    MachineLimit, Origin, Purchase, PurchaseState, Status, StatusList, StatusSlot,
};

use super::catalog::merchant;
use super::records::Records;
use super::world::{World, locked};

/// What was seen in earlier steps: what may never change afterwards.
#[derive(Default)]
pub struct Memory {
    /// Which token or activation has a status-list entry.
    slots: BTreeMap<StatusSlot, String>,
    /// The last `seq` of each list, and the text that had it.
    seqs: BTreeMap<u32, (u64, String)>,
    /// The instance id and license of each order line.
    purchases: BTreeMap<String, (String, LicenseId)>,
    /// Texts whose signature and claims were found good.
    verified: BTreeSet<String>,
    /// How a license ended: revoked stays revoked.
    revoked: BTreeSet<LicenseId>,
    keys: Option<KeySet>,
}

/// Says what does not hold.
struct Findings(Vec<String>);

impl Findings {
    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

impl World {
    /// Derives every invariant from the records as they are now.
    pub async fn check(&self, after: &str) {
        let records = self.records().await;
        let found = self.violations(&records);
        assert!(found.is_empty(), "after {after}, at {}:\n{}", self.now(), found.join("\n"));
    }

    /// What does not hold.
    pub fn violations(&self, records: &Records) -> Vec<String> {
        let mut seen = locked(&self.seen);
        let mut findings = Findings(Vec::new());
        purchases(&mut findings, records, &mut seen);
        licenses(&mut findings, records, self.keys.ring.as_ref(), &mut seen);
        places(&mut findings, records, self.now());
        status_lists(&mut findings, records, self.now(), &mut seen);
        tokens(&mut findings, records, self.keys.ring.as_ref(), &mut seen);
        events(&mut findings, records);
        jobs(&mut findings, records);
        search_terms(&mut findings, records);
        findings.0
    }
}

fn purchases(findings: &mut Findings, records: &Records, seen: &mut Memory) {
    let unique: BTreeSet<_> = records.purchases.iter().map(|purchase| &purchase.license).collect();
    findings.must(unique.len() == records.purchases.len(), || "two purchases share a license".into());
    findings.must(records.instances.len() == records.purchases.len(), || {
        "instances and purchases are not as many".into()
    });
    for purchase in &records.purchases {
        let name = format!("{:?}", purchase.key);
        let points = |instance: &&_| matches_instance(instance, purchase);
        findings.must(records.instances.iter().filter(points).count() == 1, || {
            format!("no instance leads to {name}")
        });
        let license = records.licenses.iter().find(|license| license.id == purchase.license);
        let minted = purchase.state == PurchaseState::Minted;
        findings.must(minted == license.is_some(), || format!("{name} is {:?}: {license:?}", purchase.state));
        let waiting = records.pending.iter().filter(|pending| pending.id == purchase.license);
        let waiting: Vec<_> = waiting.collect();
        findings.must(waiting.len() == usize::from(!minted), || format!("{name} waits: {waiting:?}"));
        findings.must(waiting.iter().all(|pending| pending.purchase == purchase.key), || {
            format!("the wait for {name} leads elsewhere")
        });
        findings.must(!minted || purchase.early.is_empty(), || format!("{name} keeps early events"));
        let identity = (purchase.instance.to_string(), purchase.license.clone());
        let first = seen.purchases.entry(name.clone()).or_insert_with(|| identity.clone());
        findings.must(*first == identity, || format!("{name} was {first:?} and is {identity:?}"));
    }
    findings.must(seen.purchases.len() == records.purchases.len(), || "a purchase is gone".into());
    findings.must(records.pending.iter().all(|pending| records.purchase_of(&pending.id).is_some()), || {
        "something waits that nobody bought".into()
    });
}

/// The search index has the words of every record, and no others; but for the keys of a license, which stay.
fn search_terms(findings: &mut Findings, records: &Records) {
    let licenses = records.licenses.iter().cloned().map(Record::License);
    let purchases = records.purchases.iter().cloned().map(Record::Purchase);
    let activations = records.activations.iter().cloned().map(Record::Activation);
    let all = licenses.chain(purchases).chain(activations);
    let wanted: BTreeSet<_> = all.flat_map(|record| terms_of(&record)).collect();
    let found: BTreeSet<_> = records.terms.iter().cloned().collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    findings.must(missing.is_empty(), || format!("not in the search index: {missing:?}"));
    let stale: Vec<_> = found.difference(&wanted).filter(|term| !is_kept(term)).collect();
    findings.must(stale.is_empty(), || format!("still in the search index: {stale:?}"));
    for license in &records.licenses {
        let keys = found.iter().filter(|term| is_kept(term) && term.license == license.id).count();
        findings.must(license.issued.len() <= keys, || format!("{} is found by {keys} keys", license.id));
    }
}

fn matches_instance(instance: &lictor::application::record::Instance, purchase: &Purchase) -> bool {
    instance.purchase == purchase.key && instance.id == purchase.instance
}

fn licenses(findings: &mut Findings, records: &Records, signer: &dyn Signer, seen: &mut Memory) {
    for license in &records.licenses {
        let id = &license.id;
        match &license.origin {
            Origin::Order { channel, key, instance } => {
                let purchase = records.purchase_of(id);
                let fits = purchase.is_some_and(|purchase| {
                    purchase.key == *key && purchase.instance == *instance && purchase.channel == *channel
                });
                findings.must(fits, || format!("{id} comes from {purchase:?}"));
            }
            Origin::Issued { .. } => {
                findings.must(records.purchase_of(id).is_none(), || format!("{id} was bought as well"));
            }
        }
        let codes = records.claims.iter().filter(|claim| claim.license == *id);
        let mut generations: Vec<u32> = codes.map(|claim| claim.generation).collect();
        generations.sort_unstable();
        findings.must(generations.iter().copied().eq(0..=license.generation), || {
            format!("{id} of generation {} has codes of {generations:?}", license.generation)
        });
        let digest = signer.claim_digest(&signer.claim_code(id, license.generation));
        let leads = records.claims.iter().any(|claim| {
            claim.digest == digest && claim.license == *id && claim.generation == license.generation
        });
        findings.must(leads, || format!("the claim code of {id} leads nowhere"));
        let revoked = matches!(license.end, LicenseEnd::Revoked { .. });
        findings.must(revoked || !seen.revoked.contains(id), || format!("{id} was revoked once"));
        if revoked {
            seen.revoked.insert(id.clone());
        }
        orders_of(findings, license);
        keys_of(findings, license);
    }
    let known = |claim: &&_| is_known(records, claim);
    findings.must(records.claims.iter().all(|claim| known(&claim)), || "a claim code of no license".into());
}

fn is_known(records: &Records, claim: &lictor::application::record::ClaimTarget) -> bool {
    records.licenses.iter().any(|license| license.id == claim.license)
}

/// An order counts once, whatever it was for.
fn orders_of(findings: &mut Findings, license: &License) {
    let mut known = Vec::new();
    for order in &license.orders {
        let identity = (&order.order_id, order.scene);
        findings.must(!known.contains(&identity), || format!("{} knows {identity:?} twice", license.id));
        known.push(identity);
    }
}

/// No key text promises more than the license, unless it was superseded.
fn keys_of(findings: &mut Findings, license: &License) {
    let id = &license.id;
    let Some((current, older)) = license.issued.split_last() else {
        findings.0.push(format!("{id} has no key"));
        return;
    };
    findings
        .must(!current.superseded && !current.leaked, || format!("the current key of {id} is superseded"));
    if license.end != LicenseEnd::Running {
        return;
    }
    findings.must(current.ends_at == license.validity.ends_at, || {
        format!("the key of {id} ends {:?}, the license {:?}", current.ends_at, license.validity.ends_at)
    });
    for key in older.iter().filter(|key| !key.superseded) {
        let outlasts = match (key.ends_at, license.validity.ends_at) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(key), Some(license)) => key > license,
        };
        findings.must(!outlasts, || {
            format!("{id} ends {:?}, but a key of it that stays valid {key:?}", license.validity.ends_at)
        });
    }
}

fn places(findings: &mut Findings, records: &Records, now: Instant) {
    for license in &records.licenses {
        let id = &license.id;
        let held = records.places_of(id).map_or(&[][..], |places| &places.places.held[..]);
        let in_places: BTreeSet<_> = held.iter().map(|place| &place.activation).collect();
        findings.must(in_places.len() == held.len(), || format!("{id} has an activation twice"));
        let holders: Vec<_> =
            records.activations_of(id).filter(|activation| activation.lease().is_ok()).collect();
        let in_activations: BTreeSet<_> = holders.iter().map(|activation| &activation.id).collect();
        findings.must(in_places == in_activations, || {
            format!("{id} gives places to {in_places:?}, but {in_activations:?} hold them")
        });
        let live = holders.iter().filter(|activation| !activation.has_lapsed(now)).count();
        let limit = match license.sold.machines {
            MachineLimit::AtMost(limit) => usize::try_from(limit).expect("a small limit"),
            MachineLimit::Unlimited => usize::MAX,
        };
        findings.must(held.len() <= limit && live <= limit, || {
            format!("{id} has {live} live leases on {} of {limit} places", held.len())
        });
        for (index, place) in held.iter().enumerate() {
            let holder = holders.iter().find(|activation| activation.id == place.activation);
            findings.must(holder.is_some_and(|holder| holder.machine == place.machine), || {
                format!("a place of {id} is another machine's than its activation says")
            });
            let again = held[index + 1..].iter().any(|other| other.machine.is_same_as(&place.machine));
            findings.must(!again, || format!("a machine has two places of {id}"));
        }
        for activation in holders {
            within_license(findings, license, activation);
        }
    }
    let licensed =
        |activation: &Activation| records.licenses.iter().any(|license| license.id == activation.license);
    findings.must(records.activations.iter().all(licensed), || "an activation of no license".into());
}

fn within_license(findings: &mut Findings, license: &License, activation: &Activation) {
    if let Ok(lease) = activation.lease() {
        let half_open = lease.validity.ends_at.is_some_and(|end| lease.validity.starts_at < end);
        findings.must(half_open, || format!("the lease of {} never held", activation.id));
        let longest = license.sold.offline.lease.max(license.sold.machine.floating_lease);
        let longest = TimeDelta::from_std(longest).expect("a lease fits");
        let fits = lease.validity.ends_at.is_some_and(|end| end <= lease.validity.starts_at + longest);
        findings.must(fits, || format!("the lease of {} is too long", activation.id));
    }
}

fn status_lists(findings: &mut Findings, records: &Records, now: Instant, seen: &mut Memory) {
    let mut owners: BTreeMap<StatusSlot, String> = BTreeMap::new();
    let keys = records.licenses.iter().flat_map(|license| &license.issued);
    let keys = keys.map(|key| (key.slot, key.token_id.to_string()));
    let machines = records.activations.iter().map(|activation| (activation.slot, activation.id.to_string()));
    for (slot, owner) in keys.chain(machines) {
        let before = owners.insert(slot, owner.clone());
        findings.must(before.is_none(), || format!("{before:?} and {owner} share {slot:?}"));
        let first = seen.slots.entry(slot).or_insert_with(|| owner.clone());
        findings.must(*first == owner, || format!("{slot:?} was {first}'s and is {owner}'s"));
    }
    let says = |slot: StatusSlot| {
        let flip = records.flips.iter().find(|flip| flip.slot == slot).map(|flip| flip.status);
        let list = records.lists.iter().find(|list| list.number == slot.list);
        flip.or_else(|| StatusList::read(&list?.bits, slot.idx))
    };
    for license in &records.licenses {
        for key in &license.issued {
            let expired = key.ends_at.is_some_and(|end| end <= now);
            let (said, is) = (says(key.slot), license.status_of(key));
            findings.must(expired || said == Some(is), || {
                format!("of {} of {} the list says {said:?}, but it is {is:?}", key.token_id, license.id)
            });
        }
    }
    for activation in &records.activations {
        let expected = match activation.state {
            ActivationState::Held(_) => Status::Valid,
            ActivationState::Ended { .. } => Status::Superseded,
        };
        let said = says(activation.slot);
        findings.must(said == Some(expected), || {
            format!("of {} the list says {said:?}, not {expected:?}", activation.id)
        });
    }
    for list in &records.lists {
        let before = seen.seqs.insert(list.number, (list.seq, list.token.clone()));
        let forward = before.as_ref().is_none_or(|(seq, token)| *seq < list.seq || *token == list.token);
        findings.must(forward, || format!("list {} went from {before:?} to {}", list.number, list.seq));
    }
}

fn tokens(findings: &mut Findings, records: &Records, signer: &dyn Signer, seen: &mut Memory) {
    if seen.keys.is_none() {
        let published = signer.jwks(&merchant()).expect("the merchant has keys");
        seen.keys = Some(KeySet::parse(published.as_bytes()).expect("a JWK Set"));
    }
    let Memory { keys: Some(keys), verified, .. } = seen else { return };
    for license in &records.licenses {
        if license.end == LicenseEnd::Running && verified.insert(license_identity(license)) {
            license_key(findings, license, keys, signer);
        }
    }
    for activation in &records.activations {
        if let Ok(lease) = activation.lease()
            && verified.insert(lease.certificate.clone())
        {
            certificate(findings, activation, keys, signer);
        }
    }
    for list in &records.lists {
        if verified.insert(list.token.clone()) {
            let token = UnverifiedToken::parse_status_list(&list.token)
                .and_then(|token| token.verify::<StatusListClaims>(keys));
            let fits = token.as_ref().is_ok_and(|token| {
                let claims = token.claims();
                claims.list.bytes() == list.bits
                    && u64::try_from(claims.seq).is_ok_and(|seq| seq == list.seq)
                    && claims.sub == signer.status_list_uri(&list.merchant, list.number)
            });
            findings.must(fits, || format!("the token of list {} does not say its bits", list.number));
        }
    }
}

/// What the claims of a key depend on.
fn license_identity(license: &License) -> String {
    format!("{} {:?} {:?}", license.license_key, license.validity, license.sold)
}

fn license_key(findings: &mut Findings, license: &License, keys: &KeySet, signer: &dyn Signer) {
    let (id, Some(current)) = (&license.id, license.current_key()) else { return };
    let token =
        UnverifiedToken::parse(&license.license_key).and_then(|token| token.verify::<LicenseClaims>(keys));
    let claims = match token {
        Ok(token) => token.into_claims(),
        Err(refusal) => return findings.0.push(format!("the key of {id} is refused: {refusal}")),
    };
    let machines = match license.sold.machines {
        MachineLimit::AtMost(limit) => Some(limit),
        MachineLimit::Unlimited => None,
    };
    let status = claims.status.as_ref().map(|status| (status.idx, status.uri.clone()));
    let list = signer.status_list_uri(&license.merchant, current.slot.list);
    let fits = claims.sub == id.as_str()
        && claims.iss == merchant().issuer
        && claims.aud == license.product.as_str()
        && claims.jti == current.token_id.as_str()
        && claims.nbf == license.validity.starts_at.timestamp()
        && claims.exp == license.validity.ends_at.map(|end| end.timestamp())
        && claims.machines == machines
        && claims.entitlements == license.sold.entitlements
        && claims.term.to_string() == license.sold.term.to_string()
        && status == Some((i64::from(current.slot.idx), list));
    findings.must(fits, || format!("the key of {id} says {claims:?}, but it is {license:?}"));
}

fn certificate(findings: &mut Findings, activation: &Activation, keys: &KeySet, signer: &dyn Signer) {
    let (id, Ok(lease)) = (&activation.id, activation.lease()) else { return };
    let token =
        UnverifiedToken::parse(&lease.certificate).and_then(|token| token.verify::<ActivationClaims>(keys));
    let claims = match token {
        Ok(token) => token.into_claims(),
        Err(refusal) => return findings.0.push(format!("the certificate of {id} is refused: {refusal}")),
    };
    let status = claims.status.as_ref().map(|status| (status.idx, status.uri.clone()));
    let list = signer.status_list_uri(&activation.merchant, activation.slot.list);
    let fits = claims.act == id.as_str()
        && claims.sub == activation.license.as_str()
        && claims.jti == lease.token_id.as_str()
        && u64::try_from(claims.generation).is_ok_and(|generation| generation == lease.generation)
        && claims.nonce.as_ref() == Some(&lease.nonce)
        && claims.end.is_none_or(|end| claims.exp <= end)
        && Some(claims.exp) == lease.validity.ends_at.map(|end| end.timestamp())
        && status == Some((i64::from(activation.slot.idx), list));
    findings.must(fits, || format!("the certificate of {id} says {claims:?}, but it is {activation:?}"));
}

/// Each change was told once, and nothing is told of what is not there.
fn events(findings: &mut Findings, records: &Records) {
    let subjects = records.licenses.iter().map(|license| &license.id);
    let subjects: BTreeSet<_> =
        subjects.chain(records.purchases.iter().map(|purchase| &purchase.license)).collect();
    for event in &records.events {
        let Some(subject) = event.license() else { continue };
        findings.must(subjects.contains(subject), || format!("{event:?} has no subject"));
        if let Some(activation) = event.detail.get("activation") {
            let known = records.activations_of(subject).any(|known| known.id.as_str() == activation);
            findings.must(known, || format!("{event:?} has no activation"));
        }
        let places = usize::from(records.unsealed.contains(&event.place()))
            + records.sealed.iter().filter(|sealed| **sealed == event.id).count();
        findings.must(places == 1, || format!("{event:?} waits for or has {places} places in the chain"));
    }
    for purchase in &records.purchases {
        let told = |kind| count(records, &purchase.license, kind);
        let (received, held) = (told(EventKind::OrderReceived), told(EventKind::OrderHeld));
        findings.must(received == 1 && held <= 1, || {
            format!("{:?} was received {received} times and held {held} times", purchase.key)
        });
        let ended = matches!(purchase.state, PurchaseState::Ended { .. });
        findings.must(!ended || told(EventKind::LicenseReleased) == 1, || {
            format!("the end of {:?} was not told once", purchase.key)
        });
    }
    for license in &records.licenses {
        let told = |kind| count(records, &license.id, kind);
        let ended = |counts: fn(EndCause) -> bool| {
            let activations = records.activations_of(&license.id);
            let causes = activations.filter_map(|activation| match activation.state {
                ActivationState::Ended { cause, .. } => Some(cause),
                ActivationState::Held(_) => None,
            });
            causes.filter(|cause| counts(*cause)).count()
        };
        let expected = [
            (EventKind::LicenseIssued, 1),
            (EventKind::LicenseReissued, usize::try_from(license.generation).expect("small")),
            (EventKind::LicenseRevoked, usize::from(matches!(license.end, LicenseEnd::Revoked { .. }))),
            (EventKind::ActivationCreated, records.activations_of(&license.id).count()),
            (EventKind::ActivationReleased, ended(|cause| cause != EndCause::Reissued)),
        ];
        for (kind, times) in expected {
            findings.must(told(kind) == times, || {
                format!("{} of {} was told {} times, not {times}", kind.as_str(), license.id, told(kind))
            });
        }
        let (stopped, resumed) = (told(EventKind::LicenseSuspended), told(EventKind::LicenseResumed));
        let holds =
            usize::from(license.holds.marketplace.is_some()) + usize::from(license.holds.merchant.is_some());
        findings.must(resumed + holds <= stopped, || {
            format!("{} was stopped {stopped} times, resumed {resumed} times", license.id)
        });
        for order in &license.orders {
            let by_marketplace = records.events.iter().filter(|event| {
                event.license() == Some(&license.id)
                    && matches!(event.actor, Actor::Marketplace(_))
                    && matches!(event.kind, EventKind::LicenseRenewed | EventKind::OrderPaidAfterRevocation)
                    && event.detail.get("order_id") == Some(&order.order_id)
            });
            let told = by_marketplace.count();
            let recorded = license.orders.iter().filter(|known| known.order_id == order.order_id).count();
            findings.must(told <= recorded, || format!("the order {} was told {told} times", order.order_id));
        }
    }
}

fn count(records: &Records, license: &LicenseId, kind: EventKind) -> usize {
    records.events.iter().filter(|event| event.license() == Some(license) && event.kind == kind).count()
}

/// Nothing waits for ever: whatever is unsettled has a job.
fn jobs(findings: &mut Findings, records: &Records) {
    let settling = |purchase: &Purchase| {
        let settles =
            |job: &&Job| matches!(&job.task, Task::SettlePurchase { purchase: key } if *key == purchase.key);
        records.jobs.iter().filter(settles).count()
    };
    for purchase in &records.purchases {
        let (jobs, is_open) = (settling(purchase), is_open(purchase));
        findings.must(jobs == 1 || (jobs == 0 && !is_open), || {
            format!("{jobs} jobs settle {:?}, which is {:?}", purchase.key, purchase.state)
        });
    }
    for license in &records.licenses {
        let waiting = license.orders.iter().filter(|order| !order.in_force);
        for order in waiting {
            let ranked = records.jobs.iter().any(
                |job| matches!(&job.task, Task::RankOrder { order_id, .. } if *order_id == order.order_id),
            );
            findings.must(ranked, || format!("nobody will rank {} of {}", order.order_id, license.id));
        }
    }
}

fn is_open(purchase: &Purchase) -> bool {
    match purchase.state {
        PurchaseState::Received | PurchaseState::Held { .. } => true,
        PurchaseState::Minted | PurchaseState::Ended { .. } => false,
    }
}
