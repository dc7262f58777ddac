//! Records of usage for the marketplace.

use crate::domain::UsageState;

words! {
    /// Records of usage for the marketplace.
    Usage {
        title: "Usage records", "用量话单";
        hint: "What pay-per-use instances used, hour by hour or day by day, and whether the marketplace has taken it. What waits goes in the marketplace's next window; if that fails, the outbox says why, and does it at once if asked.", "按需实例每小时或每日的用量，以及云商店是否已接收。待上报的话单在云商店的下一个上报窗口提交；上报失败时，待办任务会说明原因，并可立即执行。";
        table: "Usage records, by instance, newest first", "用量话单（按实例，最新的在前）";
        newest: "The newest of them", "最新的话单";
        all: "All usage records of this license", "该许可证的全部话单";
        none: "There are no such records. Usage is summed up from what the software reports, or sent by your own meter.", "没有符合条件的话单。用量由软件上报后汇总，或由您的计量系统提交。";
        of: "Instance or license", "实例或许可证";
        of_hint: "The marketplace's instance id, or the license's id; empty means all of them.", "云商店的实例编号或许可证编号；留空表示全部。";
        of_wrong: "Write an instance id or a license id without blanks.", "请填写不含空格的实例编号或许可证编号。";
        of_none: "No usage is recorded of this license: only what was bought pay-per-use at the marketplace has records.", "该许可证没有话单：只有在云商店按需购买的实例才有话单。";
        state: "State", "状态";
        any: "any", "不限";
        look: "Show", "查看";
        outbox: "Outbox", "待办任务";
        interval: "From and to", "起止时间";
        amount: "Amount", "用量";
        state_and_why: "State, reason", "状态、原因";
        instance: "Instance", "实例";
        package: "from the package", "所属套餐包：";
        recorded: "Recorded", "记录时间";
        waiting: "waits, not before", "待上报，不早于";
        waits: "waits", "待上报";
        pushed: "taken", "云商店已接收";
        dropped: "given up", "已放弃";
    }
}

impl Usage {
    /// Where a record stands, before the time that goes with it, and how good that is.
    pub fn of_state(&self, state: &UsageState) -> (&'static str, &'static str) {
        match state {
            UsageState::Waiting => (self.waiting, ""),
            UsageState::Pushed { .. } => (self.pushed, "good"),
            UsageState::Dropped { .. } => (self.dropped, "bad"),
        }
    }

    /// A state as a choice.
    pub fn of_name(&self, name: &str) -> &'static str {
        match name {
            "pushed" => self.pushed,
            "dropped" => self.dropped,
            _ => self.waits,
        }
    }
}
