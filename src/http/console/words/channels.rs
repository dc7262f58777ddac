//! Channels: how they fare, and what to do.

use crate::application::{CheckItem, CheckState};

words! {
    /// Channels: how they fare, and what to do.
    Channels {
        title: "Channels", "接入渠道";
        channel: "Channel", "接入渠道";
        none: "There is no channel yet. Add one to the apply file and apply it.", "还没有接入渠道，请在配置文件中添加并应用。";
        address: "Address to paste at the marketplace", "填写到云商店的地址";
        protocol: "Protocol", "协议";
        products: "Products", "产品";
        marketplace: "Marketplace", "云商店";
        tested: "Last dial test that succeeded", "最近成功的拨测";
        untested: "never", "从未";
        notices: "Notices", "通知";
        notices_none: "Nothing to tell: no call has failed for a reason that you can mend.", "没有通知：没有需要您处理的失败调用。";
        at: "Time", "时间";
        what: "What", "内容";
        activity: "Activity", "接口";
        cause: "Cause", "原因";
        activities: "Activities", "接口情况";
        activities_none: "This protocol has no activities.", "该协议没有接口。";
        passed: "Last test", "最近测试";
        ok: "succeeded", "成功";
        failed: "failed", "失败";
        never: "none yet", "尚无";
        last_call: "Last call in earnest", "最近正式调用";
        fill_in: "What to fill in for a debugging call", "调试时填写的参数";
        keys: "Access keys", "密钥";
        keys_none: "The channel has no access key: nobody can call it. Add one to the apply file.", "该渠道没有密钥，无法接收调用。请在配置文件中添加。";
        key: "Key", "密钥";
        used_for: "For", "用途";
        value: "Where it is kept", "存放位置";
        resolvable: "Found on this server", "服务器可读取";
        last_signed: "Last signed", "最近使用";
        retired: "retired", "已停用";
        calls: "Calls", "调用记录";
        calls_none: "No calls. Paste the address at the marketplace, or have it tested there.", "没有调用。请将地址填写到云商店，或在云商店进行测试。";
        only_refused: "Only what was refused", "仅显示被拒绝的调用";
        all: "All calls", "全部调用";
        result: "Answer", "结果";
        test: "Test", "测试";
        took: "Took", "耗时";
        count: "How often", "次数";
        see_calls: "See the calls", "查看调用记录";
        check: "Test this address", "测试该地址";
        check_hint: "The address is called from here as the marketplace calls it; nothing is sold. It takes up to half a minute.", "将从本服务器按云商店的方式调用该地址，不会产生销售；最长约半分钟。";
        report: "What the test found", "测试结果";
        all_right: "Nothing failed.", "全部通过。";
        not_right: "Something failed: see what to do below.", "存在未通过的项目，处理方法见下。";
        item: "Item", "项目";
        found: "Found", "结果";
        todo: "What it means", "说明";
        warn: "look at it", "请注意";
        fail: "failed", "未通过";
        skipped: "not looked at", "未检查";
        item_access_key: "Access key", "密钥";
        item_address: "Address", "地址";
        item_reachable: "Connection", "连接";
        item_tls: "TLS", "TLS 协议";
        item_certificate: "Certificate", "证书";
        item_header_case: "Header names", "请求头大小写";
        item_time_limit: "Time", "响应时间";
        item_debugging: "The marketplace's rules", "云商店规则";
        item_order_query: "Order query", "订单查询";
        item_clock: "Clock", "时钟";
        test_code: "Try a test code", "试用测试授权码";
        code: "Authorization code of the seller console", "卖家中心的测试授权码";
        code_hint: "It is activated and queried at the marketplace; nothing is sold or kept.", "将在云商店激活并查询该授权码，不会销售，也不会保存。";
        code_wrong: "Write the code: 1 to 128 letters, digits and signs.", "请填写授权码：1 至 128 个字母、数字或符号。";
        try_now: "Try it", "试用";
        tried: "What the marketplace said", "云商店的答复";
        activate: "Activation", "激活";
        heartbeat: "Query", "查询";
        released: "it was released", "已被释放";
    }
}

impl Channels {
    /// What is looked at.
    pub fn of_item(&self, item: CheckItem) -> &'static str {
        match item {
            CheckItem::AccessKey => self.item_access_key,
            CheckItem::Address => self.item_address,
            CheckItem::Reachable => self.item_reachable,
            CheckItem::Tls => self.item_tls,
            CheckItem::Certificate => self.item_certificate,
            CheckItem::HeaderCase => self.item_header_case,
            CheckItem::TimeLimit => self.item_time_limit,
            CheckItem::Debugging => self.item_debugging,
            CheckItem::OrderQuery => self.item_order_query,
            CheckItem::Clock => self.item_clock,
        }
    }

    /// How it fares, and how good that is.
    pub fn of_check(&self, state: CheckState) -> (&'static str, &'static str) {
        match state {
            CheckState::Ok => (self.ok, "good"),
            CheckState::Warn => (self.warn, "warn"),
            CheckState::Fail => (self.fail, "bad"),
            CheckState::Skipped => (self.skipped, ""),
        }
    }
}
