//! Each operation at the application and at the model, and whether both say the same.

use chrono::DateTime;
use lictor::application::ports::{StoreError, Versioned, find};
use lictor::application::record::{CounterKey, RecordKey};
use lictor::application::{
    Activate, Activated, Credential, DeviceProof, DeviceRequest, LicenseAction, MerchantCommand,
    PurchaseAnswer, PurchaseCall, QuotaAsk, QuotaHolder, RenewActivation, ReservationEnd, SettleReservation,
    UseQuota, UseQuotaFault, UsedItem, UsedQuota,
};
use lictor::domain::{
    ActivationId, Actor, Amount, COMMITMENT_BYTES, Charging, Component, Device, InstanceStatus, Instant,
    LedgerEntry, LedgerHead, License as StoredLicense, LicenseId, LineHash, Machine as Components, Meter,
    OrderDetails, OrderKind, OrderLineDetails, OrderRef, PackageId, PeriodUnit, PurchaseEvent,
    PurchaseOutcome, QuotaAccount, QuotaBalance, RefreshScene, Refusal, ReservationId, SentLedger, Term,
};
use lictor::store::Fault;
use sha2::{Digest, Sha256};

use super::calendar::{DAY, Moment, months_after};
use super::catalog::{self, ALL, acme, amount};
use super::model::{License, Model, Share};
use super::server::{Between, Server};
use super::story::Operation;
use super::words::{Answer, Balance, Ledger, Part, Usage};

/// When every story begins: a day that many months do not have.
pub const BEGINNING: Moment = 1_769_860_800;

/// What the driver knows of a machine beside the model.
struct Held {
    activation: ActivationId,
    key: [u8; 32],
    generation: u64,
    head: LedgerHead,
}

pub struct Driver {
    server: Server,
    pub model: Model,
    licenses: Vec<LicenseId>,
    reservations: Vec<ReservationId>,
    machines: Vec<Vec<Held>>,
    /// Reports that were made, for whoever makes one again.
    pub told: Vec<Usage>,
    last_call: Option<PurchaseEvent>,
    counted: u64,
    /// Which license is looked at next.
    next: usize,
}

/// Both sides differ: what was expected, what is.
pub type Difference = String;

fn instant(moment: Moment) -> Instant {
    DateTime::from_timestamp(moment, 0).expect("within the calendar")
}

fn differ<T: std::fmt::Debug + PartialEq>(what: &str, model: &T, server: &T) -> Result<(), Difference> {
    if model == server { Ok(()) } else { Err(format!("{what}\n  model:  {model:?}\n  server: {server:?}")) }
}

impl Driver {
    pub async fn new(between: Between) -> Self {
        let server = Server::start(between, BEGINNING).await;
        let mut model = Model::default();
        model.turn(BEGINNING);
        Self {
            server,
            model,
            licenses: Vec::new(),
            reservations: Vec::new(),
            machines: Vec::new(),
            told: Vec::new(),
            last_call: None,
            counted: 0,
            next: 0,
        }
    }

