//! The repository over the raw store: what is written is read back, listings are in order and hold nothing
//! else, changes do what the port says, and what cannot be read is an error that names its key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use lictor::application::ports::{ABSENT, Change, Commit, Listing, Store, StoreError, find, list};
use lictor::application::record::{
    ClaimTarget, CounterKey, FillingPass, Idempotency, IndexFilling, Instance, Job, KitRecord, Lane,
    LicensePlaces, Mapping, MarketplaceCode, NamedUsage, Owned, PendingLicense, Rank, Record, RecordKey,
    Replay, Stored, Task, UsageOutbox, Versioned, WaitingUsage,
};
use lictor::domain::*;
use lictor::store::{
    Batch, CommitRequest, Direction, Engine, Fault, KeyRange, Kind, MemoryEngine, Primitive, Prior,
    Record as RawRecord, RecordKey as RawKey, RecordStore, Repository, Revision, StoreError as RawError,
};
use proptest::prelude::*;

mod sample {
    //! Nouns to store: of each table a bare one and a full one, and every variant of every enum somewhere.

    use super::*;

    pub fn at(seconds: i64) -> Instant {
        Instant::from_timestamp_millis(seconds * 1_000 + 789).expect("in the calendar")
    }

    pub fn merchant(text: &str) -> MerchantId {
        MerchantId::parse(text).expect("a test names valid merchants")
    }

    pub fn acme() -> MerchantId {
        merchant("acme")
    }

    pub fn order(text: &str) -> OrderId {
        OrderId::parse(text).expect("a test names valid orders")
    }

    pub fn license_id(number: u128) -> LicenseId {
        LicenseId::from_uuid(number)
    }

    fn longest(text: char) -> String {
        String::from(text).repeat(FOREIGN_ID_BYTES_MAX)
    }

