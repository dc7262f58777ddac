//! Licenses: the list and the page of one.

use crate::domain::{EndCause, LicenseState};
use crate::http::language::Language;

words! {
    /// Licenses: the list and the page of one.
    Licenses {
        title: "Licenses", "许可证";
        license: "License", "许可证";
        found: "Licenses found", "查询到的许可证";
        newest: "Licenses, newest first", "许可证（最新的在前）";
        none_found: "Nothing fits. Search for a whole order id, customer, license key or claim code, or leave the filters empty.", "没有符合的结果。请输入完整的订单号、客户、许可证密钥或激活码，或清空筛选条件。";
        none_yet: "There are no licenses yet. They appear here as soon as somebody buys, or when you issue one.", "还没有许可证。有人购买或手工签发后会显示在这里。";
        look: "Search again", "重新搜索";
        q: "Search for", "搜索内容";
        q_hint: "Order, instance, customer, label, machine, or a whole license key or claim code.", "订单、实例、客户、备注、机器，或完整的许可证密钥、激活码。";
        any: "any", "不限";
        state: "State", "状态";
        product: "Product", "产品";
        spec: "Spec", "规格";
        sku: "SKU", "SKU";
        customer: "Customer", "客户";
        order: "Order", "订单";
        instance: "Instance", "实例";
        ends: "Ends", "到期时间";
        starts: "Starts", "生效时间";
        created: "Created", "创建时间";
        label: "Label", "备注";
        license_and_label: "License, label", "许可证、备注";
        state_and_end: "State, end", "状态、到期时间";
        channel: "Channel", "接入渠道";
        term: "Term", "时长";
        quantity_machines: "Machines allowed", "允许的机器数";
        unlimited: "any number", "不限";
        entitlements: "Entitlements", "功能";
        updates: "New versions until", "可获更新至";
        issued_by: "Issued by hand by", "手工签发人";
        permanent: "never", "永久有效";
        awaits_activation: "starts with the first activation", "自首次激活起生效";
        awaits_acceptance: "starts when its acceptance is recorded", "自登记验收起生效";
        holds: "Suspended by", "暂停方";
        hold_marketplace: "the marketplace", "云商店";
        hold_merchant: "you", "商家";
        since: "since", "自";
        ended_revoked: "Revoked", "吊销时间";
        ended_released: "Released by the marketplace", "云商店释放时间";
        reason: "Reason", "原因";
        acts: "What you can do", "可用操作";
        no_acts: "Nothing can be done with it any more, or your token does not allow it.", "该许可证已无可用操作，或当前令牌没有相应权限。";
        key_title: "License key and claim code", "许可证密钥与激活码";
        key_hint: "Whoever has one of them holds the license. Show them only when you need them.", "持有其中任何一个即拥有该许可证，请仅在需要时显示。";
        key_show: "Show key and code", "显示密钥与激活码";
        key: "License key", "许可证密钥";
        claim_code: "Claim code", "激活码";
        no_key: "It has no license key yet.", "尚无许可证密钥。";
        key_qr: "The key as a QR code", "密钥二维码";
        machines: "Machines", "机器";
        machines_none: "No machine has been activated. The customer enters the key or code in the software.", "还没有激活任何机器。请客户在软件中输入密钥或激活码。";
        machine: "Machine", "机器";
        unnamed: "unnamed", "未命名";
        activated: "Activated", "激活时间";
        activated_and_heard: "Activated, last heard of", "激活时间、最近联系";
        asks_at: "Asks again from", "下次联系";
        lease_ends: "Runs without contact until", "无联系可运行至";
        release: "Release", "释放";
        ended: "Gave up its place", "释放时间";
        quota: "Quota", "额度";
        quota_none: "Nothing of it is counted.", "没有计量项。";
        metric: "What is counted", "计量项";
        unit: "Unit", "单位";
        used: "Used", "已用";
        left: "Left", "剩余";
        window_ends: "Window ends", "当前周期截止";
        share: "Share used", "使用比例";
        history: "What happened", "历史记录";
        history_none: "Nothing has happened yet.", "还没有任何记录。";
        history_older: "Earlier events are not shown.", "更早的记录未显示。";
        explain: "Why was it valid or not?", "为什么有效或无效？";
        explain_at: "At which time", "查询时间";
        explain_hint: "A day and a time of the zone named below, such as 2026-11-30 21:25. Empty means now.", "按下方所示时区填写日期和时间，例如 2026-11-30 21:25；留空表示现在。";
        explain_now: "Explain", "说明";
        explain_wrong: "Write a day, or a day and a time, such as 2026-11-30 21:25.", "请填写日期，或日期和时间，例如 2026-11-30 21:25。";
        explain_title: "Explanation", "有效性说明";
        keys_then: "License keys up to then", "截至当时的许可证密钥";
        key_id: "Key", "密钥编号";
        key_issued: "Signed", "签发时间";
        key_superseded: "Replaced", "被取代时间";
        packages_then: "Quota that paid then", "当时使用的额度";
        events_then: "What led there", "相关历史";
        held: "It waits for its order to be understood.", "正在等待订单处理。";
        package_of: "It is a package; it is used up by", "这是一个套餐包，由以下许可证使用";
        itself: "itself", "其自身";
        test_note: "This was made by a test call; nobody paid for it.", "由测试调用产生，并非真实销售。";
        revoked: "revoked", "已吊销";
        released: "released", "已释放";
        suspended: "suspended", "已暂停";
        expired: "expired", "已过期";
        pending: "pending", "待生效";
        active: "active", "有效";
        by_holder: "given back by its holder", "由持有人归还";
        by_merchant: "released by you", "由商家释放";
        by_displaced: "its place went to another machine", "名额由其他机器取得";
        by_reissue: "ended by a re-issue", "因重新签发而结束";
    }
}

impl Licenses {
    /// How a license stands, and how good that is.
    pub fn state(&self, state: LicenseState) -> (&'static str, &'static str) {
        match state {
            LicenseState::Revoked => (self.revoked, "bad"),
            LicenseState::Released => (self.released, "bad"),
            LicenseState::Suspended => (self.suspended, "warn"),
            LicenseState::Expired => (self.expired, "warn"),
            LicenseState::Pending => (self.pending, ""),
            LicenseState::Active => (self.active, "good"),
        }
    }

    /// Why a machine has no place any more.
    pub fn end_cause(&self, cause: EndCause) -> &'static str {
        match cause {
            EndCause::Holder => self.by_holder,
            EndCause::Merchant => self.by_merchant,
            EndCause::Displaced => self.by_displaced,
            EndCause::Reissued => self.by_reissue,
        }
    }
}

/// How many places are taken.
pub fn places(taken: usize, limit: Option<u32>, language: Language) -> String {
    match (language, limit) {
        (Language::English, Some(limit)) => format!("{taken} of {limit} places are taken."),
        (Language::English, None) => format!("{taken} machines; any number is allowed."),
        (Language::Chinese, Some(limit)) => format!("已使用 {taken} 个名额，共 {limit} 个。"),
        (Language::Chinese, None) => format!("共 {taken} 台机器，数量不限。"),
    }
}