    /// Does it on both sides and compares what they answer, and then the books of every license that it touched.
    pub async fn perform(
        &mut self,
        operation: &Operation,
        crash: Option<(u64, Fault)>,
    ) -> Result<(), Difference> {
        if let Operation::Wait { to } = operation {
            self.turn(*to);
            return self.look_at_next().await;
        }
        if let Some(crash) = crash {
            self.server.plan(crash);
        }
        let touched = match operation {
            Operation::Buy { .. } => self.buy(operation).await?,
            Operation::Renew { license, to } => {
                self.model.licenses[*license].ends.push(Some(*to));
                self.move_end(*license, RefreshScene::Renewal).await?
            }
            Operation::CancelRenewal { license } => {
                self.model.licenses[*license].ends.pop();
                self.move_end(*license, RefreshScene::CancelRenewal).await?
            }
            Operation::Upgrade { license, spec, quantity } => {
                self.model.upgrade(*license, &catalog::offers(*spec, *quantity));
                let details = self.order(None, *spec, *quantity, None, self.model.now);
                let (instance_id, order) = (self.instance(*license), order_ref(&details.order_id));
                self.tell(PurchaseEvent::Changed { instance_id, order, details: Some(details) }).await?;
                *license
            }
            Operation::Freeze { license, is_frozen } => {
                let it = &mut self.model.licenses[*license];
                it.is_frozen = *is_frozen && it.ended.is_none();
                let status = if *is_frozen { InstanceStatus::Freeze } else { InstanceStatus::Unfreeze };
                let instance_id = self.instance(*license);
                self.tell(PurchaseEvent::StatusChanged { instance_id, status }).await?;
                *license
            }
            Operation::Release { license } => {
                self.model.end(*license, "license_released");
                let instance_id = self.instance(*license);
                self.tell(PurchaseEvent::Released { instance_id, order: None }).await?;
                *license
            }
            Operation::Revoke { license } => self.revoke(*license).await?,
            Operation::TellAgain => {
                if let Some(event) = self.last_call.clone() {
                    self.tell(event).await?;
                }
                0
            }
            Operation::Use(usage) => self.use_up(usage).await?,
            Operation::Settle { hold, confirmed } => self.settle(*hold, *confirmed).await?,
            Operation::Activate { license, former, asks } => {
                self.activate(*license, former.as_ref(), asks).await?
            }
            Operation::RenewMachine { license, machine, ledger, asks } => {
                self.renew_machine((*license, *machine), ledger.as_ref(), asks).await?
            }
            Operation::LeaveMachine { license, machine, ledger } => {
                self.leave_machine((*license, *machine), ledger.as_ref()).await?
            }
            Operation::Sweep => {
                self.server.ask(async |app| app.sweep_lapsed().await).await?.map_err(|it| it.to_string())?;
                return self.look_at_all().await;
            }
            Operation::Wait { .. } => return Ok(()),
        };
        self.look_at(touched).await?;
        let holder = self.model.licenses.get(touched).map_or(touched, |it| it.holder);
        if holder == touched { Ok(()) } else { self.look_at(holder).await }
    }

    fn turn(&mut self, now: Moment) {
        self.model.turn(now);
        self.server.turn(now);
    }

    fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    fn instance(&self, license: usize) -> String {
        format!("i-{license}")
    }

    // --- the marketplace and the merchant

    fn order(
        &mut self,
        customer: Option<usize>,
        spec: usize,
        quantity: u32,
        term: Option<((PeriodUnit, u32), Moment)>,
        created_at: Moment,
    ) -> OrderDetails {
        let order_id = format!("CS{}", self.count());
        let line = OrderLineDetails {
            order_line_id: format!("{order_id}-1"),
            charging: if term.is_some() { Charging::Period } else { Charging::OnDemand },
            expires_at: term.map(|(_, to)| instant(to)),
            ends_at: None,
            period: term.map(|(period, _)| period),
            product_id: None,
            sku: Some(ALL[spec].sku.into()),
            quantity: Some(quantity),
        };
        OrderDetails {
            extend_params: Vec::new(),
            order_id,
            kind: OrderKind::New,
            created_at: instant(created_at),
            customer: customer.map(|number| format!("customer-{number}")),
            lines: vec![line],
        }
    }

    async fn tell(&mut self, event: PurchaseEvent) -> Result<(), Difference> {
        self.last_call = Some(event.clone());
        let (merchant, channel) = (acme(), catalog::channel());
        let answered = self.server.ask(async |app| {
            let now = app.now();
            let call =
                PurchaseCall { merchant: &merchant, channel: &channel, replay: None, occurred_at: None, now };
            app.handle_purchase_event(&call, event.clone()).await
        });
        match answered.await? {
            Ok(PurchaseAnswer::Outcome(PurchaseOutcome::Done | PurchaseOutcome::Delivered { .. })) => Ok(()),
            other => Err(format!("a call of the marketplace was answered {other:?}")),
        }
    }

