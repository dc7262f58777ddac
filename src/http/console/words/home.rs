//! The first page: how things stand.

use crate::http::language::Language;

words! {
    /// The first page: how things stand.
    Home {
        todo: "What waits for you", "待处理事项";
        nothing_waits: "Nothing waits for you.", "没有待处理事项。";
        sales: "Licenses issued per day and spec, 14 days", "近 14 天每日签发的许可证（按规格）";
        sales_none: "Nothing was issued in the last 14 days.", "近 14 天没有签发许可证。";
        day: "Day", "日期";
        others: "others", "其他";
        as_table: "The same as a table", "以表格显示";
        ending: "Licenses that end in the next 30 days", "未来 30 天到期的许可证";
        ending_none: "No license ends in the next 30 days.", "未来 30 天没有许可证到期。";
        count: "Licenses", "许可证数";
        next_endings: "The next ones", "最近到期";
        license: "License", "许可证";
        customer: "Customer", "客户";
        ends: "Ends", "到期时间";
        quota: "Quota that is nearly used up", "即将用完的额度";
        quota_none: "No license has used more than half of a package's window.", "没有许可证在当前周期用去一半以上的额度。";
        metric: "What is counted", "计量项";
        share: "Used in this window", "当前周期已用";
        channels: "Channels", "接入渠道";
        channel: "Channel", "接入渠道";
        channels_none: "There is no channel yet. Add one to the apply file and apply it.", "还没有接入渠道，请在配置文件中添加并应用。";
        calls: "Last calls", "最近调用";
        answered: "answered", "成功";
        refused: "refused", "被拒绝";
        calls_none: "No calls yet. Paste the address of a channel at the marketplace.", "还没有调用。请将渠道地址填写到云商店。";
        activated: "Machines activated per day, 14 days", "近 14 天每日激活的机器";
        activated_none: "No machine was activated in the last 14 days.", "近 14 天没有激活机器。";
        machines: "Machines", "机器数";
        dial_test: "Last dial test that succeeded", "最近成功的拨测";
    }
}

/// Orders that are held.
pub fn held(count: &str, language: Language) -> String {
    match language {
        Language::English => format!("Orders held: {count}. Say which spec they are."),
        Language::Chinese => format!("挂起的订单：{count}，请选择对应的规格。"),
    }
}

/// Jobs that have failed.
pub fn failing(count: &str, language: Language) -> String {
    match language {
        Language::English => format!("Jobs that have failed and are tried again: {count}."),
        Language::Chinese => format!("失败后重试中的任务：{count}。"),
    }
}

/// Of how many licenses a figure tells, where not of all.
pub fn of_the_newest(count: &str, language: Language) -> String {
    match language {
        Language::English => format!("Of the newest {count} licenses only."),
        Language::Chinese => format!("仅统计最新的 {count} 个许可证。"),
    }
}

/// Of how many events a figure tells, where not of all.
pub fn of_the_last_events(count: &str, language: Language) -> String {
    match language {
        Language::English => format!("Of the last {count} events only."),
        Language::Chinese => format!("仅统计最近的 {count} 个事件。"),
    }
}
