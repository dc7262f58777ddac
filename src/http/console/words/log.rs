//! The audit log, and endpoints that are told of events.

use crate::domain::DisableCause;

words! {
    /// The audit log.
    Audit {
        title: "Audit log", "审计日志";
        hint: "Every change stands here with who did it and why, in a chain that shows when something was altered or removed: lictor audit verify checks it.", "每次变更都会记录操作人和原因，并连成链，可发现任何篡改或删除：使用 lictor audit verify 校验。";
        table: "Events, newest first", "事件（最新的在前）";
        none: "Nothing has been sealed yet; events are within seconds.", "还没有已封存的事件；新事件会在数秒内封存。";
        number: "Number", "编号";
        at: "Time", "时间";
        what: "What happened", "内容";
        about: "About", "对象";
        who: "By", "操作人";
        facts: "Facts", "详情";
        sealed: "Sealed events", "已封存的事件";
        unsealed: "Waiting to be sealed", "等待封存";
        since: "The oldest of them since", "其中最早的时间";
    }
}

words! {
    /// Endpoints that are told of events.
    Webhooks {
        title: "Webhooks", "事件推送";
        hint: "Addresses of your own software that are told what happens, signed by Standard Webhooks.", "将发生的事件推送到您的软件地址，按 Standard Webhooks 签名。";
        webhook: "Webhook", "推送地址";
        none: "There is no webhook yet. Make one, and your software is told what happens from then on.", "还没有推送地址。新建后，之后的事件会推送到您的软件。";
        url: "Address", "地址";
        url_hint: "https://… ; addresses inside of networks are refused unless the server allows them.", "https://…；内网地址会被拒绝，除非服务器允许。";
        description: "Description", "说明";
        state: "State", "状态";
        enabled: "on", "已启用";
        failing: "on, the last attempts failed", "已启用，最近的尝试失败";
        off_by_hand: "off by hand since", "已手工停用，自";
        off_gone: "off: the address said that it is gone, since", "已停用：地址表示已不存在，自";
        off_failing: "off: nothing was accepted for long, since", "已停用：长时间无法送达，自";
        pending: "On their way", "待送达";
        last_success: "Last accepted", "最近成功";
        last_failure: "Last failed", "最近失败";
        never: "never", "从未";
        events: "Events", "事件";
        every_event: "all, but those that must be asked for by name", "全部（须单独选择的除外）";
        events_hint: "None ticked: all, but those that must be asked for by name.", "不勾选则推送全部（须单独选择的除外）。";
        days: "Days before an end", "到期提醒天数";
        days_hint: "license.expiring is sent so many days before a license ends: up to 8 numbers from 1 to 366, such as 30, 7, 1. Empty: it is not sent.", "许可证到期前这么多天推送 license.expiring：最多 8 个 1 至 366 的整数，例如 30, 7, 1；留空则不推送。";
        days_wrong: "Write at most 8 whole numbers from 1 to 366, such as 30, 7, 1, or nothing.", "请填写最多 8 个 1 至 366 的整数，例如 30, 7, 1，或留空。";
        days_none: "none", "不提醒";
        secrets: "Secrets", "签名密钥";
        secret: "Secret", "签名密钥";
        kept: "Where it is kept", "存放位置";
        kept_here: "on this server, sealed", "本服务器（已加密）";
        since: "Signs since", "开始签名";
        until: "Signs until", "停止签名";
        secret_once: "This is the secret. It is shown only now: give it to the software that receives events.", "以下为签名密钥，仅显示这一次，请配置到接收事件的软件中。";
        deliveries: "Deliveries", "推送记录";
        delivery: "Delivery", "推送";
        deliveries_none: "Nothing was sent yet.", "还没有推送记录。";
        event: "Event", "事件";
        attempts: "Attempts", "尝试次数";
        last_attempt: "Last attempt", "最近尝试";
        answer: "Answer", "答复";
        on_its_way: "on its way, next attempt", "待送达，下次尝试";
        delivered: "accepted", "已送达";
        given_up: "given up", "已放弃";
        again: "Send again", "重新推送";
        make: "New webhook", "新建推送地址";
        change: "Change", "修改";
        change_title: "Change this webhook", "修改推送地址";
        save: "Save", "保存";
        saved: "It is saved. What is on its way goes to the address as it is now.", "已保存，待送达的事件将发往当前地址。";
        now: "How it stands now", "当前状态";
        typed: "What you typed", "您填写的内容";
        changed_meanwhile: "Somebody changed this webhook while you typed, so nothing was saved. See how it stands now; what you typed is below, and sending it again overrules that change.", "在您填写期间，该推送地址已被他人修改，因此未保存。请查看当前状态；您填写的内容在下方，再次提交将覆盖他人的修改。";
        test: "Send a test event", "发送测试事件";
        tested: "The test event was accepted.", "测试事件已送达。";
        test_failed: "The test event was not accepted: see the deliveries below.", "测试事件未送达，请查看下方的推送记录。";
        enable: "Switch on", "启用";
        enabled_done: "It is switched on, and goes on from where it stopped.", "已启用，将从中断处继续推送。";
        disable: "Switch off", "停用";
        disabled_done: "It is switched off: nothing is sent.", "已停用，不再推送。";
        replayed: "It is sent again.", "正在重新推送。";
        replay_since: "Send again since…", "按时间重新推送";
        replay_title: "Send events again", "重新推送事件";
        replay_follows: "Events that this webhook asks for are sent once more, also those that were accepted: behind what is new, at most 600 a minute, each under the webhook-id that it had. Software that remembers these ids does nothing twice.", "该推送地址订阅的事件将再次推送，包括已送达的事件：排在新事件之后，每分钟最多 600 个，webhook-id 不变。记录该编号的软件不会重复处理。";
        replay_from: "Since when", "起始时间";
        since_hint: "A day, or a day and a time of the zone named below, such as 2026-11-30 21:25.", "按下方所示时区填写日期，或日期和时间，例如 2026-11-30 21:25。";
        since_wrong: "Write a day, or a day and a time, such as 2026-11-30 21:25.", "请填写日期，或日期和时间，例如 2026-11-30 21:25。";
        limit: "At most so many events", "最多事件数";
        limit_hint: "1 to 10,000; the oldest are sent.", "1 至 10000；优先推送较早的事件。";
        limit_wrong: "Write a whole number from 1 to 10000.", "请填写 1 至 10000 的整数。";
        show_first: "Show which", "查看将推送的事件";
        replay_since_now: "Send them again", "重新推送这些事件";
        replayed_then: "What is sent again", "将重新推送的事件";
        replayed_count: "Events", "事件数";
        or_more: "or more: not all of the log was looked at", "或更多（未查看全部日志）";
        replayed_first: "The first happened", "最早的事件时间";
        replayed_last: "The last happened", "最晚的事件时间";
        replayed_cut: "There are more than that, and the later ones are not sent: raise the number, or send again from the time of the last one on.", "事件多于此数，较晚的事件不会推送：请增大数量，或再从最晚的事件时间起推送。";
        replayed_none: "This webhook asks for nothing that has happened since then. Choose an earlier time.", "此后没有该推送地址订阅的事件，请选择更早的时间。";
        replayed_since: "They are sent again, behind what is new.", "正在重新推送，排在新事件之后。";
        rotate: "New secret", "更换签名密钥";
        rotate_title: "Give this webhook another secret?", "确定更换签名密钥吗？";
        rotate_follows: "The secrets of before go on signing for a day, so that the receiver can learn the new one. It is shown once, on the next page.", "旧密钥仍会签名一天，以便接收方更换。新密钥仅在下一页显示一次。";
        delete: "Delete", "删除";
        delete_title: "Delete this webhook?", "确定删除该推送地址吗？";
        delete_follows: "Nothing is sent there any more, and what is on its way is dropped. This cannot be undone.", "将不再向该地址推送，待送达的事件会被丢弃。此操作无法撤销。";
        deleted: "The webhook is deleted.", "推送地址已删除。";
    }
}

impl Webhooks {
    /// Why nothing is sent.
    pub fn disabled(&self, cause: DisableCause) -> &'static str {
        match cause {
            DisableCause::ByHand => self.off_by_hand,
            DisableCause::Gone => self.off_gone,
            DisableCause::Failing => self.off_failing,
        }
    }

    /// What the page says once something was done.
    pub fn done(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "tested" => self.tested,
            "test-failed" => self.test_failed,
            "enable" => self.enabled_done,
            "disable" => self.disabled_done,
            "replay" => self.replayed,
            "change" => self.saved,
            "since" => self.replayed_since,
            _ => return None,
        })
    }
}