    async fn buy(&mut self, operation: &Operation) -> Result<usize, Difference> {
        let Operation::Buy { customer, spec, quantity, from, months, days, rounded } = operation else {
            return Err("not a purchase".into());
        };
        // Ids sort by time: of two licenses one is the newer.
        self.turn(self.model.now + 1);
        let counted = match months {
            Some(months) => Some(months_after(*from, *months)),
            None if *days > 0 => Some(from + days * DAY),
            None => None,
        };
        let to = counted.map(|to| to + rounded);
        let period = match months {
            Some(12) => (PeriodUnit::Year, 1),
            Some(months) => (PeriodUnit::Month, u32::try_from(*months).expect("few")),
            None => (PeriodUnit::Day, u32::try_from(*days).expect("few")),
        };
        let details = self.order(Some(*customer), *spec, *quantity, to.map(|to| (period, to)), *from);
        let is_package = ALL[*spec].is_package;
        let bought = License {
            customer: *customer,
            is_package,
            is_metered: to.is_none(),
            from: *from,
            ends: vec![to],
            is_frozen: false,
            ended: None,
            holder: 0,
            packages: Vec::new(),
            machines: Vec::new(),
        };
        let number = self.model.buy(bought, &catalog::offers(*spec, *quantity));
        let order = order_ref(&details.order_id);
        let business_id = self.instance(number);
        let id = business_id.clone();
        self.tell(PurchaseEvent::Bought { order, business_id, details: Some(details) }).await?;
        let found = self.server.ask(async |app| {
            let id = lictor::domain::InstanceId::parse(&id).expect("an instance id");
            app.license_of_instance(&acme(), &id).await
        });
        self.licenses.push(found.await?.map_err(|refusal| refusal.to_string())?);
        self.machines.push(Vec::new());
        if is_package {
            let id = self.licenses[number].clone();
            let attached = self.server.ask(async |app| app.attach_package(&acme(), &id).await);
            attached.await?.map_err(|refusal| refusal.to_string())?;
        }
        Ok(number)
    }