    fn text(text: &str) -> LocalizedText {
        LocalizedText { zh: Some(format!("{text} 许可证 \"\\\n")), en: None }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn facts() -> BTreeMap<String, String> {
        BTreeMap::from([(String::new(), "空".to_owned()), ("a\"b".to_owned(), "\u{0}\u{1f600}".to_owned())])
    }

    fn slot(idx: u32) -> StatusSlot {
        StatusSlot { list: u32::MAX, idx }
    }

    fn amount(count: i64) -> Amount {
        Amount::from_ten_thousandths(count).expect("a test names valid amounts")
    }

    fn greatest_amount() -> Amount {
        amount(AMOUNT_UNITS_MAX * TEN_THOUSANDTHS_PER_UNIT - 1)
    }

    pub fn validity() -> Validity {
        Validity { starts_at: at(1), ends_at: Some(at(2)), anchor: at(-3), anchored_months: Some(7) }
    }

    fn for_ever() -> Validity {
        Validity::between(Instant::UNIX_EPOCH, None)
    }

    pub fn line(order_id: &str) -> OrderLineKey {
        OrderLineKey {
            merchant: acme(),
            marketplace: Marketplace::Generic,
            order_id: order(order_id),
            line_id: None,
            product_id: None,
        }
    }

    fn long_line() -> OrderLineKey {
        OrderLineKey {
            merchant: merchant(&"m".repeat(SLUG_BYTES_MAX)),
            marketplace: Marketplace::KooGallery,
            order_id: order(&longest('o')),
            line_id: Some(OrderLineId::parse(&longest('/')).expect("valid")),
            product_id: None,
        }
    }

    fn product_line() -> OrderLineKey {
        OrderLineKey { product_id: Some("OFFI\u{0}1 产品".into()), ..line("CS1") }
    }

    pub fn machine() -> Machine {
        let names = ["os", "fw", "brd", "dsk", "net", "opq"];
        let component = |(value, name): (u8, &&str)| {
            (Component::parse(name).expect("known"), [value.wrapping_mul(101); COMMITMENT_BYTES])
        };
        Machine { components: (1..).zip(names.iter()).map(component).collect() }
    }

    fn offline(status: StatusPolicy, enforcement: Enforcement) -> OfflinePolicy {
        OfflinePolicy { grace: Duration::ZERO, status, enforcement, ..OfflinePolicy::default() }
    }

    fn policy(binding: Binding, when_full: WhenFull) -> MachinePolicy {
        MachinePolicy { binding, when_full, ..MachinePolicy::default() }
    }

    fn template(reset: ResetWindow, window: WindowAlignment, overage: Overage) -> QuotaTemplate {
        QuotaTemplate {
            metric: "render-minutes".into(),
            unit: "分钟".into(),
            amount: greatest_amount(),
            reset,
            window,
            overage,
            alert_percent: vec![0, 80, 255],
        }
    }

    fn templates() -> Vec<QuotaTemplate> {
        use ResetWindow::{Day, Hour, Month, None, Week, Year};
        let of = |reset| template(reset, WindowAlignment::Calendar, Overage::Count);
        let mut templates = [None, Hour, Day, Week, Month, Year].map(of).to_vec();
        templates.push(template(None, WindowAlignment::Anniversary, Overage::Stop));
        templates
    }

    fn packages() -> Vec<QuotaPackage> {
        let totals = [
            Ok(amount(0)),
            Ok(greatest_amount()),
            Err(NoTotal::Permanent),
            Err(NoTotal::NotWholeWindows),
            Err(NoTotal::TooLarge),
        ];
        let package = |(template, total)| QuotaPackage { template, validity: validity(), total };
        templates().into_iter().zip(totals).map(package).collect()
    }

    fn merchants() -> Vec<Merchant> {
        let bare = Merchant {
            id: merchant("m"),
            name: LocalizedText::default(),
            issuer: String::new(),
            time_zone: String::new(),
            locale: String::new(),
        };
        let full = Merchant {
            id: merchant(&"z".repeat(SLUG_BYTES_MAX)),
            name: LocalizedText::plain("示例"),
            issuer: "https://acme.example".into(),
            time_zone: "Asia/Shanghai".into(),
            locale: "zh-CN".into(),
        };
        vec![bare, full]
    }

    fn product_id() -> ProductId {
        ProductId::parse("renderer").expect("valid")
    }

    pub fn product(owner: &str, id: &str) -> Owned<Product> {
        let value = Product {
            id: ProductId::parse(id).expect("valid"),
            name: LocalizedText::default(),
            front_end_url: String::new(),
            memo: text("{claim_code}"),
        };
        Owned { merchant: merchant(owner), value }
    }

    fn spec(id: &str) -> Spec {
        Spec {
            id: SpecId::parse(id).expect("valid"),
            product: product_id(),
            skus: vec![],
            product_ids: vec![],
            name: LocalizedText::default(),
            term: SpecTerm::AsOrdered,
            machines: MachineLimit::Unlimited,
            multiply: Multiply::Nothing,
            entitlements: vec![],
            attributes: BTreeMap::new(),
            updates: None,
            starts: Starts::Purchase,
            kind: SpecKind::License,
            offline: OfflinePolicy::default(),
            machine: MachinePolicy::default(),
            quota: vec![],
            changes_to: None,
        }
    }

    fn specs() -> Vec<Owned<Spec>> {
        let full = Spec {
            skus: vec![Sku::parse("f8a1-7/x").expect("valid"), Sku::parse(&longest('s')).expect("valid")],
            product_ids: words(&["OFFI1", ""]),
            name: text("专业版"),
            term: SpecTerm::Fixed(Term::Months(u32::MAX)),
            machines: MachineLimit::AtMost(u32::MAX),
            multiply: Multiply::Machines,
            entitlements: words(&["pro", "导出"]),
            attributes: facts(),
            updates: Some(Term::Years(1)),
            starts: Starts::FirstActivation,
            kind: SpecKind::Package,
            offline: offline(StatusPolicy::Require, Enforcement::Warn),
            machine: policy(Binding::DeviceKey, WhenFull::ReplaceIdle),
            quota: templates(),
            ..spec("Full_1.0-x")
        };
        let third = Spec {
            term: SpecTerm::Fixed(Term::Permanent),
            multiply: Multiply::Quota,
            updates: Some(Term::Days(0)),
            starts: Starts::Acceptance,
            offline: offline(StatusPolicy::Ignore, Enforcement::Advise),
            machine: policy(Binding::Floating, WhenFull::Refuse),
            ..spec("third")
        };
        let fourth = Spec {
            machine: policy(Binding::Unbound, WhenFull::Refuse),
            changes_to: Some(vec![SpecId::parse("s").expect("valid")]),
            ..spec("fourth")
        };
        [spec("s"), full, third, fourth].map(|value| Owned { merchant: acme(), value }).into()
    }

    fn channels() -> Vec<Owned<Channel>> {
        let env = |name: &str| SecretRef::Env(name.to_owned());
        let key = |used_for, value| AccessKeyRef { id: "1".into(), used_for, value, retired: false };
        let retired = |used_for, value| AccessKeyRef { retired: true, ..key(used_for, value) };
        let bare = Channel {
            id: ChannelId::parse("c").expect("valid"),
            marketplace: Marketplace::Generic,
            protocol: ProtocolName(String::new()),
            products: vec![],
            access_keys: vec![],
            open_api: None,
            ready: ReadyRule::Minted,
            usage: UsageRules::default(),
        };
        let full = Channel {
            id: ChannelId::parse("koogallery-1").expect("valid"),
            marketplace: Marketplace::KooGallery,
            protocol: ProtocolName("saas-v2".into()),
            products: vec![product_id(), product_id()],
            access_keys: vec![
                key(AccessKeyUse::Callbacks, env("ACCESS_KEY")),
                key(AccessKeyUse::Kit, SecretRef::File("/run/secrets/kit: 1".into())),
                key(AccessKeyUse::UsagePush, SecretRef::Env(String::new())),
                retired(AccessKeyUse::Callbacks, env("OLD_KEY")),
            ],
            open_api: Some(OpenApi {
                base_url: "https://mkt.example".into(),
                access_key: env("AK"),
                secret_key: SecretRef::File("sk".into()),
            }),
            ready: ReadyRule::AppInfo,
            usage: UsageRules {
                push: UsagePush::Old,
                billing: UsageBilling::Daily,
                packages: PackageKind::StopBeforeExcess,
            },
        };
        [bare, full].map(|value| Owned { merchant: acme(), value }).into()
    }

    pub fn api_token(number: u8) -> ApiToken {
        ApiToken {
            id: ApiTokenId::from_uuid(number.into()),
            digest: [number; 32],
            name: String::new(),
            owner: TokenOwner::Server,
            scopes: vec![],
            created_at: at(0),
            expires_at: None,
            revoked_at: None,
        }
    }

    fn api_tokens() -> Vec<ApiToken> {
        let full = ApiToken {
            name: "CI 机器人".into(),
            owner: TokenOwner::Merchant(acme()),
            scopes: Scope::NAMES.iter().filter_map(|name| Scope::parse(name)).collect(),
            expires_at: Some(Instant::MAX_UTC.trunc_to_millis()),
            revoked_at: Some(Instant::MIN_UTC.trunc_to_millis()),
            ..api_token(255)
        };
        vec![api_token(0), full]
    }

    fn token_uses() -> Vec<TokenUse> {
        vec![
            TokenUse { token: [0; 32], last_used_at: at(-1) },
            TokenUse { token: [255; 32], last_used_at: at(1) },
        ]
    }

    fn narrowed() -> Narrowed {
        let scopes = Scope::NAMES.iter().filter_map(|name| Scope::parse(name)).collect();
        Narrowed { name: "李 \u{202e}\"".into(), scopes }
    }

    pub fn session(number: u8) -> Session {
        Session {
            id: SessionId::from_uuid(number.into()),
            digest: [number; 32],
            owner: TokenOwner::Server,
            token: [1; 32],
            narrowed: None,
            acting_for: None,
            created_at: at(1),
            last_seen_at: at(2),
        }
    }

    fn sessions() -> Vec<Session> {
        let own = Session {
            owner: TokenOwner::Merchant(acme()),
            narrowed: Some(narrowed()),
            acting_for: Some(acme()),
            ..session(0)
        };
        vec![session(0), session(255), own.clone(), Session { digest: [255; 32], ..own }]
    }

    fn sign_in_links() -> Vec<SignInLink> {
        let bare = SignInLink {
            id: SignInLinkId::from_uuid(1),
            digest: [0; 32],
            owner: TokenOwner::Server,
            token: [1; 32],
            gives: Narrowed { name: String::new(), scopes: vec![] },
            acting_for: None,
            created_at: at(1),
            expires_at: at(2),
            closed_at: None,
        };
        let own = SignInLink {
            owner: TokenOwner::Merchant(acme()),
            gives: narrowed(),
            acting_for: Some(acme()),
            closed_at: Some(at(3)),
            ..bare.clone()
        };
        vec![bare, own]
    }

    pub fn purchase(key: OrderLineKey) -> Purchase {
        Purchase {
            key,
            license: license_id(1),
            instance: InstanceId::parse("i").expect("valid"),
            channel: ChannelId::parse("c").expect("valid"),
            received_at: at(0),
            env: Env::Live,
            state: PurchaseState::Received,
            upgrades: vec![],
            early: vec![],
            facts: None,
        }
    }

    fn early_events() -> Vec<EarlyEvent> {
        let order = OrderRef {
            order_id: "任意".into(),
            order_line_id: Some(String::new()),
            product_id: Some("p".into()),
        };
        let refreshed = |scene, ends_at, term| EarlyEvent::Refreshed {
            at: at(5),
            order: order.clone(),
            scene,
            ends_at,
            term,
        };
        vec![
            EarlyEvent::Frozen { at: at(3) },
            EarlyEvent::Unfrozen { at: at(4) },
            refreshed(RefreshScene::TrialToFormal, None, None),
            refreshed(RefreshScene::Renewal, Some(at(6)), Some(Term::Years(2))),
            refreshed(RefreshScene::CancelRenewal, None, None),
            refreshed(RefreshScene::RenewalChange, None, Some(Term::Permanent)),
            EarlyEvent::Changed {
                at: at(8),
                order: OrderRef { order_id: "CS7".into(), order_line_id: None, product_id: None },
            },
            EarlyEvent::Applied { at: at(8), application: application(None) },
            EarlyEvent::Applied { at: at(9), application: application(Some("04:7C:16||")) },
        ]
    }

    fn purchases() -> Vec<Purchase> {
        let facts = |charging, term| PurchaseFacts {
            customer: Some(CustomerId::parse(&longest('c')).expect("valid")),
            sku: Some(Sku::parse("sku").expect("valid")),
            product_id: Some("OFFI1".into()),
            quantity: u32::MAX,
            charging,
            term,
            ordered_at: at(7),
            expires_at: Some(at(8)),
            ends_at: Some(at(9)),
            extend_params: vec![("emailDomainName".into(), "test.example".into())],
            changed_at: Some(at(6)),
        };
        let bare_facts = PurchaseFacts {
            customer: None,
            sku: None,
            product_id: None,
            expires_at: None,
            ends_at: None,
            extend_params: Vec::new(),
            changed_at: None,
            ..facts(Charging::OnDemand, Term::Permanent)
        };
        vec![
            purchase(line("CS1")),
            Purchase {
                env: Env::Test,
                state: PurchaseState::Held { since: at(-1) },
                upgrades: vec!["CS7".into()],
                early: early_events(),
                facts: Some(facts(Charging::Period, Term::Days(3_650))),
                ..purchase(long_line())
            },
            Purchase { state: PurchaseState::Minted, facts: Some(bare_facts), ..purchase(product_line()) },
            Purchase {
                state: PurchaseState::Ended { at: at(9) },
                facts: Some(facts(Charging::OneTime, Term::Months(1))),
                ..purchase(line("CS2"))
            },
            Purchase {
                facts: Some(facts(Charging::OnDemandPackage, Term::Years(2_000))),
                ..purchase(line("CS3"))
            },
        ]
    }

    fn instances() -> Vec<Instance> {
        let instance = |id: &str, purchase| Instance { id: InstanceId::parse(id).expect("valid"), purchase };
        vec![instance("i", line("CS1")), instance(&longest('~'), long_line())]
    }

    pub fn pending(owner: &str, number: u128) -> PendingLicense {
        let purchase = OrderLineKey { merchant: merchant(owner), ..line("CS1") };
        PendingLicense { id: license_id(number), purchase }
    }

    pub fn license(owner: &str, number: u128) -> License {
        License {
            extension: None,
            id: license_id(number),
            merchant: merchant(owner),
            product: product_id(),
            origin: Origin::Issued { by: String::new() },
            customer: None,
            label: String::new(),
            env: Env::Live,
            sold: SoldSpec {
                spec: SpecId::parse("s").expect("valid"),
                sku: None,
                term: Term::Permanent,
                machines: MachineLimit::Unlimited,
                entitlements: vec![],
                attributes: BTreeMap::new(),
                updates_until: None,
                offline: OfflinePolicy::default(),
                machine: MachinePolicy::default(),
                quota: vec![],
            },
            validity: for_ever(),
            start: None,
            attachment: None,
            holds: Holds::default(),
            status_told_at: None,
            end: LicenseEnd::Running,
            generation: 0,
            issued: vec![],
            license_key: String::new(),
            orders: vec![],
            changes: vec![],
            created_at: at(0),
            updated_at: at(0),
        }
    }

    fn licenses() -> Vec<License> {
        let issued = |number: u32, ends_at| IssuedKey {
            token_id: TokenId::from_uuid(number.into()),
            slot: slot(number),
            issued_at: at(1),
            ends_at,
            superseded: number == 1,
            leaked: number == 2,
        };
        let order = AppliedOrder {
            order_id: "CS 1".into(),
            scene: Some(RefreshScene::Renewal),
            ordered_at: Some(at(2)),
            received_at: at(3),
            ends_at: Some(at(4)),
            term: Some(Term::Months(3)),
            in_force: true,
        };
        let bare_order = AppliedOrder {
            scene: None,
            ordered_at: None,
            ends_at: None,
            term: None,
            in_force: false,
            ..order.clone()
        };
        let hold = |reason: Option<&str>| Some(Hold { since: at(5), reason: reason.map(str::to_owned) });
        let bare = license("acme", 1);
        let full = License {
            origin: Origin::Order {
                channel: ChannelId::parse("koogallery-1").expect("valid"),
                key: long_line(),
                instance: InstanceId::parse(&longest('i')).expect("valid"),
            },
            customer: Some(CustomerId::parse("c/1").expect("valid")),
            label: "标签 \"1\"".into(),
            env: Env::Test,
            sold: SoldSpec {
                sku: Some(Sku::parse("sku").expect("valid")),
                term: Term::Years(3),
                machines: MachineLimit::AtMost(3),
                entitlements: words(&["pro", "导出"]),
                attributes: facts(),
                updates_until: Some(at(6)),
                offline: offline(StatusPolicy::Require, Enforcement::Warn),
                machine: policy(Binding::Floating, WhenFull::ReplaceIdle),
                quota: packages(),
                ..bare.sold.clone()
            },
            validity: validity(),
            holds: Holds { marketplace: hold(None), merchant: hold(Some("欠款")) },
            status_told_at: Some(at(5)),
            end: LicenseEnd::Revoked { at: at(7), reason: Some("fraud".into()) },
            generation: u32::MAX,
            issued: vec![issued(1, Some(at(8))), issued(2, None)],
            license_key: "e".repeat(1_023),
            orders: vec![order, bare_order],
            changes: vec![
                AppliedChange { order_id: "CS8".into(), ordered_at: None },
                AppliedChange { order_id: "CS9".into(), ordered_at: Some(at(5)) },
            ],
            ..license("acme", u128::MAX)
        };
        let revoked = License { end: LicenseEnd::Revoked { at: at(1), reason: None }, ..license("acme", 2) };
        let released = License { end: LicenseEnd::Released { at: at(-1) }, ..license("acme", 3) };
        let awaited =
            |event, updates, end_is_fixed| Some(DelayedStart::Awaited { event, updates, end_is_fixed });
        let waiting = License {
            start: awaited(StartEvent::FirstActivation, Some(Term::Years(1)), false),
            ..license("acme", 4)
        };
        let accepting = License { start: awaited(StartEvent::Acceptance, None, true), ..license("acme", 5) };
        let came = Some(DelayedStart::Came { event: StartEvent::Acceptance, at: at(9) });
        let begun = License { start: came, attachment: Some(Attachment::Own), ..license("acme", 6) };
        let attached = License { attachment: Some(Attachment::To(license_id(6))), ..license("acme", 7) };
        vec![bare, full, revoked, released, waiting, accepting, begun, attached]
    }

    fn app_infos() -> Vec<AppInfo> {
        let bare = AppInfo {
            merchant: acme(),
            license: license_id(1),
            front_end_url: "https://t1.example".into(),
            memo: None,
            set_at: at(789),
        };
        let full =
            AppInfo { license: license_id(2), memo: Some("欢迎 {claim_code}\n".into()), ..bare.clone() };
        vec![bare, full]
    }

    fn claim_targets() -> Vec<ClaimTarget> {
        let target = |byte, generation| ClaimTarget {
            merchant: acme(),
            digest: [byte; 32],
            license: license_id(byte.into()),
            generation,
        };
        vec![target(0, 0), target(255, u32::MAX)]
    }

    fn places() -> Vec<LicensePlaces> {
        let place = |number, machine| Place { activation: ActivationId::from_uuid(number), machine };
        let of = |number, held| LicensePlaces {
            merchant: acme(),
            license: license_id(number),
            places: Places { held },
        };
        vec![of(1, vec![]), of(2, vec![place(2, machine()), place(1, Machine::default())])]
    }

    pub fn activation(owner: &str, license: u128, number: u128) -> Activation {
        Activation {
            id: ActivationId::from_uuid(number),
            merchant: merchant(owner),
            license: license_id(license),
            machine: Machine::default(),
            name: String::new(),
            slot: StatusSlot { list: 0, idx: 0 },
            created_at: at(0),
            state: ActivationState::Ended { at: at(1), cause: EndCause::Holder },
        }
    }

    pub fn held(follows: Option<u64>) -> ActivationState {
        ActivationState::Held(Lease {
            validity: validity(),
            renew_after: at(2),
            generation: u64::MAX,
            follows,
            nonce: "n\u{0}once".into(),
            token_id: TokenId::from_uuid(u128::MAX),
            certificate: "c".repeat(4_096),
        })
    }

    fn activations() -> Vec<Activation> {
        let full = Activation {
            machine: machine(),
            name: "工作站 3".into(),
            slot: slot(STATUS_SLOTS_PER_LIST - 1),
            state: held(Some(u64::MAX)),
            ..activation("acme", 1, u128::MAX)
        };
        let ended = |(number, cause)| Activation {
            state: ActivationState::Ended { at: at(1), cause },
            ..activation("acme", 1, number)
        };
        let causes = [EndCause::Merchant, EndCause::Displaced, EndCause::Reissued];
        let ended = (2..).zip(causes).map(ended);
        [activation("acme", 1, 1), full].into_iter().chain(ended).collect()
    }

    fn devices() -> Vec<Device> {
        let owner = |number| (merchant("acme"), license_id(1), ActivationId::from_uuid(number));
        let bare = Device::new(owner(1), ([0; 32], [255; 32]), [7; 32]);
        let share = |number, reset, ends_at| Share {
            number,
            package: PackageId::of(&license_id(1), 0),
            window: QuotaWindow { starts_at: at(0), ends_at, ordinal: u32::MAX },
            metric: "render-minutes".into(),
            unit: "分钟".into(),
            reset,
            alignment: WindowAlignment::Calendar,
            granted: Amount::parse("899999999999.9999").expect("an amount"),
            used: Amount::parse("0.0001").expect("an amount"),
            until: at(1),
            returns_at: at(2),
            is_closed: ends_at.is_none(),
        };
        let full = Device {
            head: LedgerHead { seq: u64::MAX, hash: [1; 32] },
            generation: u64::MAX,
            merged_until: Some(at(-1)),
            recent: vec![[0; 8], [255; 8]],
            shares: vec![share(1, ResetWindow::None, None), share(u32::MAX, ResetWindow::Day, Some(at(3)))],
            shares_granted: u32::MAX,
            ..Device::new(owner(u128::MAX), ([9; 32], [8; 32]), [0; 32])
        };
        vec![bare, full]
    }

    pub fn status_list(owner: &str, number: StatusListNumber) -> StatusList {
        StatusList {
            merchant: merchant(owner),
            number,
            bits: vec![],
            seq: 0,
            token: String::new(),
            published_at: at(0),
            expires_at: at(1),
        }
    }

    fn status_lists() -> Vec<StatusList> {
        let bits = StatusList::blank_bits().into_iter().zip(0_u32..).map(|(_, n)| n.to_le_bytes()[0] ^ 0x5a);
        let full = StatusList {
            bits: bits.collect(),
            seq: u64::MAX,
            token: "t".repeat(64 * 1024),
            ..status_list("acme", u32::MAX)
        };
        vec![status_list("acme", 0), full]
    }

    pub fn flip(owner: &str, list: u32, idx: u32, status: Status) -> StatusFlip {
        StatusFlip { merchant: merchant(owner), slot: StatusSlot { list, idx }, status }
    }

    fn flips() -> Vec<StatusFlip> {
        let statuses = [Status::Valid, Status::Invalid, Status::Suspended, Status::Superseded];
        (0..).zip(statuses).map(|(idx, status)| flip("acme", u32::MAX, idx, status)).collect()
    }

    pub fn lane(owner: &str, channel: Option<&str>, rank: Rank) -> Lane {
        let channel = channel.map(|text| ChannelId::parse(text).expect("valid"));
        Lane { merchant: merchant(owner), channel, rank }
    }

    pub fn mappings() -> Vec<Mapping> {
        let codes = [
            MarketplaceCode::Sku(Sku::parse("CAD-NEW").expect("valid")),
            MarketplaceCode::ProductId("产品 00301".into()),
        ];
        let spec = SpecId::parse("cad-year").expect("valid");
        codes.map(|code| Mapping { merchant: acme(), code, spec: spec.clone(), since: at(1) }).into()
    }

    pub fn job(due_at: Instant, number: u128) -> Job {
        Job {
            id: JobId::from_uuid(number),
            lane: None,
            since: None,
            due_at,
            leased_until: None,
            attempts: 0,
            last_failure: None,
            task: Task::SettlePurchase { purchase: line("CS1") },
        }
    }

    fn authorization_codes() -> Vec<AuthorizationCode> {
        let code = |number: u8, state, early| AuthorizationCode {
            merchant: acme(),
            marketplace: Marketplace::KooGallery,
            code: InstanceId::parse(&format!("PL{number}")).expect("valid"),
            state,
            early,
        };
        let bare_grant = CodeGrant {
            channel: ChannelId::parse("codes").expect("valid"),
            order_id: None,
            product_id: None,
            quantity: None,
            ends_at: None,
        };
        let grant = CodeGrant {
            order_id: Some(order("CS1")),
            product_id: Some("OFFI1".into()),
            quantity: Some(u32::MAX),
            ends_at: Some(at(3)),
            ..bare_grant.clone()
        };
        let states = [
            AuthorizationCodeState::Asked { since: at(1) },
            AuthorizationCodeState::Activated { grant: bare_grant },
            AuthorizationCodeState::Activated { grant },
            AuthorizationCodeState::Refused { again_at: at(2) },
            AuthorizationCodeState::Redeemed { license: license_id(1), used_on: None },
            AuthorizationCodeState::Redeemed { license: license_id(1), used_on: Some(u32::MAX) },
            AuthorizationCodeState::Released { at: at(4) },
        ];
        let others = (2..).zip(states).map(|(number, state)| code(number, state, early_events()));
        std::iter::once(code(1, AuthorizationCodeState::Unredeemed, Vec::new())).chain(others).collect()
    }

    fn application(fingerprint: Option<&str>) -> Application {
        Application {
            request: RequestId::parse("8a1be5694d0c4cc8").expect("valid"),
            starts_at: at(1),
            ends_at: fingerprint.map(|_| at(2)),
            fingerprint: fingerprint.map(str::to_owned),
        }
    }

    fn handed_over(fingerprint: Option<Commitment>) -> HandedOver {
        HandedOver {
            key: HandedOverKey {
                merchant: acme(),
                marketplace: Marketplace::KooGallery,
                request: RequestId::parse("8a1be5694d0c4cc8").expect("valid"),
                fingerprint,
            },
            channel: ChannelId::parse("online").expect("valid"),
            license: license_id(1),
            text: String::new(),
            is_waiting: fingerprint.is_none(),
        }
    }

    fn code_tasks() -> Vec<Task> {
        let (merchant, license) = (acme(), license_id(1));
        let code = InstanceId::parse("PL1").expect("valid");
        vec![
            Task::RedeemCode { merchant: merchant.clone(), marketplace: Marketplace::KooGallery, code },
            Task::QueryCode { merchant: merchant.clone(), license: license.clone(), day: u32::MAX },
            Task::ReportUse { merchant, license, client: "机器".into() },
            Task::ApplyForLicense { purchase: line("CS1"), application: application(None) },
            Task::ApplyForLicense { purchase: long_line(), application: application(Some("04:7C||码")) },
            Task::ApplyChange {
                purchase: line("CS1"),
                order: OrderRef { order_id: "CS2".into(), order_line_id: Some("1".into()), product_id: None },
            },
            Task::LookAtOrder {
                merchant: acme(),
                channel: ChannelId::parse("c").expect("valid"),
                order: OrderRef { order_id: "CS2".into(), order_line_id: None, product_id: None },
            },
            Task::UploadLicense { key: handed_over(None).key },
            Task::PushUsage { merchant: acme(), channel: ChannelId::parse("c").expect("valid") },
            Task::UploadLicense { key: handed_over(Some([7; COMMITMENT_BYTES])).key },
        ]
    }

    fn jobs() -> Vec<Job> {
        let rank = |order_line_id: Option<&str>, scene| Task::RankOrder {
            purchase: long_line(),
            order_id: "CS 9".into(),
            order_line_id: order_line_id.map(str::to_owned),
            scene,
        };
        let full = Job {
            lane: Some(lane("acme", Some("cad"), Rank::Ordinary)),
            since: Some(at(-3)),
            leased_until: Some(at(3)),
            attempts: u32::MAX,
            last_failure: Some("没有回答".into()),
            task: rank(Some(""), RefreshScene::CancelRenewal),
            ..job(at(-2), 2)
        };
        let mut jobs =
            vec![job(at(1), 1), full, Job { task: rank(None, RefreshScene::Renewal), ..job(at(2), 3) }];
        jobs.push(Job { lane: Some(lane("acme", None, Rank::Purchase)), ..job(at(3), 20) });
        jobs.push(Job { lane: Some(lane("acme", Some("cad"), Rank::ByHand)), ..job(at(3), 21) });
        jobs.extend((4..).zip(code_tasks()).map(|(number, task)| Job { task, ..job(at(2), number) }));
        jobs
    }

    pub fn event(owner: &str, license: u128, number: u128) -> AuditEvent {
        AuditEvent {
            id: EventId::from_uuid(number),
            merchant: merchant(owner),
            subject: license_id(license).into(),
            at: at(0),
            actor: Actor::Server,
            kind: EventKind::LicenseIssued,
            detail: BTreeMap::new(),
        }
    }

    fn events() -> Vec<AuditEvent> {
        let actors = [
            Actor::Marketplace("koogallery-1".into()),
            Actor::Token("CI: 1".into()),
            Actor::Customer,
            Actor::Server,
        ];
        let kinds = EventKind::NAMES.iter().filter_map(|name| EventKind::parse(name));
        let full =
            |(number, (kind, actor))| AuditEvent { kind, actor, detail: facts(), ..event("acme", 1, number) };
        let full = (2..).zip(kinds.zip(actors.into_iter().cycle())).map(full);
        let about = ["api_token/tok_0000000000000000000007", "channel/cad", "store/store"];
        let about = (900..).zip(about).map(|(number, subject)| AuditEvent {
            subject: Subject::parse(subject).expect("a subject"),
            ..event("acme", 1, number)
        });
        std::iter::once(event("acme", 1, 1)).chain(full).chain(about).collect()
    }

    fn longest_subject() -> Subject {
        Subject::parse(&format!("activation/{}", longest('/'))).expect("a subject")
    }

    fn place(number: u128) -> EventPlace {
        EventPlace { event: EventId::from_uuid(number), subject: longest_subject(), under_license: false }
    }

    pub fn unsealed(owner: &str, number: u128) -> Unsealed {
        let place = event(owner, 1, number).place();
        Unsealed { merchant: merchant(owner), place, adopted: false }
    }

    fn marks() -> Vec<Unsealed> {
        let full = Unsealed { merchant: acme(), place: place(u128::MAX), adopted: true };
        vec![unsealed("acme", 2_000), full, unsealed(&"m".repeat(SLUG_BYTES_MAX), 2_000)]
    }

    pub fn block(owner: &str, first: u64, count: u64) -> ChainBlock {
        let entry = |seq: u64| ChainEntry {
            seq,
            place: place(u128::from(seq)),
            adopted: seq.is_multiple_of(2),
            digest: [0; 32],
            link: [255; 32],
        };
        let entries = (first..first + count).map(entry).collect();
        ChainBlock { merchant: merchant(owner), entries, sealed_at: at(1), head: "eyJ.a.b".into() }
    }

    fn heads() -> Vec<ChainHead> {
        let head = |owner: &str, seq| ChainHead {
            merchant: merchant(owner),
            seq,
            link: [1; 32],
            sealed_at: at(-1),
            token: "eyJ.a.b".into(),
        };
        vec![head("acme", 1), head("other", u64::MAX)]
    }

    fn adoptions() -> Vec<Adoption> {
        let full = Adoption {
            after: Some(place(7)),
            looked_at: u64::MAX,
            adopted: u64::MAX,
            done_at: Some(at(3)),
            ..Adoption::begin(merchant("other"), u32::MAX, at(2))
        };
        vec![Adoption::begin(acme(), 1, at(0)), full]
    }

    fn chains() -> Vec<Record> {
        let sealed = |owner: &str, seq| SealedEvent {
            merchant: merchant(owner),
            event: EventId::from_uuid(u128::from(seq)),
            seq,
        };
        let longest_block = block("acme", 1_000, u64::try_from(BLOCK_ENTRIES_MAX).expect("few"));
        let mut chains = records(marks());
        chains.extend(records(vec![block("acme", u64::MAX - 1, 1), longest_block]));
        chains.extend(records(heads()));
        chains.extend(records(vec![sealed("acme", 1), sealed("other", u64::MAX)]));
        chains.extend(records(adoptions()));
        chains
    }

    pub fn replay(byte: u8, until: Instant, outcome: PurchaseOutcome) -> Replay {
        let channel = ChannelId::parse("koogallery-1").expect("valid");
        Replay { merchant: acme(), channel, digest: [byte; 32], request: [!byte; 32], until, outcome }
    }

    fn replays() -> Vec<Replay> {
        let info = InstanceInfo {
            instance_id: "i".into(),
            front_end_url: "https://portal.example/?a=1&b=2".into(),
            memo: "领取码".repeat(300),
            sign_in: None,
            license: None,
            usage: Vec::new(),
        };
        let signed_in = InstanceInfo {
            sign_in: Some(SignIn { user_name: "admin".into(), password: "密码".into() }),
            usage: vec![
                InstanceUsage {
                    related_instance_id: None,
                    value: greatest_amount(),
                    as_of: at(1),
                    dashboard_url: String::new(),
                },
                InstanceUsage {
                    related_instance_id: Some("meter".into()),
                    value: amount(0),
                    as_of: at(-1),
                    dashboard_url: "https://portal.example".into(),
                },
            ],
            ..info.clone()
        };
        let outcomes = [
            PurchaseOutcome::Done,
            PurchaseOutcome::Accepted { instance_id: "i".into(), ready: true },
            PurchaseOutcome::Delivered { info: info.clone(), license_key: None },
            PurchaseOutcome::Delivered { info: signed_in, license_key: Some("eyJ".repeat(340)) },
            PurchaseOutcome::Instances(vec![]),
            PurchaseOutcome::Instances(vec![info; 20]),
            PurchaseOutcome::InstanceUnknown,
            PurchaseOutcome::Processing,
            PurchaseOutcome::Unavailable,
            PurchaseOutcome::InvalidParameter,
            PurchaseOutcome::NoPlaceFree,
            PurchaseOutcome::OutsideValidity,
            PurchaseOutcome::EndRequired,
            PurchaseOutcome::FingerprintRequired,
            PurchaseOutcome::ChangeRefused,
        ];
        (0..).zip(outcomes).map(|(byte, outcome)| replay(byte, at(i64::from(byte)), outcome)).collect()
    }

    pub fn kit(id: &str) -> KitRecord {
        KitRecord {
            merchant: acme(),
            marketplace: Marketplace::KooGallery,
            interface: KitInterface::Tenant,
            id: vec![id.into()],
            channel: ChannelId::parse("c").expect("valid"),
            body: "{}".into(),
            received_at: at(789),
        }
    }

    fn kits() -> Vec<KitRecord> {
        use KitInterface::{Application, Authorization, Department, Departments};
        let long = ["公司".repeat(64), String::new(), "\0".into()];
        let of = |interface| KitRecord { interface, id: long.clone().into(), ..kit("t") };
        let mut kits = vec![kit("t")];
        kits.extend([Application, Authorization, Department, Departments].map(of));
        kits
    }

    fn channel_id() -> ChannelId {
        ChannelId::parse("koogallery-1").expect("valid")
    }

    fn causes() -> Vec<CallCause> {
        use CallCause::*;
        let key = || "cad-2025 \u{1f511}".to_owned();
        let mut causes = vec![
            UnknownSubPath,
            WrongMethod {
                method: "GET".into(),
                protocol: "p".into(),
                wanted: "POST".into(),
                looks_like: None,
            },
            BodyTooLarge { limit: u64::MAX },
            MalformedJson,
            NestedTooDeep { limit: 0 },
            DuplicateMember,
            QueryTooLong,
            QueryEncoding,
            QueryDuplicate,
            TooLong { name: "orderId".into(), limit: 64 },
            ClockOff { skew_secs: i64::MIN, is_signed: true },
            NonceReused,
            NoAccessKey { unresolved: words(&["env:A", "file:/b"]) },
            SignatureMissing,
            SignatureForm { chars: 63, wanted: 64 },
            SignatureUnknown { tried: 1, unresolved: vec![] },
            RetiredKey { key: key() },
            OtherUse { key: key(), used_for: AccessKeyUse::UsagePush, wanted: AccessKeyUse::Kit },
            OtherChannel { key: key(), channel: "c".into() },
            UnknownActivity { protocol: "p".into(), spoken_by: words(&["q"]), meant: Some("m".into()) },
            InstanceUnknown,
            InProgress,
            OrderHeld { sku: None },
            OrderHeld { sku: Some("S".into()) },
            Contradiction { why: "\"\\".into() },
            ChangeRefused,
            NoPlaceFree,
            OutsideValidity,
            EndRequired,
            FingerprintRequired,
            AnswerUnfit { why: String::new() },
            CutOff,
        ];
        let places = ParameterPlace::NAMES.iter().filter_map(|name| ParameterPlace::parse(name));
        causes.extend(places.map(|place| Missing { place, name: "n".into() }));
        causes.push(Malformed { place: ParameterPlace::Call, name: "n".into() });
        let ways = OnTheWay::NAMES.iter().filter_map(|name| OnTheWay::parse(name));
        causes.extend(ways.map(|how| Altered { how, key: key() }));
        let faults = OurFault::NAMES.iter().filter_map(|name| OurFault::parse(name));
        causes.extend(faults.map(|fault| Unavailable { fault }));
        causes
    }

    pub fn call(number: u128) -> ChannelCall {
        ChannelCall {
            id: CallId::from_uuid(number),
            at: at(0),
            activity: None,
            test: false,
            status: 0,
            result_code: None,
            took: Duration::ZERO,
            signed_by: None,
            cause: None,
            order_id: None,
            instance_id: None,
            count: 1,
        }
    }

    pub fn chunk(signed: bool, numbers: &[u128]) -> CallChunk {
        let calls: Vec<_> = numbers.iter().map(|number| call(*number)).collect();
        let newest = CallId::from_uuid(*numbers.last().expect("at least one"));
        CallChunk { merchant: acme(), channel: channel_id(), signed, newest, calls }
    }

    fn chunks() -> Vec<CallChunk> {
        let full = |(number, cause)| ChannelCall {
            activity: Some("newInstance".into()),
            test: true,
            status: 200,
            result_code: Some("000001".into()),
            took: Duration::from_millis(u64::MAX),
            signed_by: Some("1".into()),
            cause: Some(cause),
            order_id: Some("CS1".into()),
            instance_id: Some("i".into()),
            count: u64::MAX,
            ..call(number)
        };
        let full: Vec<_> = (2..).zip(causes()).map(full).collect();
        let newest = full.last().expect("there are some").id.clone();
        let full = CallChunk { calls: full, newest, ..chunk(true, &[2]) };
        vec![chunk(false, &[1]), full]
    }

    fn standings() -> Vec<ChannelStanding> {
        let bare = ChannelStanding::new(acme(), channel_id());
        let activity = ActivityStanding {
            tested_at: Some(at(1)),
            test_failed_at: Some(at(2)),
            test_failure: Some(CallCause::NonceReused),
            called_at: Some(at(3)),
        };
        let full = ChannelStanding {
            channel: ChannelId::parse("other").expect("valid"),
            activities: [("a".to_owned(), activity), ("b".to_owned(), ActivityStanding::default())].into(),
            keys: [("callbacks/1".to_owned(), at(4))].into(),
            tested_since: Some(at(0)),
            silence_told: Some(at(5)),
            ..bare.clone()
        };
        vec![bare, full]
    }

    pub fn notice(number: u128, kind: NoticeKind) -> ChannelNotice {
        ChannelNotice {
            id: NoticeId::from_uuid(number),
            merchant: acme(),
            channel: channel_id(),
            kind,
            at: at(0),
            activity: None,
            cause: None,
            last_success: None,
            failing: None,
        }
    }

    fn notices() -> Vec<ChannelNotice> {
        let full = |((number, kind), fault)| ChannelNotice {
            activity: Some("a".into()),
            cause: Some(CallCause::SignatureMissing),
            last_success: Some(at(-1)),
            failing: Some(FailingWork {
                refund_at: Some(at(2)),
                order_id: Some("CS1".into()),
                ..FailingWork::new(fault, "why", at(1))
            }),
            ..notice(number, kind)
        };
        let kinds = NoticeKind::NAMES.iter().filter_map(|name| NoticeKind::parse(name));
        let faults = WorkFault::NAMES.iter().cycle().filter_map(|name| WorkFault::parse(name));
        let full = (2..).zip(kinds).zip(faults).map(full);
        std::iter::once(notice(1, NoticeKind::Silent)).chain(full).collect()
    }

    pub fn idempotency(byte: u8, until: Instant) -> Idempotency {
        Idempotency {
            merchant: acme(),
            key_digest: [byte; 32],
            request_digest: [!byte; 32],
            until,
            license: license_id(byte.into()),
        }
    }

    pub fn usage_key(instance: &str, begin: i64) -> UsageKey {
        UsageKey {
            merchant: acme(),
            marketplace: Marketplace::KooGallery,
            instance: InstanceId::parse(instance).expect("valid"),
            begin: at(begin),
            end: at(begin + 3_600),
        }
    }

    pub fn usage(key: UsageKey, state: UsageState) -> UsageRecord {
        UsageRecord {
            key,
            id: UsageId::from_uuid(7),
            license: license_id(1),
            channel: ChannelId::parse("c").expect("valid"),
            product_id: None,
            package: None,
            value: amount(1),
            metering_sn: UsageId::from_uuid(7).metering_sn(),
            recorded_at: at(0),
            due_at: at(1),
            state,
        }
    }

    fn usages() -> Vec<UsageRecord> {
        let full = UsageRecord {
            product_id: Some("OFFI 1 产品".into()),
            package: Some(InstanceId::parse(&longest('p')).expect("valid")),
            value: greatest_amount(),
            metering_sn: MeteringSn::parse(&"s".repeat(METERING_SN_BYTES_MAX)).expect("valid"),
            ..usage(usage_key(&longest('i'), 3), UsageState::Pushed { at: at(9) })
        };
        let dropped = UsageState::Dropped { at: at(9), why: "太旧".into() };
        vec![usage(usage_key("i", 1), UsageState::Waiting), full, usage(usage_key("i", 2), dropped)]
    }

    fn named_usages() -> Vec<NamedUsage> {
        let name = |text: &str| MeteringSn::parse(text).expect("valid");
        vec![
            NamedUsage { metering_sn: name("1"), record: usage_key("i", 1) },
            NamedUsage { metering_sn: name(&"s".repeat(METERING_SN_BYTES_MAX)), record: usage_key("i", 3) },
        ]
    }

    pub fn waiting(channel: &str, due_at: i64, number: u128) -> WaitingUsage {
        WaitingUsage {
            channel: ChannelId::parse(channel).expect("valid"),
            due_at: at(due_at),
            id: UsageId::from_uuid(number),
            record: usage_key("i", due_at),
        }
    }

    fn usage_outboxes() -> Vec<UsageOutbox> {
        let bare = UsageOutbox {
            merchant: acme(),
            channel: ChannelId::parse("c").expect("valid"),
            next_at: None,
            batch_end: None,
            batch_max: 1,
            set_aside: 0,
        };
        let full = UsageOutbox {
            channel: ChannelId::parse("d").expect("valid"),
            next_at: Some(at(1)),
            batch_end: Some((at(2), UsageId::from_uuid(3))),
            batch_max: u32::MAX,
            set_aside: u32::MAX,
            ..bare.clone()
        };
        vec![bare, full]
    }

    fn usage_sums() -> Vec<UsageSum> {
        let id = |text: &str| InstanceId::parse(text).expect("valid");
        let bare = UsageSum::new(acme(), Marketplace::KooGallery, id("i"), at(0));
        let used = |related: Option<&str>, count| UsedFor { related: related.map(id), amount: amount(count) };
        let used = vec![used(None, 0), used(Some("meter"), 12_345)];
        vec![bare.clone(), UsageSum { instance: id(&longest('i')), used, as_of: at(9), ..bare }]
    }

    pub fn all() -> Vec<Record> {
        let mut all = records(merchants());
        all.extend(records(vec![product("acme", "p"), product("acme", &"q".repeat(SLUG_BYTES_MAX))]));
        all.extend(records(specs()));
        all.extend(records(channels()));
        all.extend(records(api_tokens()));
        all.extend(records(token_uses()));
        all.extend(records(sessions()));
        all.extend(records(sign_in_links()));
        all.extend(records(purchases()));
        all.extend(records(instances()));
        all.extend(records(authorization_codes()));
        all.extend(records(vec![handed_over(None), handed_over(Some([0; COMMITMENT_BYTES]))]));
        all.extend(records(vec![pending("acme", 1), pending("acme", u128::MAX)]));
        all.extend(records(licenses()));
        all.extend(records(app_infos()));
        all.extend(records(claim_targets()));
        all.extend(records(places()));
        all.extend(records(activations()));
        all.extend(records(devices()));
        all.extend(records(status_lists()));
        all.extend(records(flips()));
        all.extend(records(jobs()));
        all.extend(records(mappings()));
        all.extend(records(events()));
        all.extend(chains());
        all.extend(records(replays()));
        all.extend(records(kits()));
        all.extend(records(chunks()));
        all.extend(records(standings()));
        all.extend(records(notices()));
        all.extend(records(usages()));
        all.extend(records(named_usages()));
        all.extend(records(vec![waiting("c", 1, 1), waiting("c-1", -1, u128::MAX)]));
        all.extend(records(usage_outboxes()));
        all.extend(records(usage_sums()));
        all.extend(records(vec![idempotency(0, at(-1)), idempotency(255, at(1))]));
        let erased = |merchant: &str, customer| Erasure {
            merchant: MerchantId::parse(merchant).expect("valid"),
            customer: CustomerDigest([customer; 32]),
            pseudonym: CustomerId::pseudonym("0").expect("valid"),
            at: at(1),
        };
        all.extend(records(vec![erased("acme", 0), erased("acme", 255), erased("b", 0)]));
        let term = SearchTerm {
            merchant: acme(),
            field: TermField::Order,
            value: String::new(),
            license: license_id(0),
            activation: None,
        };
        let machine = SearchTerm {
            field: TermField::Machine,
            value: "机".repeat(TERM_BYTES_MAX / 3),
            license: license_id(u128::MAX),
            activation: Some(ActivationId::from_uuid(u128::MAX)),
            ..term.clone()
        };
        all.extend(records(vec![term, machine]));
        all.extend(outbound());
        all.extend(only_ones());
        all
    }

    /// Where events are sent, and how far that is.
    fn outbound() -> Vec<Record> {
        use lictor::domain::{
            Attempt, CertificateTold, Delivery, DeliveryId, DeliveryState, DisableCause, EndsTold,
            KeptSecret, ReplaySpan, Webhook, WebhookDisabled, WebhookEvent, WebhookId, WebhookProgress,
            WebhookReplay, WebhookSecret, WebhookSecretId,
        };

        let (first, second) = (WebhookId::from_uuid(0), WebhookId::from_uuid(u128::MAX));
        let secret = |kept, ends_at| WebhookSecret {
            id: WebhookSecretId::from_uuid(1),
            kept,
            created_at: at(0),
            ends_at,
        };
        let bare = Webhook {
            id: first.clone(),
            merchant: acme(),
            url: "https://a.example/".into(),
            description: String::new(),
            events: Vec::new(),
            expiring_days: Vec::new(),
            secrets: vec![secret(KeptSecret::Sealed(vec![0, 255]), None)],
            disabled: None,
            created_at: at(0),
            updated_at: at(0),
        };
        let full = Webhook {
            id: second.clone(),
            description: "激活 \"x\"".into(),
            events: vec![WebhookEvent::LicenseIssued, WebhookEvent::ActivationRenewed],
            expiring_days: vec![366, 1],
            secrets: vec![
                secret(KeptSecret::Reference(SecretRef::Env("A".into())), Some(at(1))),
                secret(KeptSecret::Reference(SecretRef::File("/b".into())), None),
            ],
            disabled: Some(WebhookDisabled { at: at(1), cause: DisableCause::Gone }),
            ..bare.clone()
        };
        let begun = WebhookProgress::new(acme(), first.clone(), 0, at(0));
        let far = WebhookProgress {
            webhook: second.clone(),
            cursor: u64::MAX,
            leased_until: Some(at(1)),
            failing_since: Some(at(0)),
            failures_in_row: u32::MAX,
            rests_until: Some(at(1)),
            sent_in_minute: 600,
            last_success_at: Some(at(-1)),
            last_failure_at: Some(at(0)),
            since_trim: 49,
            pending: 64,
            oldest_at: Some(at(0)),
            next_due_at: Some(at(1)),
            ..begun.clone()
        };
        let span = ReplaySpan { after: 0, through: u64::MAX, left: u32::MAX };
        let replay =
            |webhook: &WebhookId, spans| WebhookReplay { merchant: acme(), webhook: webhook.clone(), spans };
        let made = Delivery {
            id: DeliveryId::from_uuid(1),
            merchant: acme(),
            webhook: first.clone(),
            event: EventId::from_uuid(1),
            kind: WebhookEvent::Test,
            seq: None,
            made_at: at(0),
            body: "{}".into(),
            attempts: 0,
            step: 0,
            due_at: at(0),
            due_later: None,
            last: None,
            state: DeliveryState::Pending,
        };
        let attempt = |status| Attempt {
            at: at(1),
            took: std::time::Duration::from_millis(7),
            status,
            words: "no".into(),
        };
        let tried = Delivery {
            id: DeliveryId::from_uuid(2),
            seq: Some(u64::MAX),
            attempts: 3,
            step: 2,
            due_later: Some(at(1)),
            last: Some(attempt(None)),
            ..made.clone()
        };
        let ended = |id, state| Delivery {
            id: DeliveryId::from_uuid(id),
            body: String::new(),
            last: Some(attempt(Some(500))),
            state,
            ..made.clone()
        };
        let told = |days, through| EndsTold { merchant: acme(), days, until: at(0), through };
        let certificate = |merchant: &str| CertificateTold {
            merchant: MerchantId::parse(merchant).expect("valid"),
            ends_at: at(1),
            days: 30,
        };
        let mut all = records(vec![bare, full]);
        all.extend(records(vec![begun, far]));
        all.extend(records(vec![replay(&first, Vec::new()), replay(&second, vec![span])]));
        let (delivered, given_up) = (DeliveryState::Delivered(at(1)), DeliveryState::GivenUp(at(1)));
        all.extend(records(vec![made.clone(), tried, ended(3, delivered), ended(4, given_up)]));
        all.extend(records(vec![told(0, None), told(366, Some(license_id(1)))]));
        all.extend(records(vec![certificate("acme"), certificate("b")]));
        all
    }

    /// Records of which there is one, under one key.
    pub fn only_ones() -> Vec<Record> {
        let mut only_ones = records(vec![SealerLease { holder: u64::MAX, until: at(1) }]);
        only_ones.extend(records(vec![Restore { taken_at: at(0), restored_at: at(1) }]));
        let pass = FillingPass { began_at: at(2), merchant: acme(), before: Some(license_id(7)) };
        only_ones
            .extend(records(vec![IndexFilling { under_way: Some(pass), complete: Some((at(0), at(1))) }]));
        only_ones
    }

    fn records(nouns: Vec<impl Stored>) -> Vec<Record> {
        nouns.into_iter().map(Stored::into_record).collect()
    }

    trait ToMillis {
        fn trunc_to_millis(self) -> Instant;
    }

    impl ToMillis for Instant {
        fn trunc_to_millis(self) -> Instant {
            Instant::from_timestamp_millis(self.timestamp_millis()).expect("it was one")
        }
    }
}

use sample::{acme, at, license_id, line, merchant};

fn repository() -> (Repository, RecordStore, MemoryEngine) {
    let memory = MemoryEngine::new();
    let raw = RecordStore::start(memory.clone());
    (Repository::new(raw.clone()), raw, memory)
}

async fn put_all(store: &Repository, records: impl IntoIterator<Item = Record>) {
    for record in records {
        store.commit(Commit::new().with(Change::Put(record, ABSENT))).await.expect("a new record");
    }
}

async fn put_nouns(store: &Repository, nouns: impl IntoIterator<Item = impl Stored>) {
    put_all(store, nouns.into_iter().map(Stored::into_record)).await;
}

async fn load_one(store: &Repository, key: &RecordKey) -> Option<Versioned<Record>> {
    let loaded = store.load(std::slice::from_ref(key)).await.expect("readable");
    assert_eq!(loaded.len(), 1);
    loaded.into_iter().next().expect("one")
}

async fn revision(store: &Repository, key: &RecordKey) -> u64 {
    load_one(store, key).await.map_or(ABSENT, |found| found.revision)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

mod round_trip {
    use super::*;

    #[tokio::test]
    async fn every_record_is_read_back_as_it_was_written() {
        let (store, _, _) = repository();
        let all = sample::all();
        put_all(&store, all.clone()).await;
        for record in all {
            let found = load_one(&store, &record.key()).await.map(|found| found.value);
            assert_eq!(found, Some(record));
        }
    }

    #[tokio::test]
    async fn every_record_that_is_set_is_read_back_as_it_was_written() {
        let (store, _, _) = repository();
        for record in sample::all() {
            store.commit(Commit::new().with(Change::Set(record.clone()))).await.expect("set");
            let found = load_one(&store, &record.key()).await.map(|found| found.value);
            assert_eq!(found, Some(record));
        }
    }

    #[test]
    fn the_samples_hold_every_kind_of_record_and_no_key_twice() {
        let all = sample::all();
        let kinds: Vec<_> = all.iter().map(std::mem::discriminant).collect();
        let mut distinct = kinds.clone();
        distinct.dedup();
        assert_eq!(distinct.len(), 51);
        let only_ones: Vec<_> = sample::only_ones().iter().map(std::mem::discriminant).collect();
        for kind in distinct.into_iter().filter(|kind| !only_ones.contains(kind)) {
            assert!(kinds.iter().filter(|other| **other == kind).count() >= 2, "a bare one and a full one");
        }
        let keys: BTreeSet<_> = all.iter().map(Record::key).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[tokio::test]
    async fn a_page_is_loaded_in_the_order_of_the_keys_and_absent_is_none() {
        let (store, _, _) = repository();
        put_nouns(&store, [sample::license("acme", 1), sample::license("acme", 2)]).await;
        let keys = [3, 2, 1, 2].map(|number| RecordKey::License(acme(), license_id(number)));
        let loaded = store.load(&keys).await.expect("readable");
        let found: Vec<_> =
            loaded.iter().map(|found| found.as_ref().map(|found| found.value.key())).collect();
        let [_, second, first, again] = keys;
        assert_eq!(found, [None, Some(second), Some(first), Some(again)]);
    }

    #[tokio::test]
    async fn an_instant_is_kept_to_the_millisecond_and_still_found() {
        let (store, _, _) = repository();
        let due_at = Instant::from_timestamp_nanos(-1_999_999);
        put_nouns(&store, [sample::job(due_at, 1)]).await;
        let key = RecordKey::Job { lane: None, due_at, id: JobId::from_uuid(1) };
        let found: Versioned<Job> = find(&store, key).await.expect("readable").expect("there");
        assert_eq!(found.value.due_at, Instant::from_timestamp_nanos(-2_000_000));
    }

    fn instants() -> impl Strategy<Value = Instant> {
        let range = Instant::MIN_UTC.timestamp_millis()..=Instant::MAX_UTC.timestamp_millis();
        prop_oneof![range, -5_000_i64..5_000, Just(1_790_000_000_123)]
            .prop_map(|millis| Instant::from_timestamp_millis(millis).expect("in the calendar"))
    }

    fn validities() -> impl Strategy<Value = Validity> {
        let parts = (instants(), proptest::option::of(instants()), instants(), any::<Option<u32>>());
        parts.prop_map(|(starts_at, ends_at, anchor, anchored_months)| Validity {
            starts_at,
            ends_at,
            anchor,
            anchored_months,
        })
    }

    fn terms() -> impl Strategy<Value = Term> {
        (0..4_u8, any::<u32>()).prop_map(|(unit, count)| match unit {
            0 => Term::Days(count),
            1 => Term::Months(count),
            2 => Term::Years(count),
            _ => Term::Permanent,
        })
    }

    fn machines() -> impl Strategy<Value = Machine> {
        let subset = proptest::sample::subsequence(vec!["os", "fw", "brd", "dsk", "net", "opq"], 0..=6);
        (subset, any::<[u8; COMMITMENT_BYTES]>()).prop_map(|(names, value)| Machine {
            components: names.iter().filter_map(|name| Some((Component::parse(name)?, value))).collect(),
        })
    }

    prop_compose! {
        fn licenses()(
            validity in validities(),
            term in terms(),
            (label, license_key, reason) in any::<(String, String, Option<String>)>(),
            attributes in any::<BTreeMap<String, String>>(),
            (generation, number) in any::<(u32, u128)>(),
            secs in any::<u64>(),
            updated_at in instants(),
        ) -> License {
            let mut license = sample::license("acme", number);
            license.sold.term = term;
            license.sold.attributes = attributes;
            license.sold.offline.lease = Duration::from_secs(secs);
            license.holds.merchant = Some(Hold { since: updated_at, reason });
            License { validity, label, license_key, generation, updated_at, ..license }
        }
    }

    prop_compose! {
        fn activations()(
            validity in validities(),
            machine in machines(),
            (nonce, certificate, name) in any::<(String, String, String)>(),
            (generation, follows, list, idx, number) in any::<(u64, Option<u64>, u32, u32, u128)>(),
            renew_after in instants(),
        ) -> Activation {
            let token_id = TokenId::from_uuid(number);
            let lease = Lease { validity, renew_after, generation, follows, nonce, token_id, certificate };
            Activation {
                machine,
                name,
                slot: StatusSlot { list, idx },
                state: ActivationState::Held(lease),
                ..sample::activation("acme", 1, number)
            }
        }
    }

    prop_compose! {
        fn status_lists()(
            bits in proptest::collection::vec(any::<u8>(), 0..200),
            (number, seq, token) in any::<(u32, u64, String)>(),
            expires_at in instants(),
        ) -> StatusList {
            StatusList { bits, seq, token, expires_at, ..sample::status_list("acme", number) }
        }
    }

    prop_compose! {
        fn purchases()(
            order_id in "[!-~]{1,128}",
            line_id in proptest::option::of("[!-~]{1,128}"),
            product_id in proptest::option::of(".{0,24}"),
            received_at in instants(),
        ) -> Purchase {
            let line_id = line_id.map(|text| OrderLineId::parse(&text).expect("valid"));
            let key = OrderLineKey { line_id, product_id, ..line(&order_id) };
            Purchase { received_at, ..sample::purchase(key) }
        }
    }

    fn records() -> impl Strategy<Value = Record> {
        prop_oneof![
            licenses().prop_map(Stored::into_record),
            activations().prop_map(Stored::into_record),
            status_lists().prop_map(Stored::into_record),
            purchases().prop_map(Stored::into_record),
            (instants(), any::<u128>()).prop_map(|(at, number)| sample::job(at, number).into_record()),
            (instants(), any::<u8>()).prop_map(|(at, byte)| sample::idempotency(byte, at).into_record()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn whatever_the_domain_can_hold_is_read_back(record in records()) {
            let found = block_on(async {
                let (store, _, _) = repository();
                put_all(&store, [record.clone()]).await;
                load_one(&store, &record.key()).await.map(|found| found.value)
            });
            prop_assert_eq!(found, Some(record));
        }

        #[test]
        fn orders_never_see_each_others_purchases(
            parts in proptest::collection::btree_set(
                ("[alp/]{1,3}", proptest::option::of("[alp/]{1,2}"), proptest::option::of("[alp\u{0}]{0,2}")),
                1..12,
            ),
        ) {
            let key = |(order_id, line_id, product_id): &(String, Option<String>, Option<String>)| {
                let line_id = line_id.as_ref().map(|text| OrderLineId::parse(text).expect("valid"));
                OrderLineKey { line_id, product_id: product_id.clone(), ..line(order_id) }
            };
            let keys: BTreeSet<OrderLineKey> = parts.iter().map(key).collect();
            block_on(async {
                let (store, _, _) = repository();
                put_nouns(&store, keys.iter().cloned().map(sample::purchase)).await;
                for asked in keys.iter().map(|key| &key.order_id) {
                    let listing = Listing::PurchasesOfOrder {
                        merchant: acme(),
                        marketplace: Marketplace::Generic,
                        order_id: asked.clone(),
                    };
                    let found = list::<Purchase>(&store, &listing, 1_000).await.expect("readable");
                    let found: BTreeSet<_> = found.into_iter().map(|found| found.value.key).collect();
                    let expected = keys.iter().filter(|key| key.order_id == *asked).cloned().collect();
                    assert_eq!(found, expected, "{asked}");
                }
            });
        }

        #[test]
        fn jobs_sort_by_the_time_they_are_due(
            jobs in proptest::collection::btree_set((instants(), any::<u128>()), 1..12),
        ) {
            let found = block_on(async {
                let (store, _, _) = repository();
                put_nouns(&store, jobs.iter().rev().map(|(due_at, number)| sample::job(*due_at, *number))).await;
                list::<Job>(&store, &Listing::Jobs, 1_000).await.expect("readable")
            });
            let found: Vec<_> = found.into_iter().map(|found| (found.value.due_at, found.value.id)).collect();
            let expected: Vec<_> =
                jobs.into_iter().map(|(due_at, number)| (due_at, JobId::from_uuid(number))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

mod stored_form {
    use super::*;

    /// Of each table the bare sample: these bytes lie in stores. Who changes them counts the table's schema up
    /// and goes on reading the old ones.
    const BARE: &str = r#"/acc/link\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 1 until Some(2678401789) {"id":"lnk_0000000000000000000001","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","owner":"server","token":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","gives":{"name":"","scopes":[]},"created_at_ms":1789,"expires_at_ms":2789}
/acc/session\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 1 until Some(28802789) {"id":"ses_0000000000000000000000","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","owner":"server","token":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","created_at_ms":1789,"last_seen_at_ms":2789}
/acc/use\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 1 until None {"token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","last_used_at_ms":-211}
/aud/lease schema 1 until None {"holder":18446744073709551615,"until_ms":1789}
/aud/unsealed\x00acme\x00evt_0000000000000000000001 schema 1 until None {"merchant":"acme","place":{"event":"evt_0000000000000000000001","subject":"license/lic_0000000000000000000001","under_license":true},"adopted":false}
/aud/unsealed\x00acme\x00evt_00000000000000000000WG schema 1 until None {"merchant":"acme","place":{"event":"evt_00000000000000000000WG","subject":"license/lic_0000000000000000000001","under_license":true},"adopted":false}
/cat/merchant\x00m schema 1 until None {"id":"m","name":{},"issuer":"","time_zone":"","locale":""}
/cat/token\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 1 until None {"id":"tok_0000000000000000000000","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","name":"","owner":"server","scopes":[],"created_at_ms":789}
/job/\x80\x00\x00\x00\x00\x00\x06\xfdjob_0000000000000000000001 schema 2 until None {"id":"job_0000000000000000000001","due_at_ms":1789,"attempts":0,"task":{"settle_purchase":{"purchase":{"merchant":"acme","marketplace":"generic","order_id":"CS1"}}}}
/met/index-filling schema 1 until None {"under_way":{"began_at_ms":2789,"merchant":"acme","before":"lic_0000000000000000000007"},"complete_ms":[789,1789]}
/met/restore schema 1 until None {"taken_at_ms":789,"restored_at_ms":1789}
acme/act/lic_0000000000000000000001\x00act_0000000000000000000001 schema 2 until None {"id":"act_0000000000000000000001","merchant":"acme","license":"lic_0000000000000000000001","machine":{},"name":"","slot":{"list":0,"idx":0},"created_at_ms":789,"state":{"ended":{"at_ms":1789,"cause":"holder"}}}
acme/app/lic_0000000000000000000001 schema 1 until None {"merchant":"acme","license":"lic_0000000000000000000001","front_end_url":"https://t1.example","set_at_ms":789789}
acme/aud/adoption schema 1 until None {"merchant":"acme","pass":1,"began_at_ms":789,"after":null,"looked_at":0,"adopted":0,"done_at_ms":null}
acme/aud/block\x00\xff\xff\xff\xff\xff\xff\xff\xfe schema 1 until None {"merchant":"acme","entries":[{"seq":18446744073709551614,"place":{"event":"evt_00000000000LygHa16AHYE","subject":"activation/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////","under_license":false},"adopted":true,"digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","link":"__________________________________________8"}],"sealed_at_ms":1789,"head":"eyJ.a.b"}
acme/aud/head schema 1 until None {"merchant":"acme","seq":1,"link":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","sealed_at_ms":-211,"token":"eyJ.a.b"}
acme/aud/place\x00evt_0000000000000000000001 schema 1 until None {"merchant":"acme","event":"evt_0000000000000000000001","seq":1}
acme/cal/koogallery-1\x00ucal_0000000000000000000001 schema 1 until None {"merchant":"acme","channel":"koogallery-1","signed":false,"newest":"cal_0000000000000000000001","calls":[{"id":"cal_0000000000000000000001","at_ms":789,"status":0,"took_ms":0,"count":1}]}
acme/cat/channel\x00c schema 1 until None {"merchant":"acme","channel":{"id":"c","marketplace":"generic","protocol":"","products":[],"access_keys":[],"ready":"minted"}}
acme/cat/mapping\x00sCAD-NEW schema 1 until None {"merchant":"acme","code":{"sku":"CAD-NEW"},"spec":"cad-year","since_ms":1789}
acme/cat/product\x00p schema 1 until None {"merchant":"acme","product":{"id":"p","name":{},"front_end_url":"","memo":{"zh":"{claim_code} 许可证 \"\\\n"}}}
acme/cat/spec\x00s schema 1 until None {"merchant":"acme","spec":{"id":"s","product":"renderer","skus":[],"product_ids":[],"name":{},"term":"as_ordered","machines":"unlimited","multiply":"none","entitlements":[],"attributes":{},"starts":"purchase","kind":"license","offline":{"lease_secs":2592000,"renew_after_secs":604800,"air_gap_lease_secs":31622400,"status":"prefer","max_status_age_secs":1209600,"grace_secs":259200,"enforcement":"enforce"},"machine":{"binding":"hardware","floating_lease_secs":1800,"when_full":"refuse","moves_per_30_days":3},"quota":[]}}
acme/clm/\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 1 until None {"merchant":"acme","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","license":"lic_0000000000000000000000","generation":0}
acme/cod/koogallery\x00PL1 schema 1 until None {"merchant":"acme","marketplace":"koogallery","code":"PL1","state":"unredeemed","early":[]}
acme/esc/lic_0000000000000000000001\x00act_0000000000000000000001 schema 1 until None {"merchant":"acme","license":"lic_0000000000000000000001","activation":"act_0000000000000000000001","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","thumbprint":"__________________________________________8","head":{"seq":0,"hash":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"},"generation":0,"merged_until_ms":null,"recent":[],"shares":[],"shares_granted":0}
acme/evt/lic_0000000000000000000001\x00evt_0000000000000000000001 schema 1 until None {"id":"evt_0000000000000000000001","merchant":"acme","license":"lic_0000000000000000000001","at_ms":789,"actor":"server","kind":"license.issued","detail":{}}
acme/hnd/koogallery\x008a1be5694d0c4cc8\x00 schema 1 until None {"key":{"merchant":"acme","marketplace":"koogallery","request":"8a1be5694d0c4cc8"},"channel":"online","license":"lic_0000000000000000000001","text":"","is_waiting":true}
acme/idm/\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 1 until Some(0) {"merchant":"acme","key_digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","request_digest":"__________________________________________8","until_ms":-211,"license":"lic_0000000000000000000000"}
acme/ins/generic\x00i schema 1 until None {"id":"i","purchase":{"merchant":"acme","marketplace":"generic","order_id":"CS1"}}
acme/ix_/pending\x00lic_0000000000000000000001 schema 1 until None {"id":"lic_0000000000000000000001","purchase":{"merchant":"acme","marketplace":"generic","order_id":"CS1"}}
acme/ix_/term\x00aact_0000000000000000000001\x00lic_0000000000000000000001act_0000000000000000000001 schema 1 until None 
acme/ix_/term\x00ii\x00lic_0000000000000000000001 schema 1 until None 
acme/ix_/term\x00nnever\x00lic_0000000000000000000001 schema 1 until None 
acme/ix_/term\x00o\x00lic_0000000000000000000000 schema 1 until None 
acme/ix_/term\x00ocs1\x00lic_0000000000000000000001 schema 1 until None 
acme/ix_/term\x00prenderer\x00lic_0000000000000000000001 schema 1 until None 
acme/ix_/term\x00ss\x00lic_0000000000000000000001 schema 1 until None 
acme/ix_/term\x00twaiting\x00lic_0000000000000000000001 schema 1 until None 
acme/kit/koogallery\x00tenant\x00i\xa3(\x84Uj\xebw\x98\xf2\xcfE\xfc]w,\x96\xe1&W,\"\xe6\xb4[\xfe\xb9\xf0\xbdJ\xe4x schema 1 until None {"merchant":"acme","marketplace":"koogallery","interface":"tenant","id":["t"],"channel":"c","body":"{}","received_at_ms":789789}
acme/lic/lic_0000000000000000000001 schema 2 until None {"id":"lic_0000000000000000000001","merchant":"acme","product":"renderer","origin":{"issued":{"by":""}},"label":"","env":"live","sold":{"spec":"s","term":"permanent","machines":"unlimited","entitlements":[],"attributes":{},"offline":{"lease_secs":2592000,"renew_after_secs":604800,"air_gap_lease_secs":31622400,"status":"prefer","max_status_age_secs":1209600,"grace_secs":259200,"enforcement":"enforce"},"machine":{"binding":"hardware","floating_lease_secs":1800,"when_full":"refuse","moves_per_30_days":3},"quota":[]},"validity":{"starts_at_ms":0,"anchor_ms":0},"holds":{},"end":"running","generation":0,"issued":[],"license_key":"","orders":[],"created_at_ms":789,"updated_at_ms":789}
acme/met/erased/\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 1 until None {"merchant":"acme","customer":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","pseudonym":"erased-0","at_ms":1789}
acme/non/koogallery-1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 schema 2 until Some(789) {"merchant":"acme","channel":"koogallery-1","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","request":"__________________________________________8","until_ms":789,"outcome":"done"}
acme/ntc/koogallery-1\x00ntc_0000000000000000000001 schema 1 until None {"id":"ntc_0000000000000000000001","merchant":"acme","channel":"koogallery-1","kind":"channel.silent","at_ms":789}
acme/plc/lic_0000000000000000000001 schema 1 until None {"merchant":"acme","license":"lic_0000000000000000000001","places":{"held":[]}}
acme/pur/generic\x00CS1\x00 schema 2 until None {"key":{"merchant":"acme","marketplace":"generic","order_id":"CS1"},"license":"lic_0000000000000000000001","instance":"i","channel":"c","received_at_ms":789,"env":"live","state":"received","early":[]}
acme/slb/\x00\x00\x00\x00 schema 1 until None {"merchant":"acme","number":0,"bits":"","seq":0,"token":"","published_at_ms":789,"expires_at_ms":1789}
acme/slf/\xff\xff\xff\xff\x00\x00\x00\x00 schema 1 until None {"merchant":"acme","slot":{"list":4294967295,"idx":0},"status":"valid"}
acme/std/koogallery-1 schema 1 until None {"merchant":"acme","channel":"koogallery-1","activities":{},"keys":{}}
acme/usg/name\x001 schema 1 until None {"metering_sn":"1","record":{"merchant":"acme","marketplace":"koogallery","instance":"i","begin_ms":1789,"end_ms":3601789}}
acme/usg/outbox\x00c schema 1 until None {"merchant":"acme","channel":"c","batch_max":1,"set_aside":0}
acme/usg/record\x00koogallery\x00i\x00\x80\x00\x00\x00\x00\x00\x06\xfd\x80\x00\x00\x00\x006\xf5} schema 1 until None {"key":{"merchant":"acme","marketplace":"koogallery","instance":"i","begin_ms":1789,"end_ms":3601789},"id":"usg_0000000000000000000007","license":"lic_0000000000000000000001","channel":"c","value":1,"metering_sn":"usg_0000000000000000000007","recorded_at_ms":789,"due_at_ms":1789,"state":"waiting"}
acme/usg/sum\x00koogallery\x00i schema 1 until None {"merchant":"acme","marketplace":"koogallery","instance":"i","used":[],"as_of_ms":789}
acme/usg/waiting\x00c\x00\x80\x00\x00\x00\x00\x00\x06\xfdusg_0000000000000000000001 schema 1 until None {"channel":"c","due_at_ms":1789,"id":"usg_0000000000000000000001","record":{"merchant":"acme","marketplace":"koogallery","instance":"i","begin_ms":1789,"end_ms":3601789}}
acme/whk/certificate schema 1 until None {"merchant":"acme","ends_at_ms":1789,"days":30}
acme/whk/endpoint\x00whk_0000000000000000000000 schema 1 until None {"id":"whk_0000000000000000000000","merchant":"acme","url":"https://a.example/","description":"","events":[],"expiring_days":[],"secrets":[{"id":"wsk_0000000000000000000001","kept":{"sealed":"AP8"},"created_at_ms":789}],"created_at_ms":789,"updated_at_ms":789}
acme/whk/ends\x00\x00\x00 schema 1 until None {"merchant":"acme","days":0,"until_ms":789}
acme/whk/pending\x00whk_0000000000000000000000\x00dlv_0000000000000000000001 schema 1 until None {"id":"dlv_0000000000000000000001","merchant":"acme","webhook":"whk_0000000000000000000000","event":"evt_0000000000000000000001","kind":"lictor.test","made_at_ms":789,"body":"{}","attempts":0,"step":0,"due_at_ms":789,"state":"pending"}
acme/whk/progress\x00whk_0000000000000000000000 schema 1 until None {"merchant":"acme","webhook":"whk_0000000000000000000000","cursor":0,"failures_in_row":0,"minute_ms":789,"sent_in_minute":0,"since_trim":0,"pending":0}
acme/whk/replay\x00whk_0000000000000000000000 schema 1 until None {"merchant":"acme","webhook":"whk_0000000000000000000000","spans":[]}
"#;

    #[tokio::test]
    async fn what_is_stored_does_not_change_within_a_schema() {
        let (store, _, memory) = repository();
        let mut seen = Vec::new();
        for record in sample::all() {
            let kind = std::mem::discriminant(&record);
            if !seen.contains(&kind) {
                seen.push(kind);
                put_all(&store, [record]).await;
            }
        }
        let stored = memory.records().into_iter().map(|(key, raw)| {
            let body = String::from_utf8(raw.body).expect("JSON is text");
            format!("{key} schema {} until {:?} {body}\n", raw.schema, raw.until_ms)
        });
        assert_eq!(stored.collect::<String>(), BARE);
    }
}

mod listings {
    use super::*;

    #[tokio::test]
    async fn calls_and_notices_of_a_channel_are_listed_newest_first_and_the_signed_ones_apart() {
        let (store, _, _) = repository();
        let chunks = [(true, 1), (true, 3), (false, 2), (true, 2)];
        put_nouns(&store, chunks.map(|(signed, number)| sample::chunk(signed, &[number]))).await;
        put_nouns(&store, [1, 2].map(|number| sample::notice(number, NoticeKind::Silent))).await;
        let channel = ChannelId::parse("koogallery-1").expect("valid");
        for (signed, numbers) in [(true, vec![3, 2, 1]), (false, vec![2])] {
            let listing = Listing::Calls { merchant: acme(), channel: channel.clone(), signed };
            let found: Vec<Versioned<CallChunk>> = list(&store, &listing, 10).await.expect("readable");
            let newest: Vec<_> = found.into_iter().map(|chunk| chunk.value.newest).collect();
            assert_eq!(newest, numbers.into_iter().map(CallId::from_uuid).collect::<Vec<_>>());
        }
        let found: Vec<Versioned<ChannelNotice>> =
            list(&store, &Listing::Notices(acme(), channel), 10).await.expect("readable");
        let ids: Vec<_> = found.into_iter().map(|notice| notice.value.id).collect();
        assert_eq!(ids, [2, 1].map(NoticeId::from_uuid));
        let other = ChannelId::parse("koogallery").expect("valid");
        let listing = Listing::Calls { merchant: acme(), channel: other, signed: true };
        assert!(list::<CallChunk>(&store, &listing, 10).await.expect("readable").is_empty());
    }

    async fn keys(store: &Repository, listing: &Listing, limit: usize) -> Vec<RecordKey> {
        let found = store.list(listing, limit).await.expect("readable");
        found.iter().map(|found| found.value.key()).collect()
    }

    fn license_keys<const N: usize>(numbers: [u128; N]) -> Vec<RecordKey> {
        numbers.map(|number| RecordKey::License(acme(), license_id(number))).into()
    }

    #[tokio::test]
    async fn licenses_are_listed_newest_first_below_an_id_and_of_one_merchant() {
        let (store, _, _) = repository();
        put_nouns(&store, [2, 5, 1, 4, 3].map(|number| sample::license("acme", number))).await;
        put_nouns(&store, ["acm", "acme-2", "acmf"].map(|owner| sample::license(owner, 9))).await;
        put_nouns(&store, [sample::pending("acme", 9)]).await;
        let listing =
            |before: Option<u128>| Listing::Licenses { merchant: acme(), before: before.map(license_id) };
        assert_eq!(keys(&store, &listing(None), 1_000).await, license_keys([5, 4, 3, 2, 1]));
        assert_eq!(keys(&store, &listing(None), 2).await, license_keys([5, 4]));
        assert_eq!(keys(&store, &listing(Some(4)), 2).await, license_keys([3, 2]));
        assert_eq!(keys(&store, &listing(Some(2)), 2).await, license_keys([1]));
        assert_eq!(keys(&store, &listing(Some(1)), 2).await, []);
        assert_eq!(keys(&store, &listing(Some(99)), 1).await, license_keys([5]));
        assert_eq!(keys(&store, &listing(None), 0).await, []);
    }

    #[tokio::test]
    async fn pending_licenses_are_listed_newest_first_below_an_id() {
        let (store, _, _) = repository();
        put_nouns(&store, [2, 1, 3].map(|number| sample::pending("acme", number))).await;
        put_nouns(&store, [sample::pending("other", 4)]).await;
        put_nouns(&store, [sample::license("acme", 5)]).await;
        let pending = |number| RecordKey::PendingLicense(acme(), license_id(number));
        let listing = |before: Option<u128>| Listing::PendingLicenses {
            merchant: acme(),
            before: before.map(license_id),
        };
        assert_eq!(keys(&store, &listing(None), 1_000).await, [3, 2, 1].map(pending));
        assert_eq!(keys(&store, &listing(Some(3)), 1).await, [2].map(pending));
    }

    /// Of two merchants, two channels and each rank; and some that have no lane.
    #[tokio::test]
    async fn jobs_are_found_by_lane_without_a_look_at_any_other() {
        let (store, _, _) = repository();
        let (mut jobs, mut lanes, mut number) = (Vec::new(), Vec::new(), 0);
        for owner in ["acme", "acme-2", "z"] {
            for channel in [None, Some("a"), Some("a-b")] {
                for rank in [Rank::ByHand, Rank::Purchase, Rank::Ordinary] {
                    let lane = sample::lane(owner, channel, rank);
                    lanes.push(lane.clone());
                    for due_at in [3, 1, 2] {
                        number += 1;
                        jobs.push(Job { lane: Some(lane.clone()), ..sample::job(at(due_at), number) });
                    }
                }
            }
        }
        let without: Vec<_> = [9, -5].map(|due_at| sample::job(at(due_at), 99)).into();
        put_nouns(&store, jobs.iter().chain(&without).cloned()).await;
        let mut heads = Vec::new();
        let mut listing = Listing::Jobs;
        while let [RecordKey::Job { lane, due_at, .. }] = keys(&store, &listing, 1).await.as_slice() {
            heads.push((lane.clone(), *due_at));
            let Some(lane) = lane.clone() else { break };
            listing = Listing::JobsBehindLane(lane);
        }
        let mut expected: Vec<_> = lanes.iter().map(|lane| (Some(lane.clone()), at(1))).collect();
        expected.push((None, at(-5)));
        assert_eq!(heads, expected);
        let due = |found: Vec<RecordKey>| {
            let due = found.into_iter().map(|key| match key {
                RecordKey::Job { due_at, .. } => due_at,
                other => panic!("{other:?}"),
            });
            due.collect::<Vec<_>>()
        };
        for lane in lanes {
            for (from, expected) in [(None, &[1, 2, 3][..]), (Some(at(2)), &[2, 3]), (Some(at(4)), &[])] {
                let listing = Listing::JobsOfLane { lane: lane.clone(), from };
                let expected: Vec<_> = expected.iter().map(|secs| at(*secs)).collect();
                assert_eq!(due(keys(&store, &listing, 10).await), expected);
            }
        }
        assert_eq!(due(keys(&store, &Listing::JobsWithoutLane, 10).await), [at(-5), at(9)]);
        let mut found = Vec::new();
        loop {
            let listing = Listing::JobsOfMerchant { merchant: acme(), after: found.last().cloned() };
            let page = keys(&store, &listing, 7).await;
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        let own = |key: &RecordKey| matches!(key, RecordKey::Job { lane: Some(lane), .. } if lane.merchant == acme());
        assert_eq!((found.len(), found.iter().all(own)), (27, true));
        assert!(found.is_sorted());
    }

    #[tokio::test]
    async fn the_catalog_is_listed_by_kind_and_merchant() {
        let (store, _, _) = repository();
        put_all(&store, sample::all()).await;
        put_nouns(&store, ["a", "z", "b"].map(|id| sample::product("other", id))).await;
        let other = merchant("other");
        let products = |ids: &[&str]| {
            let key = |id: &&str| RecordKey::Product(other.clone(), ProductId::parse(id).expect("valid"));
            ids.iter().map(key).collect::<Vec<_>>()
        };
        assert_eq!(keys(&store, &Listing::Products(other.clone()), 9).await, products(&["a", "b", "z"]));
        assert_eq!(keys(&store, &Listing::Specs(other), 9).await, []);
        let all = sample::all();
        let own = |is: fn(&RecordKey) -> bool| {
            all.iter().map(Record::key).filter(is).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        let found = keys(&store, &Listing::Products(acme()), 9).await;
        assert_eq!(found, own(|key| matches!(key, RecordKey::Product(..))));
        let found = keys(&store, &Listing::Specs(acme()), 9).await;
        assert_eq!(found, own(|key| matches!(key, RecordKey::Spec(..))));
        let found = keys(&store, &Listing::Channels(acme()), 9).await;
        assert_eq!(found, own(|key| matches!(key, RecordKey::Channel(..))));
        let found = keys(&store, &Listing::Merchants, 9).await;
        assert_eq!(found, own(|key| matches!(key, RecordKey::Merchant(..))));
        let sessions = |owner| Listing::Sessions { owner, after: None };
        let found = keys(&store, &sessions(None), 9).await;
        assert_eq!(found, own(|key| matches!(key, RecordKey::Session(None, _))));
        let found = keys(&store, &sessions(Some(acme())), 9).await;
        assert_eq!(found, own(|key| matches!(key, RecordKey::Session(Some(_), _))));
        let after = found.first().cloned();
        let rest = keys(&store, &Listing::Sessions { owner: Some(acme()), after }, 9).await;
        assert_eq!(rest, found[1..]);
        let links = Listing::SignInLinks { owner: Some(acme()), after: None };
        let found = keys(&store, &links, 9).await;
        assert_eq!(found, own(|key| matches!(key, RecordKey::SignInLink(Some(_), _))));
        let tokens = own(|key| matches!(key, RecordKey::ApiToken(..)));
        assert_eq!(keys(&store, &Listing::ApiTokens { after: None }, 9).await, tokens);
        for (place, token) in tokens.iter().enumerate() {
            let RecordKey::ApiToken(digest) = token else { panic!("{token:?} is no token") };
            let rest = keys(&store, &Listing::ApiTokens { after: Some(*digest) }, 9).await;
            assert_eq!(rest, tokens[place + 1..]);
        }
    }

    #[tokio::test]
    async fn an_order_is_not_confused_with_one_whose_id_starts_the_same() {
        let (store, _, _) = repository();
        let with_line = |order: &str, id: &str| OrderLineKey {
            line_id: Some(OrderLineId::parse(id).expect("valid")),
            ..line(order)
        };
        let with_product =
            |order: &str, id: &str| OrderLineKey { product_id: Some(id.into()), ..line(order) };
        let own = [with_line("CS1", "1"), with_line("CS1", "2/x"), with_product("CS1", "OFFI"), line("CS1")];
        let foreign = [
            line("CS"),
            line("CS10"),
            line("CS1/1"),
            with_line("CS1l1", "1"),
            with_line("CS1/", "1"),
            OrderLineKey { marketplace: Marketplace::KooGallery, ..line("CS1") },
            OrderLineKey { merchant: merchant("other"), ..line("CS1") },
        ];
        put_nouns(&store, own.iter().chain(&foreign).cloned().map(sample::purchase)).await;
        let listing = Listing::PurchasesOfOrder {
            merchant: acme(),
            marketplace: Marketplace::Generic,
            order_id: sample::order("CS1"),
        };
        let found: BTreeSet<_> = keys(&store, &listing, 1_000).await.into_iter().collect();
        assert_eq!(found, own.into_iter().map(RecordKey::Purchase).collect());
    }

    #[tokio::test]
    async fn usage_is_listed_newest_first_of_one_instance_or_of_all() {
        let (store, _, _) = repository();
        let nouns = [("i", 2), ("i", 3), ("i", 1), ("i2", 9), ("h", 9)]
            .map(|(instance, begin)| sample::usage(sample::usage_key(instance, begin), UsageState::Waiting));
        put_nouns(&store, nouns).await;
        let key = |(instance, begin)| RecordKey::UsageRecord(sample::usage_key(instance, begin));
        let of = |instance: Option<&str>, before: Option<i64>| Listing::UsageRecords {
            merchant: acme(),
            instance: instance.map(|id| (Marketplace::KooGallery, InstanceId::parse(id).expect("valid"))),
            before: before.map(|begin| sample::usage_key("i", begin)),
        };
        let one = keys(&store, &of(Some("i"), None), 9).await;
        assert_eq!(one, [("i", 3), ("i", 2), ("i", 1)].map(key));
        assert_eq!(keys(&store, &of(Some("i"), Some(3)), 1).await, [key(("i", 2))]);
        let all = keys(&store, &of(None, None), 9).await;
        assert_eq!(all, [("i2", 9), ("i", 3), ("i", 2), ("i", 1), ("h", 9)].map(key));
        assert_eq!(keys(&store, &of(None, Some(1)), 9).await, [key(("h", 9))]);
    }

    #[tokio::test]
    async fn a_queue_of_usage_is_listed_by_the_time_it_is_due_and_of_one_channel() {
        let (store, _, _) = repository();
        let places = [("c", 2, 1), ("c", 1, 3), ("c", 1, 2), ("c", -1, 9), ("c-1", 0, 4)];
        put_nouns(&store, places.map(|(channel, due_at, number)| sample::waiting(channel, due_at, number)))
            .await;
        let channel = ChannelId::parse("c").expect("valid");
        let key = |(due_at, number)| RecordKey::WaitingUsage {
            merchant: acme(),
            channel: channel.clone(),
            due_at: at(due_at),
            id: UsageId::from_uuid(number),
        };
        let listing = Listing::WaitingUsage(acme(), channel.clone());
        assert_eq!(keys(&store, &listing, 9).await, [(-1, 9), (1, 2), (1, 3), (2, 1)].map(key));
    }

    #[tokio::test]
    async fn activations_and_events_are_listed_oldest_first_of_one_license() {
        let (store, _, _) = repository();
        for (owner, license) in [("acme", 1), ("acme", 2), ("other", 1)] {
            put_nouns(&store, [3, 1, 2].map(|number| sample::activation(owner, license, number))).await;
            put_nouns(&store, [3, 1, 2].map(|number| sample::event(owner, license, number))).await;
        }
        let activation = |id| RecordKey::Activation(acme(), license_id(1), ActivationId::from_uuid(id));
        let listing = Listing::Activations(acme(), license_id(1));
        assert_eq!(keys(&store, &listing, 9).await, [1, 2, 3].map(activation));
        let event = |id| RecordKey::Event(acme(), license_id(1), EventId::from_uuid(id));
        let listing = Listing::Events(acme(), license_id(1));
        assert_eq!(keys(&store, &listing, 2).await, [1, 2].map(event));
    }

    #[tokio::test]
    async fn events_that_lie_by_themselves_are_listed_by_subject_and_by_merchant() {
        let (store, _, _) = repository();
        let about = |owner: &str, subject: &str, number| AuditEvent {
            subject: Subject::parse(subject).expect("a subject"),
            ..sample::event(owner, 1, number)
        };
        put_nouns(
            &store,
            [("channel/cad", 3), ("channel/cad-2", 1), ("channel/cad", 2)]
                .map(|(it, number)| about("acme", it, number)),
        )
        .await;
        put_nouns(&store, [about("other", "channel/cad", 4), sample::event("acme", 1, 5)]).await;
        let key = |subject: &str, number| {
            RecordKey::OtherEvent(acme(), Subject::parse(subject).expect("valid"), EventId::from_uuid(number))
        };
        let subject = Subject::parse("channel/cad").expect("valid");
        let listing = Listing::OtherEvents { merchant: acme(), subject: subject.clone(), after: None };
        assert_eq!(keys(&store, &listing, 9).await, [key("channel/cad", 2), key("channel/cad", 3)]);
        let after = Some(EventId::from_uuid(2));
        let listing = Listing::OtherEvents { merchant: acme(), subject, after };
        assert_eq!(keys(&store, &listing, 9).await, [key("channel/cad", 3)]);
        let places = async |after: Option<&EventPlace>, limit| {
            let found = store.event_places(&acme(), after, limit).await.expect("it is read");
            let numbers: Vec<_> = found.iter().map(|place| place.event.clone()).collect();
            (found, numbers)
        };
        let ids =
            |numbers: &[u128]| numbers.iter().map(|number| EventId::from_uuid(*number)).collect::<Vec<_>>();
        let (all, numbers) = places(None, 9).await;
        assert_eq!(numbers, ids(&[5, 2, 3, 1]), "those under licenses first");
        assert!(all[0].under_license && !all[1].under_license);
        assert_eq!(places(None, 2).await.1, ids(&[5, 2]));
        assert_eq!(places(Some(&all[1]), 9).await.1, ids(&[3, 1]));
        assert_eq!(places(Some(&all[3]), 9).await.1, ids(&[]));
    }

    #[tokio::test]
    async fn what_waits_to_be_sealed_is_listed_by_merchant_and_blocks_by_their_numbers() {
        let (store, _, _) = repository();
        put_nouns(
            &store,
            [("b", 1), ("acme", 2), ("acme", 1), ("a", 9)]
                .map(|(owner, number)| sample::unsealed(owner, number)),
        )
        .await;
        let key = |owner: &str, number| RecordKey::Unsealed(merchant(owner), EventId::from_uuid(number));
        let listing = Listing::Unsealed { behind: None };
        let all = [key("a", 9), key("acme", 1), key("acme", 2), key("b", 1)];
        assert_eq!(keys(&store, &listing, 9).await, all);
        let behind = |owner: &str| Listing::Unsealed { behind: Some(merchant(owner)) };
        assert_eq!(keys(&store, &behind("a"), 1).await, all[1..2]);
        assert_eq!(keys(&store, &behind("acme"), 9).await, all[3..]);
        assert_eq!(keys(&store, &behind("b"), 9).await, []);
        assert_eq!(keys(&store, &Listing::UnsealedOf(acme()), 9).await, all[1..3]);

        put_nouns(
            &store,
            [(1, 2), (3, 254), (257, 1)].map(|(first, count)| sample::block("acme", first, count)),
        )
        .await;
        put_nouns(&store, [sample::block("other", 1, 1)]).await;
        let block = |last| RecordKey::ChainBlock(acme(), last);
        for (from, expected) in [(0, 0), (1, 0), (2, 0), (3, 1), (256, 1), (257, 2), (258, 3)] {
            let listing = Listing::ChainBlocks { merchant: acme(), from };
            assert_eq!(keys(&store, &listing, 9).await, [2, 256, 257].map(block)[expected..], "{from}");
        }
        let earlier = |before| Listing::EarlierChainBlocks { merchant: acme(), before };
        assert_eq!(keys(&store, &earlier(None), 2).await, [257, 256].map(block));
        assert_eq!(keys(&store, &earlier(Some(257)), 9).await, [256, 2].map(block));
    }

    #[tokio::test]
    async fn status_lists_and_flips_are_listed_by_number() {
        let (store, _, _) = repository();
        put_nouns(&store, [256, 1, 65_536].map(|number| sample::status_list("acme", number))).await;
        put_nouns(&store, [sample::status_list("other", 2)]).await;
        let list_key = |number| RecordKey::StatusList(acme(), number);
        assert_eq!(keys(&store, &Listing::StatusLists(acme()), 9).await, [1, 256, 65_536].map(list_key));
        let slots = [(1, 300), (0, 70_000), (1, 2), (256, 0)];
        let flip = |(list, idx)| sample::flip("acme", list, idx, Status::Invalid);
        put_nouns(&store, slots.map(flip)).await;
        put_nouns(&store, [sample::flip("other", 0, 0, Status::Invalid)]).await;
        let flip_key = |(list, idx)| RecordKey::StatusFlip(acme(), StatusSlot { list, idx });
        let expected = [(0, 70_000), (1, 2), (1, 300), (256, 0)].map(flip_key);
        assert_eq!(keys(&store, &Listing::StatusFlips(acme()), 9).await, expected);
    }

    #[tokio::test]
    async fn a_page_has_at_most_a_thousand_records() {
        let (store, _, _) = repository();
        for from in [0, 700] {
            let flips = (from..from + 700).map(|idx| sample::flip("acme", 0, idx, Status::Valid));
            store.commit(Commit::new().set_all(flips)).await.expect("set");
        }
        assert_eq!(keys(&store, &Listing::StatusFlips(acme()), usize::MAX).await.len(), 1_000);
    }

    #[tokio::test]
    async fn a_listing_gives_the_revisions_to_commit_against() {
        let (store, _, _) = repository();
        put_nouns(&store, [sample::license("acme", 1), sample::license("acme", 2)]).await;
        let listing = Listing::Licenses { merchant: acme(), before: None };
        for found in list::<License>(&store, &listing, 9).await.expect("readable") {
            let changed = License { label: "changed".into(), ..found.value };
            store.commit(Commit::new().put(changed, found.revision)).await.expect("at its revision");
        }
    }
}

mod changes {
    use super::*;

    fn license_key() -> RecordKey {
        RecordKey::License(acme(), license_id(1))
    }

    fn labelled(label: &str) -> License {
        License { label: label.into(), ..sample::license("acme", 1) }
    }

    async fn label(store: &Repository) -> Option<String> {
        let found: Option<Versioned<License>> = find(store, license_key()).await.expect("readable");
        found.map(|found| found.value.label)
    }

    #[tokio::test]
    async fn a_put_needs_the_revision_it_was_decided_on() {
        let (store, _, _) = repository();
        let made = store.commit(Commit::new().put(labelled("a"), ABSENT)).await.expect("new");
        let [first] = made.revisions[..] else { panic!("one put, one revision") };
        assert_eq!(revision(&store, &license_key()).await, first);
        let again = store.commit(Commit::new().put(labelled("b"), ABSENT)).await;
        assert_eq!(again, Err(StoreError::Conflict));
        let made = store.commit(Commit::new().put(labelled("c"), first)).await.expect("at its revision");
        assert!(made.revisions[0] > first);
        assert_eq!(store.commit(Commit::new().put(labelled("d"), first)).await, Err(StoreError::Conflict));
        assert_eq!(label(&store).await.as_deref(), Some("c"));
    }

    #[tokio::test]
    async fn a_check_guards_without_writing() {
        let (store, _, memory) = repository();
        let check = |revision| Commit::new().with(Change::Check(license_key(), revision));
        assert!(store.commit(check(ABSENT)).await.is_ok());
        assert_eq!(store.commit(check(1)).await, Err(StoreError::Conflict));
        assert!(memory.records().is_empty());
        put_nouns(&store, [labelled("a")]).await;
        let now = revision(&store, &license_key()).await;
        assert!(store.commit(check(now)).await.is_ok());
        assert_eq!(store.commit(check(ABSENT)).await, Err(StoreError::Conflict));
        assert_eq!(revision(&store, &license_key()).await, now);
    }

    #[tokio::test]
    async fn a_commit_is_made_whole_or_not_at_all() {
        let (store, _, memory) = repository();
        let commit = Commit::new()
            .put(labelled("a"), ABSENT)
            .set(sample::flip("acme", 0, 1, Status::Invalid))
            .with(Change::Add(CounterKey::StatusSlots(acme()), 5))
            .with(Change::Check(RecordKey::Merchant(acme()), 7));
        assert_eq!(store.commit(commit).await, Err(StoreError::Conflict));
        assert!(memory.records().is_empty());
    }

    #[tokio::test]
    async fn a_delete_needs_its_revision_and_a_successor_gets_another_one() {
        let (store, _, _) = repository();
        put_nouns(&store, [labelled("a")]).await;
        let first = revision(&store, &license_key()).await;
        let delete = |revision| Commit::new().with(Change::Delete(license_key(), revision));
        assert_eq!(store.commit(delete(first + 1)).await, Err(StoreError::Conflict));
        assert!(store.commit(delete(first)).await.is_ok());
        assert_eq!(label(&store).await, None);
        assert_eq!(store.commit(delete(first)).await, Err(StoreError::Conflict));
        put_nouns(&store, [labelled("b")]).await;
        assert_eq!(store.commit(delete(first)).await, Err(StoreError::Conflict));
        assert_eq!(label(&store).await.as_deref(), Some("b"));
    }

    #[tokio::test]
    async fn a_removal_takes_what_is_there_and_minds_nothing() {
        let (store, _, _) = repository();
        let remove = || Commit::new().with(Change::Remove(license_key()));
        assert!(store.commit(remove()).await.is_ok());
        put_nouns(&store, [labelled("a")]).await;
        assert!(store.commit(remove()).await.is_ok());
        assert_eq!(label(&store).await, None);
    }

    #[tokio::test]
    async fn the_last_set_wins_and_can_be_committed_against() {
        let (store, _, _) = repository();
        let key = RecordKey::StatusFlip(acme(), StatusSlot { list: 0, idx: 1 });
        for status in [Status::Suspended, Status::Invalid] {
            let made = store.commit(Commit::new().set(sample::flip("acme", 0, 1, status))).await;
            assert!(made.expect("set").revisions.is_empty());
        }
        let found: Versioned<StatusFlip> = find(&store, key.clone()).await.expect("readable").expect("there");
        assert_eq!(found.value.status, Status::Invalid);
        store.commit(Commit::new().set(sample::flip("acme", 0, 1, Status::Valid))).await.expect("set");
        let stale = Commit::new().with(Change::Delete(key.clone(), found.revision));
        assert_eq!(store.commit(stale).await, Err(StoreError::Conflict), "a flip that came meanwhile stays");
        let now = revision(&store, &key).await;
        assert!(store.commit(Commit::new().with(Change::Delete(key, now))).await.is_ok());
    }

    #[tokio::test]
    async fn a_claim_holds_up_to_and_not_at_its_until() {
        let (store, _, _) = repository();
        let until = at(100);
        let tick = Duration::from_millis(1);
        let claim = |replay: Replay, now| Commit::new().with(Change::Claim(replay.into_record(), now));
        let of = |outcome, until| sample::replay(1, until, outcome);
        let made = store.commit(claim(of(PurchaseOutcome::Done, until), at(0))).await.expect("unclaimed");
        assert_eq!(made.revisions.len(), 1);
        let second = of(PurchaseOutcome::Processing, at(200));
        assert_eq!(store.commit(claim(second.clone(), until - tick)).await, Err(StoreError::Conflict));
        assert!(store.commit(claim(second.clone(), until)).await.is_ok());
        let found: Versioned<Replay> =
            find(&store, second.clone().into_record().key()).await.expect("readable").expect("there");
        assert_eq!(found.value, second);
    }

    #[tokio::test]
    async fn a_claim_does_not_lapse_within_its_last_millisecond() {
        let (store, _, _) = repository();
        let claim =
            |until, now| Commit::new().with(Change::Claim(sample::idempotency(1, until).into_record(), now));
        let nanos = Instant::from_timestamp_nanos;
        assert!(store.commit(claim(nanos(5_700_000), nanos(0))).await.is_ok());
        let within = claim(nanos(9_000_000), nanos(5_200_000));
        assert_eq!(store.commit(within).await, Err(StoreError::Conflict));
        assert!(store.commit(claim(nanos(9_000_000), nanos(6_000_000))).await.is_ok());
    }

    #[tokio::test]
    async fn a_claim_that_was_put_or_set_lapses_too() {
        let (store, _, _) = repository();
        let record = |byte, until| sample::idempotency(byte, until).into_record();
        let commit =
            Commit::new().with(Change::Put(record(1, at(5)), ABSENT)).with(Change::Set(record(2, at(5))));
        store.commit(commit).await.expect("new");
        for byte in [1, 2] {
            let claim = |now| Commit::new().with(Change::Claim(record(byte, at(50)), now));
            assert_eq!(store.commit(claim(at(4))).await, Err(StoreError::Conflict));
            assert!(store.commit(claim(at(5))).await.is_ok());
        }
    }

    #[tokio::test]
    async fn what_is_kept_for_ever_is_claimed_once() {
        let (store, _, _) = repository();
        let claim = || Commit::new().with(Change::Claim(labelled("a").into_record(), at(0)));
        assert_eq!(store.commit(claim()).await.expect("unclaimed").revisions.len(), 1);
        assert_eq!(store.commit(claim()).await, Err(StoreError::Conflict));
    }

    #[tokio::test]
    async fn a_counter_starts_at_nothing_and_stays_within_its_bounds() {
        let (store, _, _) = repository();
        let add = |delta| Commit::new().with(Change::Add(CounterKey::StatusSlots(acme()), delta));
        assert_eq!(store.commit(add(-1)).await, Err(StoreError::Conflict));
        assert_eq!(store.commit(add(256)).await.expect("added").counters, [256]);
        assert_eq!(store.commit(add(-6)).await.expect("added").counters, [250]);
        assert_eq!(store.commit(add(i64::MAX)).await, Err(StoreError::Conflict));
        assert_eq!(store.commit(add(i64::MAX - 250)).await.expect("added").counters, [i64::MAX]);
        let other = Commit::new().with(Change::Add(CounterKey::StatusSlots(merchant("other")), 1));
        assert_eq!(store.commit(other).await.expect("added").counters, [1]);
    }

    #[tokio::test]
    async fn answers_stand_in_the_order_of_the_changes() {
        let (store, _, _) = repository();
        let slots = |merchant| Change::Add(CounterKey::StatusSlots(merchant), 1);
        let commit = Commit::new()
            .put(labelled("a"), ABSENT)
            .with(slots(acme()))
            .set(sample::flip("acme", 0, 1, Status::Valid))
            .with(Change::Claim(sample::idempotency(1, at(9)).into_record(), at(0)))
            .with(slots(acme()));
        let made = store.commit(commit).await.expect("new");
        let keys = [license_key(), RecordKey::Idempotency(acme(), [1; 32])];
        let revisions = [revision(&store, &keys[0]).await, revision(&store, &keys[1]).await];
        assert_eq!(made.revisions, revisions);
        assert_eq!(made.counters, [1, 2]);
    }
}

mod failures {
    use super::*;

    /// Memory whose writes wait until they are let through.
    #[derive(Debug)]
    struct Slow {
        memory: MemoryEngine,
        begun: mpsc::Sender<()>,
        let_through: Mutex<mpsc::Receiver<()>>,
    }

    impl Engine for Slow {
        fn prepare(&self, keys: &[RawKey]) -> Result<Prior, RawError> {
            self.memory.prepare(keys)
        }

        fn get(&self, keys: &[RawKey]) -> Result<Vec<Option<RawRecord>>, RawError> {
            self.memory.get(keys)
        }

        fn scan(
            &self,
            range: &KeyRange,
            direction: Direction,
            limit: usize,
        ) -> Result<Vec<(RawKey, RawRecord)>, RawError> {
            self.memory.scan(range, direction, limit)
        }

        fn write(&self, batch: Batch) -> Result<(), RawError> {
            self.begun.send(()).expect("the test waits");
            self.let_through.lock().expect("one writer").recv().expect("the test lets it through");
            self.memory.write(batch)
        }

        fn close(&self) -> Result<(), RawError> {
            self.memory.close()
        }
    }

    fn any_commit(number: u128) -> Commit {
        Commit::new().put(sample::license("acme", number), ABSENT)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_queue_is_busy() {
        let (begun, has_begun) = mpsc::channel();
        let (let_through, waits) = mpsc::channel();
        let engine = Slow { memory: MemoryEngine::new(), begun, let_through: Mutex::new(waits) };
        let store = Repository::new(RecordStore::start_with_queue(engine, 1));
        let writing = tokio::spawn({
            let store = store.clone();
            async move { store.commit(any_commit(1)).await }
        });
        let wait = move || {
            has_begun.recv().expect("the first write begins");
            has_begun
        };
        let _listening = tokio::task::spawn_blocking(wait).await.expect("it does not panic");
        let release = async {
            let_through.send(()).expect("the engine waits");
            let_through.send(()).expect("the engine waits");
        };
        let (queued, refused, ()) =
            tokio::join!(biased; store.commit(any_commit(2)), store.commit(any_commit(3)), release);
        assert_eq!(refused, Err(StoreError::Busy));
        assert!(writing.await.expect("it does not panic").is_ok());
        assert!(queued.is_ok());
    }

    #[tokio::test]
    async fn after_a_failed_write_the_outcome_is_unknown_and_the_store_is_closed() {
        for fault in Fault::PAIR {
            let (store, _, memory) = repository();
            memory.fail_write(1, fault);
            assert_eq!(store.commit(any_commit(1)).await, Err(StoreError::OutcomeUnknown));
            let next = store.commit(any_commit(2)).await;
            assert!(matches!(next, Err(StoreError::Failed(_) | StoreError::OutcomeUnknown)), "{next:?}");
            let read = store.load(&[RecordKey::Merchant(acme())]).await;
            assert!(matches!(read, Err(StoreError::Failed(_))), "a failed read is no absence: {read:?}");
        }
    }

    #[tokio::test]
    async fn what_is_over_a_bound_fails_and_writes_nothing() {
        let (store, _, memory) = repository();
        let keys = vec![RecordKey::Merchant(acme()); 1_025];
        assert!(matches!(store.load(&keys).await, Err(StoreError::Failed(_))));
        let large = License { label: "x".repeat(256 * 1024), ..sample::license("acme", 1) };
        let refused = store.commit(Commit::new().put(large, ABSENT)).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
        let long = OrderLineKey { product_id: Some("p".repeat(512)), ..line("CS1") };
        let refused = store.commit(Commit::new().put(sample::purchase(long), ABSENT)).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
        assert!(memory.records().is_empty());
    }
}

mod unreadable {
    use super::*;

    /// Words by which a record is found have no body; an event waits to be sealed.
    fn stands_beside(record: &Record, key: &RawKey, raw: &RawRecord) -> bool {
        let waits = key.kind() == Kind::Audit && key.own().starts_with(b"unsealed");
        raw.body.is_empty() || (waits && !matches!(record, Record::Unsealed(_)))
    }

    /// The raw record that a sample is stored as.
    async fn stored(record: &Record) -> (RawKey, RawRecord) {
        let (store, _, memory) = repository();
        put_all(&store, [record.clone()]).await;
        let mut all = memory.records();
        let at = all.iter().position(|(key, raw)| !stands_beside(record, key, raw)).unwrap_or(0);
        all.remove(at)
    }

    /// What a repository says of a raw record.
    async fn read(
        asked: &RecordKey,
        key: RawKey,
        schema: u16,
        body: Vec<u8>,
    ) -> Result<Option<Versioned<Record>>, StoreError> {
        let (store, raw, _) = repository();
        raw.commit(CommitRequest::new().with(Primitive::Put {
            key,
            revision: Revision::ABSENT,
            schema,
            body,
            until_ms: None,
        }))
        .await
        .expect("the raw store takes any body");
        Ok(store.load(std::slice::from_ref(asked)).await?.remove(0))
    }

    fn failure(outcome: Result<Option<Versioned<Record>>, StoreError>) -> String {
        match outcome {
            Err(StoreError::Failed(text)) => text,
            other => panic!("it must fail, not {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_body_of_every_table_that_is_cut_or_foreign_is_an_error_that_names_its_key() {
        for record in sample::all() {
            let (key, raw) = stored(&record).await;
            // A word by which a license is found is all key.
            if raw.body.is_empty() {
                continue;
            }
            let cut = raw.body[..raw.body.len() - 1].to_vec();
            let twice = [raw.body.clone(), raw.body.clone()].concat();
            let more = [b"{\"unknown\":1,", &raw.body[1..]].concat();
            for body in [cut, twice, more, b"{}".to_vec(), b"null".to_vec(), vec![], vec![0xff]] {
                // How far the index is filled: of nothing yet, it says nothing.
                if matches!(record, Record::IndexFilling(_)) && body == b"{}" {
                    continue;
                }
                let text = failure(read(&record.key(), key.clone(), raw.schema, body).await);
                assert!(text.contains(&key.to_string()) && text.contains("cannot be read"), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn a_newer_schema_of_every_table_is_an_error_that_says_so() {
        for record in sample::all() {
            let (key, raw) = stored(&record).await;
            let text = failure(read(&record.key(), key.clone(), 99, raw.body.clone()).await);
            assert!(text.contains(&key.to_string()) && text.contains("written by a newer version"), "{text}");
            let text = failure(read(&record.key(), key.clone(), 0, raw.body).await);
            assert!(text.contains(&key.to_string()), "{text}");
        }
    }

    #[tokio::test]
    async fn an_activation_of_schema_1_is_still_read() {
        let activation = Activation { state: sample::held(None), ..sample::activation("acme", 1, 1) };
        let (key, raw) = stored(&activation.clone().into_record()).await;
        assert_eq!(raw.schema, 2);
        assert!(!String::from_utf8_lossy(&raw.body).contains("follows"), "what schema 1 did not have");
        let read = read(&activation.clone().into_record().key(), key, 1, raw.body).await;
        let read = read.expect("readable").expect("it is there");
        assert_eq!(Activation::from_record(read.value), Some(activation));
    }

    #[tokio::test]
    async fn a_channel_of_schema_1_is_still_read_and_none_of_its_keys_is_retired() {
        let of_schema_1 = r#"{"merchant":"acme","channel":{"id":"c","marketplace":"koogallery","protocol":"saas-v2","products":[],"access_keys":[{"id":"1","used_for":"callbacks","value":{"env":"K"}}],"ready":"minted"}}"#;
        let asked = RecordKey::Channel(acme(), ChannelId::parse("c").expect("valid"));
        let sample = sample::all().into_iter().find(|record| record.key() == asked);
        let (key, _) = stored(&sample.expect("a sample has this key")).await;
        let read = read(&asked, key, 1, of_schema_1.into()).await.expect("readable").expect("it is there");
        let channel = <Owned<Channel>>::from_record(read.value).expect("a channel").value;
        assert_eq!((channel.access_keys[0].id.as_str(), channel.access_keys[0].retired), ("1", false));
    }

    /// A server of the version before reads and writes the record; what it does not know stands beside it.
    #[tokio::test]
    async fn what_an_older_program_does_not_know_of_a_license_stands_beside_its_record() {
        let (store, raw, memory) = repository();
        let order = |id: &str, scene| AppliedOrder {
            order_id: id.into(),
            scene,
            ordered_at: None,
            received_at: at(3),
            ends_at: None,
            term: Some(Term::Permanent),
            in_force: true,
        };
        let bought = License { orders: vec![order("CS1", None)], ..sample::license("acme", 1) };
        put_nouns(&store, [bought.clone()]).await;
        let without_words = || {
            let mut records = memory.records();
            records.retain(|(key, _)| key.kind() != Kind::Index);
            records
        };
        let [(key, alone)] = &without_words()[..] else { panic!("a purchase has nothing beside it") };
        assert!(!String::from_utf8_lossy(&alone.body).contains(r#""term":"permanent","in_force"#));
        let renewal =
            AppliedOrder { term: Some(Term::Years(1)), ..order("CS2", Some(RefreshScene::Renewal)) };
        let renewed =
            License { orders: vec![order("CS1", None), renewal], status_told_at: Some(at(9)), ..bought };
        let revision = store.load(&[renewed.clone().into_record().key()]).await.expect("readable").remove(0);
        let revision = revision.expect("there").revision;
        store.commit(Commit::new().put(renewed.clone(), revision)).await.expect("made");
        let [(_, record), (beside, _)] = &without_words()[..] else { panic!("one record beside it") };
        let body = String::from_utf8_lossy(&record.body).into_owned();
        assert_eq!(record.schema, 2);
        assert!(!body.contains("status_told_at_ms") && !body.contains(r#""years""#), "{body}");
        assert_eq!(beside.to_string(), "acme/sup/lic_0000000000000000000001");
        let listing = Listing::Licenses { merchant: acme(), before: None };
        let listed: Vec<Versioned<License>> = list(&store, &listing, 9).await.expect("readable");
        let found: Versioned<License> =
            find(&store, renewed.clone().into_record().key()).await.expect("readable").expect("there");
        assert_eq!((&listed[0].value, &found.value), (&renewed, &renewed));
        // As an older program writes it: the record alone, with what it knows.
        let labelled = body.replace(r#""label":"""#, r#""label":"by an older program""#);
        let put = CommitRequest::new().put(key.clone(), record.revision, 2, labelled.into_bytes());
        raw.commit(put).await.expect("made");
        let found: Versioned<License> =
            find(&store, renewed.clone().into_record().key()).await.expect("readable").expect("there");
        assert_eq!(found.value, License { label: "by an older program".into(), ..renewed });
    }

    #[tokio::test]
    async fn a_record_is_written_in_the_oldest_schema_that_holds_it() {
        let newest = [("cat/channel", 2), ("pur/", 3), ("jln/", 3)];
        let mut seen = BTreeSet::new();
        for record in sample::all() {
            let (key, raw) = stored(&record).await;
            for (kind, schema) in newest {
                if key.to_string().contains(kind) {
                    assert!([schema, schema - 1].contains(&raw.schema), "{key} schema {}", raw.schema);
                    seen.insert((kind, raw.schema));
                }
            }
        }
        let expected = [("cat/channel", 1), ("cat/channel", 2), ("jln/", 3), ("pur/", 2), ("pur/", 3)];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn jobs_that_an_earlier_build_kept_elsewhere_are_moved() {
        let (store, raw, memory) = repository();
        let lane = sample::lane("acme", Some("a"), Rank::Purchase);
        let jobs = [1, 2].map(|number| Job { lane: Some(lane.clone()), ..sample::job(at(1), number) });
        put_nouns(&store, jobs.clone()).await;
        put_nouns(&store, [sample::job(at(5), 9)]).await;
        for (key, record) in memory.records() {
            if key.kind() == Kind::LaneJob {
                let earlier = RawKey::new("", Kind::Job, key.own()).expect("short");
                let back = CommitRequest::new()
                    .put(earlier, Revision::ABSENT, record.schema, record.body)
                    .with(Primitive::Delete { key, revision: record.revision });
                raw.commit(back).await.expect("made");
            }
        }
        let count = |listed: Vec<Versioned<Job>>| listed.len();
        let without = list(&store, &Listing::JobsWithoutLane, 9).await.map(count);
        assert_eq!(without, Ok(1), "they are not taken for jobs without one");
        assert_eq!(store.move_misplaced_jobs().await, Ok(2));
        assert_eq!(store.move_misplaced_jobs().await, Ok(0));
        let listed: Vec<Versioned<Job>> = list(&store, &Listing::Jobs, 9).await.expect("readable");
        let listed: Vec<Job> = listed.into_iter().map(|job| job.value).collect();
        assert_eq!(listed, [jobs.to_vec(), vec![sample::job(at(5), 9)]].concat());
    }

    #[tokio::test]
    async fn a_body_under_a_wrong_key_is_an_error() {
        let asked = RecordKey::License(acme(), license_id(1));
        let (key, raw) = stored(&sample::license("acme", 1).into_record()).await;
        let (_, other) = stored(&sample::license("acme", 2).into_record()).await;
        let text = failure(read(&asked, key.clone(), raw.schema, other.body).await);
        assert!(text.contains(&key.to_string()) && text.contains("another key"), "{text}");
    }

    #[tokio::test]
    async fn an_error_says_where_the_mistake_is_and_not_what_stands_there() {
        let license = License { label: "secret".into(), ..sample::license("acme", 1) };
        let (key, raw) = stored(&license.into_record()).await;
        let body = String::from_utf8(raw.body).expect("JSON");
        let wrong = body.replace("\"generation\":0", "\"generation\":\"secret\"");
        assert_ne!(wrong, body);
        let asked = RecordKey::License(acme(), license_id(1));
        let text = failure(read(&asked, key, raw.schema, wrong.into_bytes()).await);
        assert!(
            text.contains("license") && text.contains("generation") && !text.contains("secret"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn one_unreadable_record_fails_the_listing() {
        let (store, raw, _) = repository();
        put_nouns(&store, [sample::license("acme", 1), sample::license("acme", 3)]).await;
        let (key, _) = stored(&sample::license("acme", 2).into_record()).await;
        let bad = CommitRequest::new().put(key.clone(), Revision::ABSENT, 1, *b"{}");
        raw.commit(bad).await.expect("the raw store takes any body");
        let listed = store.list(&Listing::Licenses { merchant: acme(), before: None }, 9).await;
        match listed {
            Err(StoreError::Failed(text)) => assert!(text.contains(&key.to_string()), "{text}"),
            other => panic!("it must fail, not {other:?}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_changed_byte_never_panics_and_never_reads_as_an_absence(
            // A search term has no body: all of it is its key.
            record in proptest::sample::select(
                sample::all().into_iter().filter(|it| !matches!(it, Record::SearchTerm(_))).collect::<Vec<_>>()
            ),
            place in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let asked = record.key();
            let outcome = block_on(async {
                let (key, raw) = stored(&record).await;
                let mut body = raw.body;
                let place = place.index(body.len().min(4_096));
                body[place] = byte;
                read(&asked, key, raw.schema, body).await
            });
            match outcome {
                Ok(Some(found)) => prop_assert_eq!(found.value.key(), asked),
                Ok(None) => prop_assert!(false, "an absence"),
                Err(StoreError::Failed(_)) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
