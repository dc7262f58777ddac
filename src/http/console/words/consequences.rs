//! What an act brings about, in words.

use crate::application::{Irreversible, KeyAfter, LaterCall, MachineFate};

words! {
    /// What an act brings about, in words.
    Consequences {
        machines: "What becomes of each machine", "对每台机器的影响";
        none_held: "No machine holds a place: nobody has to learn of it.", "没有机器占用名额，无需通知。";
        machine: "Machine", "机器";
        fate: "What becomes of it", "影响";
        learns_online: "If it is online, it knows at the latest", "联网时最迟得知时间";
        next_contact: "at its next contact", "下次联系时";
        runs_until: "If it stays offline, it runs until", "始终离线时可运行至";
        no_limit: "no limit", "不受限制";
        not_concerned: "not concerned", "不受影响";
        runs_on: "runs on", "继续运行";
        runs_on_renewed: "runs on, with a new key that it fetches by itself", "继续运行，自动取得新密钥";
        beyond_limit: "keeps its place, although there are more than allowed then", "保留名额，但将超出允许数量";
        stops: "stops; it keeps its place", "停止，保留名额";
        stops_for_good: "stops for good", "永久停止";
        resumes: "runs again", "恢复运行";
        loses_place: "loses its place and must be activated again", "失去名额，须重新激活";
        has_lapsed: "does not run: its lease has ended", "未在运行：租期已结束";
        state: "State", "状态";
        ends: "End", "到期时间";
        spec: "Spec", "规格";
        limit: "Machines allowed", "允许的机器数";
        entitlements: "Entitlements", "功能";
        becomes: "becomes", "变为";
        key: "License key and claim code", "许可证密钥与激活码";
        key_stays: "stay as they are", "保持不变";
        key_new: "a new key; the present one stays valid up to its own end", "签发新密钥，当前密钥在其到期前仍有效";
        key_superseded: "a new key; the present one says that there is a newer one", "签发新密钥，当前密钥将提示已有新密钥";
        key_replaced: "a new key and a new code; the old ones open nothing new", "签发新密钥与新激活码，旧的不能再激活机器";
        key_leaked: "a new key and a new code; no old key opens anything, not even a renewal", "签发新密钥与新激活码，旧密钥完全失效，也不能续期";
        key_ended: "the key says that the license was ended", "密钥将显示许可证已终止";
        key_runs: "Software that holds only the key runs offline until", "仅持有密钥的软件离线可运行至";
        quota: "Quota left", "剩余额度";
        later: "What the marketplace can change later", "云商店后续可能的改变";
        renewal_sets_end: "A renewal, or a cancelled one, sets the end that it names: what you give now ends with it.", "续费或取消续费会按其内容重新设定到期时间，您此次给予的时间随之失效。";
        upgrade_sets_grant: "An upgrade that is ordered later sets what the license grants.", "之后的升级订单会重新设定许可证内容。";
        freeze_stops_again: "A freeze by the marketplace stops it again.", "云商店再次冻结时，许可证会再次停止。";
        unfreeze_leaves: "An unfreeze by the marketplace does not lift your suspension.", "云商店解冻不会解除商家的暂停。";
        renewal_recorded: "A renewal that is paid later is written down and changes nothing.", "之后的续费只会被记录，不会改变任何内容。";
        irreversible: "What cannot be undone", "无法撤销的内容";
        the_license: "The license: a revoked one is never resumed.", "许可证：吊销后无法恢复。";
        old_keys: "The old keys and the old claim code.", "旧密钥与旧激活码。";
        places: "The places that machines lose: each has to be activated again.", "机器失去的名额：须逐台重新激活。";
        left_quota: "What is left of the quota.", "剩余的额度。";
        beginning: "The beginning of the license.", "许可证的生效时间。";
        time: "Time that was given: an end is not moved back by hand.", "已给予的时间：到期时间不能手工提前。";
        nothing: "As the license stands, this changes nothing: it is done already.", "按许可证的当前状态，此操作不会产生任何变化：已处于该状态。";
    }
}

impl Consequences {
    /// What becomes of a machine.
    pub fn of_machine(&self, fate: MachineFate) -> &'static str {
        match fate {
            MachineFate::RunsOn => self.runs_on,
            MachineFate::RunsOnRenewed => self.runs_on_renewed,
            MachineFate::BeyondLimit => self.beyond_limit,
            MachineFate::Stops => self.stops,
            MachineFate::StopsForGood => self.stops_for_good,
            MachineFate::Resumes => self.resumes,
            MachineFate::LosesPlace => self.loses_place,
            MachineFate::HasLapsed => self.has_lapsed,
        }
    }

    /// What becomes of key and code.
    pub fn of_key(&self, key: KeyAfter) -> &'static str {
        match key {
            KeyAfter::Stays => self.key_stays,
            KeyAfter::New => self.key_new,
            KeyAfter::Superseded => self.key_superseded,
            KeyAfter::Replaced => self.key_replaced,
            KeyAfter::ReplacedAsLeaked => self.key_leaked,
            KeyAfter::Ended => self.key_ended,
        }
    }

    /// What the marketplace can change later.
    pub fn of_later_call(&self, call: LaterCall) -> &'static str {
        match call {
            LaterCall::RenewalSetsEnd => self.renewal_sets_end,
            LaterCall::UpgradeSetsGrant => self.upgrade_sets_grant,
            LaterCall::FreezeStopsAgain => self.freeze_stops_again,
            LaterCall::UnfreezeDoesNotResume => self.unfreeze_leaves,
            LaterCall::RenewalIsOnlyRecorded => self.renewal_recorded,
        }
    }

    /// What nothing brings back.
    pub fn of_irreversible(&self, what: Irreversible) -> &'static str {
        match what {
            Irreversible::License => self.the_license,
            Irreversible::OldKeys => self.old_keys,
            Irreversible::Places => self.places,
            Irreversible::Quota => self.left_quota,
            Irreversible::Beginning => self.beginning,
            Irreversible::Time => self.time,
        }
    }
}