    async fn move_end(&mut self, license: usize, scene: RefreshScene) -> Result<usize, Difference> {
        self.model.move_end(license);
        let ends_at = self.model.licenses[license].to().map(instant);
        let (instance_id, order) = (self.instance(license), order_ref(&format!("CS{}", self.count())));
        let (product_id, term, resumes) = (None, Some(Term::Months(1)), false);
        self.tell(PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id, term, resumes })
            .await?;
        Ok(license)
    }

    async fn revoke(&mut self, license: usize) -> Result<usize, Difference> {
        self.model.end(license, "license_revoked");
        let command = MerchantCommand {
            merchant: acme(),
            license: self.licenses[license].clone(),
            actor: Actor::Token("console".into()),
            reason: None,
            if_revision: None,
            idempotency: None,
        };
        let done = self.server.ask(async |app| app.command_license(&command, &LicenseAction::Revoke).await);
        done.await?.map_err(|refusal| refusal.to_string())?;
        Ok(license)
    }

    // --- whoever uses it

    async fn use_up(&mut self, usage: &Usage) -> Result<usize, Difference> {
        let expected = self.model.use_up(usage);
        let item = |(metric, count, at): &(&'static str, i64, Option<Moment>)| UsedItem {
            metric: (*metric).to_owned(),
            amount: amount(*count),
            occurred_at: at.map(instant),
        };
        let order = UseQuota {
            merchant: acme(),
            license: self.licenses[usage.license].clone(),
            holder: if usage.key.is_multiple_of(3) {
                QuotaHolder::LicenseKey(None)
            } else {
                QuotaHolder::Merchant
            },
            actor: Actor::Customer,
            idempotency_key: usage.key.to_be_bytes().to_vec(),
            items: usage.items.iter().map(item).collect(),
            is_list: usage.items.len() > 1,
            reserve: usage.reserve.map(chrono::TimeDelta::seconds),
        };
        let answered = self.server.ask(async |app| match app.use_quota(&order).await {
            Ok(used) => Ok(Some(used)),
            Err(UseQuotaFault::Mistakes(_)) => Ok(None),
            Err(UseQuotaFault::UseCase(error)) => Err(error),
        });
        let answered = answered.await?;
        let what = format!("{usage:?} was answered");
        let told = match (&expected, &answered) {
            (Answer::Granted(_, hold), Ok(Some(used))) => {
                let id = used.reservation.as_ref().map(|reservation| reservation.id.clone());
                if let (Some(hold), Some(id)) = (hold, &id)
                    && *hold == self.reservations.len()
                {
                    self.reservations.push(id.clone());
                }
                differ(&what, &hold.map(|hold| self.reservations[hold].clone()), &id)?;
                self.granted(usage, used)
            }
            (_, Ok(used)) => {
                used.as_ref().map_or(Told::Refused("mistakes"), |used| self.granted(usage, used))
            }
            (_, Err(refusal)) => Told::Refused(refusal.code()),
        };
        differ(&what, &self.expected(&expected), &told)?;
        if matches!(expected, Answer::Granted(..)) && !self.told.contains(usage) {
            self.told.push(usage.clone());
        }
        Ok(usage.license)
    }

    fn expected(&self, answer: &Answer) -> Told {
        match answer {
            Answer::Done => Told::Granted(Vec::new()),
            Answer::Refused(code) => Told::Refused(code),
            Answer::Granted(parts, _) => {
                let part = |part: &Part| {
                    let name = self.model.packages[part.package].name.clone();
                    (name, part.from, part.amount, part.over)
                };
                Told::Granted(parts.iter().map(part).collect())
            }
        }
    }

    fn granted(&self, usage: &Usage, used: &UsedQuota) -> Told {
        let sum = |metric: &str| usage.items.iter().filter(|it| it.0 == metric).map(|it| it.1).sum::<i64>();
        if used.grant.metrics.iter().any(|it| it.granted.ten_thousandths() != sum(&it.metric)) {
            return Told::Refused("another amount was granted than was asked for");
        }
        let part = |it: &lictor::domain::PackageGrant| {
            let (from, name) = (it.window_starts_at.timestamp(), it.package.to_string());
            (name, from, it.amount.ten_thousandths(), it.over.ten_thousandths())
        };
        Told::Granted(used.grant.packages.iter().map(part).collect())
    }

    async fn settle(&mut self, hold: usize, confirmed: Option<i64>) -> Result<usize, Difference> {
        let expected = self.model.settle(hold, confirmed);
        let license = self.model.holds[hold].license;
        let end = confirmed.map_or(ReservationEnd::Release, |count| ReservationEnd::Confirm(amount(count)));
        let order = SettleReservation {
            merchant: acme(),
            license: self.licenses[license].clone(),
            holder: QuotaHolder::Merchant,
            reservation: self.reservations[hold].clone(),
            end,
        };
        let answered = self.server.ask(async |app| app.settle_reservation(&order).await).await?;
        let told = answered.map_or_else(|it| Told::Refused(it.code()), |_| Told::Granted(Vec::new()));
        differ(&format!("reservation {hold} was settled"), &self.expected(&expected), &told)?;
        Ok(license)
    }

    // --- machines

    fn proof(&self, held: &Held, ledger: Option<&Ledger>, at: (usize, usize)) -> (DeviceProof, LedgerHead) {
        let shares = &self.model.licenses[at.0].machines[at.1].shares;
        let mut head = held.head;
        let mut entries = Vec::new();
        let from = head.seq + 1;
        let mut told = ledger.map(|ledger| ledger.entries.clone()).unwrap_or_default();
        let honest = told.len();
        if ledger.is_some_and(|ledger| ledger.is_wrong) {
            let last = told.last().map_or(shares[0].part.from, |entry| entry.2);
            told.push((shares[0].number, shares[0].part.amount + 1, last));
        }
        let mut honest_head = head;
        for (index, (number, count, moment)) in told.into_iter().enumerate() {
            let (seq, previous) = (head.seq + 1, head.hash);
            let share = shares.iter().find(|share| share.number == number).expect("its own share");
            let hash: LineHash = Sha256::new()
                .chain_update(previous)
                .chain_update(format!("{seq} {number} {count} {moment}"))
                .finalize()
                .into();
            entries.push(LedgerEntry {
                seq,
                previous,
                hash,
                generation: held.generation,
                share: u32::try_from(number).expect("few"),
                metric: share.metric.to_owned(),
                amount: amount(count),
                at: instant(moment),
            });
            head = LedgerHead { seq, hash };
            if index < honest {
                honest_head = head;
            }
        }
        let ledger = ledger.map(|ledger| SentLedger {
            from,
            entries,
            place: None,
            claimed: head,
            is_complete: ledger.is_complete,
        });
        let activation = Some(held.activation.clone());
        (DeviceProof { key: held.key, thumbprint: held.key, activation, ledger }, honest_head)
    }

    async fn activate(
        &mut self,
        license: usize,
        former: Option<&(usize, Ledger)>,
        asks: &[(&'static str, i64)],
    ) -> Result<usize, Difference> {
        let number = self.count();
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        let mut proof = DeviceProof { key, thumbprint: key, activation: None, ledger: None };
        let mut head = None;
        if let Some((former, ledger)) = former {
            let (told, end) = self.proof(&self.machines[license][*former], Some(ledger), (license, *former));
            (proof, head) = (told, Some((*former, end)));
        }
        let key = proof.key;
        let expected = self.model.licenses[license].stopped(self.model.now);
        if expected.is_none() {
            if let Some((former, ledger)) = former {
                self.model.meet((license, *former), Some(ledger), None);
            }
            let machine = self.model.arrive(license);
            self.model.meet((license, machine), None, Some(asks));
        }
        let command = Activate {
            merchant: acme(),
            license: self.licenses[license].clone(),
            token_id: None,
            machine: components(number),
            name: String::new(),
            nonce: format!("nonce-{number}"),
            device: DeviceRequest {
                air_gap: None,
                proof: Some(proof),
                quota: asks.iter().map(ask).collect(),
            },
        };
        let answered = self.server.ask(async |app| app.activate(&command).await).await?;
        differ("an activation was answered", &expected, &answered.as_ref().err().map(Refusal::code))?;
        if let Ok(Activated { activation, .. }) = answered {
            if let Some((former, end)) = head {
                self.machines[license][former].head = end;
            }
            let head = LedgerHead { seq: 0, hash: ledger_start(&activation) };
            self.machines[license].push(Held { activation, key, generation: 1, head });
        }
        Ok(license)
    }

    async fn renew_machine(
        &mut self,
        at: (usize, usize),
        ledger: Option<&Ledger>,
        asks: &[(&'static str, i64)],
    ) -> Result<usize, Difference> {
        let held = &self.machines[at.0][at.1];
        let (proof, head) = self.proof(held, ledger, at);
        let command = RenewActivation {
            merchant: acme(),
            license: self.licenses[at.0].clone(),
            activation: held.activation.clone(),
            credential: Credential::Certificate { generation: held.generation, enrolled: None },
            machine: None,
            nonce: format!("nonce-{}", self.count()),
            device: DeviceRequest {
                air_gap: None,
                proof: Some(proof),
                quota: asks.iter().map(ask).collect(),
            },
        };
        let expected = match self.model.licenses[at.0].stopped(self.model.now) {
            Some(why) => Some(why),
            None => match self.model.meet(at, ledger, Some(asks)) {
                Answer::Refused(why) => Some(why),
                Answer::Done | Answer::Granted(..) => None,
            },
        };
        let answered = self.server.ask(async |app| app.renew_activation(&command).await).await?;
        differ("a machine was answered", &expected, &answered.as_ref().err().map(Refusal::code))?;
        let held = &mut self.machines[at.0][at.1];
        held.generation += u64::from(answered.is_ok());
        if matches!(answered, Ok(_) | Err(Refusal::LedgerRefused(_))) {
            held.head = head;
        }
        Ok(at.0)
    }

    async fn leave_machine(
        &mut self,
        at: (usize, usize),
        ledger: Option<&Ledger>,
    ) -> Result<usize, Difference> {
        let held = &self.machines[at.0][at.1];
        let (proof, head) = self.proof(held, ledger, at);
        let device = DeviceRequest { air_gap: None, proof: Some(proof), quota: Vec::new() };
        let (license, activation, generation) =
            (self.licenses[at.0].clone(), held.activation.clone(), held.generation);
        let expected = match self.model.meet(at, ledger, None) {
            Answer::Refused(why) => Some(why),
            Answer::Done | Answer::Granted(..) => None,
        };
        let answered = self.server.ask(async |app| {
            app.release_activation(&acme(), &license, &activation, generation, &device).await
        });
        let answered = answered.await?;
        differ("a machine that leaves was answered", &expected, &answered.err().map(|it| it.code()))?;
        self.machines[at.0][at.1].head = head;
        Ok(at.0)
    }

    // --- looking

    /// One after another: what time makes of those that nobody touches.
    async fn look_at_next(&mut self) -> Result<(), Difference> {
        self.next = (self.next + 1) % self.model.licenses.len().max(1);
        self.look_at(self.next).await
    }

    /// Every license.
    pub async fn look_at_all(&mut self) -> Result<(), Difference> {
        for license in 0..self.model.licenses.len() {
            self.look_at(license).await?;
        }
        Ok(())
    }

    /// Every package of a license says the same on both sides, and adds up; so does every machine.
    async fn look_at(&mut self, license: usize) -> Result<(), Difference> {
        let Some(id) = self.licenses.get(license).cloned() else { return Ok(()) };
        let store = self.server.store.as_ref();
        let key = RecordKey::License(acme(), id);
        let found: Option<Versioned<StoredLicense>> = find(store, key).await.map_err(broken)?;
        let found = found.ok_or_else(|| format!("license {license} is not there"))?.value;
        let views = self.server.app.view_quota(&acme(), &[&found]).await.map_err(|it| it.to_string())?;
        let views = views.into_values().next().unwrap_or_default();
        let held = &self.model.licenses[license].packages;
        let (closed, open): (Vec<usize>, Vec<usize>) =
            held.iter().partition(|it| self.model.packages[**it].closed.is_some());
        if views.len() != open.len() {
            let names = |it: &usize| self.model.packages[*it].name.clone();
            let names: Vec<String> = open.iter().map(names).collect();
            let seen: Vec<_> = views.iter().map(|view| view.held.id.to_string()).collect();
            return differ(&format!("the packages of license {license}"), &names, &seen);
        }
        for (index, view) in open.iter().zip(&views) {
            let name = &mut self.model.packages[*index].name;
            if name.is_empty() {
                *name = view.held.id.to_string();
            }
            adds_up(&view.balance).map_err(|why| format!("package {}: {why}", view.held.id))?;
            let (model, server) =
                (self.model.balance(license, *index), balance(&view.held.id, &view.balance));
            differ(&format!("package {} of license {license}", view.held.id), &model, &server)?;
        }
        self.look_at_closed(&found, &closed).await?;
        self.look_at_machines(license).await
    }

    /// What is not shown any more stands in the books all the same.
    async fn look_at_closed(&self, license: &StoredLicense, closed: &[usize]) -> Result<(), Difference> {
        if closed.is_empty() {
            return Ok(());
        }
        let store = self.server.store.as_ref();
        let key = RecordKey::QuotaAccount(acme(), license.id.clone());
        let account: Option<Versioned<QuotaAccount>> = find(store, key).await.map_err(broken)?;
        let packages = account.map(|account| account.value.packages).unwrap_or_default();
        for index in closed {
            let package = &self.model.packages[*index];
            let held = packages.iter().find(|held| held.id.as_str() == package.name);
            let held = held.ok_or_else(|| format!("package {} is not in the books", package.name))?;
            let keys =
                [Meter::Taken, Meter::Reserved].map(|meter| CounterKey::Quota(acme(), held.meter(meter)));
            let counts = store.counts(&keys).await.map_err(broken)?;
            let model = (package.closed, package.bought, package.all.used, package.refunded);
            let bought = held.bought.map(Amount::ten_thousandths);
            let ended_at = held.ended_at.map(|at| at.timestamp());
            let server = (ended_at, bought, counts[0] - counts[1], held.refunded.ten_thousandths());
            differ(&format!("package {}, which ended", package.name), &model, &server)?;
        }
        Ok(())
    }

    async fn look_at_machines(&self, license: usize) -> Result<(), Difference> {
        let now = self.model.now;
        for (held, machine) in self.machines[license].iter().zip(&self.model.licenses[license].machines) {
            let key = RecordKey::Device(acme(), self.licenses[license].clone(), held.activation.clone());
            let device: Option<Versioned<Device>> =
                find(self.server.store.as_ref(), key).await.map_err(broken)?;
            let server: Vec<_> = device.map(|device| device.value.shares).unwrap_or_default();
            let server: Vec<_> = server.iter().map(|share| told_share(share, now)).collect();
            let share = |it: &Share| {
                let name = self.model.packages[it.part.package].name.clone();
                let kept = if it.is_closed { 0 } else { it.kept() };
                (it.number, name, it.part.from, it.part.amount, it.used, it.until, it.returns, kept)
            };
            let model: Vec<_> = machine.shares.iter().map(share).collect();
            differ(&format!("the shares of {} of license {license}", held.activation), &model, &server)?;
        }
        Ok(())
    }
}

/// An answer in words that both sides know.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// Package, start of its window, what it gave, what was counted beyond it.
    Granted(Vec<(String, Moment, i64, i64)>),
    Refused(&'static str),
}

type ToldShare = (usize, String, Moment, i64, i64, Moment, Moment, i64);

fn told_share(share: &lictor::domain::Share, now: Moment) -> ToldShare {
    let is_over = share.returns_at.timestamp() <= now;
    (
        usize::try_from(share.number).expect("few"),
        share.package.to_string(),
        share.window.starts_at.timestamp(),
        share.granted.ten_thousandths(),
        share.used.ten_thousandths(),
        share.until.timestamp(),
        share.returns_at.timestamp(),
        if is_over { 0 } else { share.kept().ten_thousandths() },
    )
}

fn broken(error: StoreError) -> Difference {
    format!("the store cannot be read: {error}")
}

fn balance(id: &PackageId, it: &QuotaBalance) -> Balance {
    Balance {
        package: id.to_string(),
        bought: it.bought.map(Amount::ten_thousandths),
        used: it.used.ten_thousandths(),
        reserved: it.reserved.ten_thousandths(),
        left: it.left.map(Amount::ten_thousandths),
        expired: it.expired.map(Amount::ten_thousandths),
        refunded: it.refunded.ten_thousandths(),
        over: it.over.ten_thousandths(),
        window: it.window.map(|it| (it.starts_at.timestamp(), it.ends_at.map(|end| end.timestamp()))),
        window_used: it.window_used.plus(it.window_reserved).map_or(-1, Amount::ten_thousandths),
        window_left: it.window_left.ten_thousandths(),
    }
}

/// bought = used + reserved + left + expired + refunded.
fn adds_up(it: &QuotaBalance) -> Result<(), Difference> {
    let (Some(bought), Some(left), Some(expired)) = (it.bought, it.left, it.expired) else { return Ok(()) };
    let parts = [it.used, it.reserved, left, expired, it.refunded].map(Amount::ten_thousandths);
    let is_all = parts.iter().sum::<i64>() == bought.ten_thousandths();
    if is_all && parts.iter().all(|part| *part >= 0) {
        Ok(())
    } else {
        Err(format!("{it:?} does not add up"))
    }
}

fn order_ref(order_id: &str) -> OrderRef {
    OrderRef { order_id: order_id.to_owned(), order_line_id: Some(format!("{order_id}-1")), product_id: None }
}

fn ask((metric, wanted): &(&'static str, i64)) -> QuotaAsk {
    QuotaAsk { metric: (*metric).to_owned(), amount: amount(*wanted) }
}

/// A machine of which nothing agrees with another number's.
fn components(number: u64) -> Components {
    let names = [Component::Os, Component::Firmware, Component::Board, Component::Disk, Component::Network];
    let mut value = [7; COMMITMENT_BYTES];
    value[..8].copy_from_slice(&number.to_be_bytes());
    Components { components: names.into_iter().map(|name| (name, value)).collect() }
}

/// Where the ledger of an activation begins (`docs/usage-ledger.md`).
fn ledger_start(activation: &ActivationId) -> LineHash {
    Sha256::new().chain_update(b"lictor-usage-v1\0").chain_update(activation.as_str()).finalize().into()
}
