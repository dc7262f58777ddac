//! Orders and the outbox.

use crate::application::record::Task;
use crate::application::{OrderState, OutboxState};

words! {
    /// Orders and the outbox.
    Orders {
        title: "Orders", "订单";
        order: "Order", "订单";
        line: "Order line", "订单行";
        state: "State", "状态";
        received: "received", "已接收";
        held: "held", "已挂起";
        minted: "issued", "已签发";
        ended: "ended", "已终止";
        any: "any", "不限";
        look: "Show", "查看";
        received_at: "Received", "接收时间";
        held_since: "Held since", "挂起时间";
        ended_at: "Ended", "终止时间";
        ordered_at: "Ordered", "下单时间";
        customer: "Customer", "客户";
        sku: "SKU", "SKU";
        product_id: "Marketplace's product id", "云商店商品 ID";
        quantity: "Quantity", "数量";
        term: "Term", "时长";
        channel: "Channel", "接入渠道";
        license: "License", "许可证";
        waiting: "Calls that wait for the license", "等待许可证的调用";
        answers: "What the buyer was asked", "下单时填写的信息";
        none: "No orders of this kind. Orders appear here as soon as the marketplace tells of them.", "没有此类订单。云商店通知后，订单会显示在这里。";
        held_why: "No spec knows what was bought. Say which spec it is: every order of that code is issued then, now and later.", "没有规格对应所购内容。请选择对应的规格，之后该编码的所有订单都会自动签发。";
        refund: "Refunded by the marketplace at", "云商店退款时间";
        refund_left: "If it is not issued by then, the marketplace pays back.", "若届时仍未签发，云商店将退款。";
        map: "Choose the spec", "选择规格";
        map_title: "Which spec was bought?", "所购的是哪个规格？";
        spec: "Spec", "规格";
        suggested: "suggested", "建议";
        map_wrong: "Choose a spec.", "请选择规格。";
        show_first: "Show what is issued", "查看将要签发的内容";
        minted_then: "What is issued then", "将要签发的内容";
        orders_meant: "Orders of this code that wait", "等待中的同编码订单";
        or_more: "and perhaps more", "可能更多";
        remembered: "It is remembered: later orders of this code are issued without asking. To change it, give the code to another spec in the apply file.", "该对应关系会被记住，之后同编码的订单将自动签发。如需更改，请在配置文件中将编码改归其他规格。";
        machines: "Machines allowed", "允许的机器数";
        unlimited: "any number", "不限";
        entitlements: "Entitlements", "功能";
        quota: "Quota", "额度";
        mapped: "The spec is remembered, and what waited for it is issued.", "对应关系已保存，等待中的订单已签发。";
        changed: "Somebody changed this order while you decided; nothing was done. This is how it stands now.", "在您操作期间订单已变更，因此未执行任何操作。以下是当前状态。";
        retry: "Look at it again", "重新处理";
        retried: "It is looked at again now.", "正在重新处理。";
        job: "What it waits for", "等待原因";
        outbox: "Outbox", "待办任务";
        outbox_none: "Nothing waits. Work for the marketplace appears here until it is done.", "没有待办任务。需要与云商店交互的任务会在完成前显示在这里。";
        only_failed: "Only what has failed", "仅显示失败的任务";
        all: "Everything", "全部";
        about: "About", "对象";
        task_and_channel: "Job, channel", "任务、接入渠道";
        attempts_and_next: "Attempts, the next one", "尝试次数、下次尝试";
        failure: "Last failure", "最近的失败原因";
        act: "Do it now", "立即执行";
        running: "running", "执行中";
        due: "due", "待执行";
        sleeping: "waiting", "等待中";
        held_back: "held back: the marketplace does not answer", "已暂缓：云商店无响应";
        settle: "ask what the order says", "查询订单内容";
        rank: "ask when an order was placed", "查询下单时间";
        redeem: "activate a code", "激活授权码";
        query: "ask how a code stands", "查询授权码状态";
        report: "report use", "上报使用情况";
        apply: "decide about an application", "处理许可证申请";
        change: "change a license as ordered", "按订单变更许可证";
        look_at: "ask what an order is", "查询订单类型";
        upload: "hand a license over", "上传许可证";
        attach: "find a package's license", "为套餐包匹配许可证";
        push: "push usage", "推送用量";
    }
}

impl Orders {
    /// Where an order line stands, and how good that is.
    pub fn of_state(&self, state: OrderState) -> (&'static str, &'static str) {
        match state {
            OrderState::Received => (self.received, ""),
            OrderState::Held => (self.held, "bad"),
            OrderState::Minted => (self.minted, "good"),
            OrderState::Ended => (self.ended, "warn"),
        }
    }

    /// Whether a job can go, and how good that is.
    pub fn of_job(&self, state: OutboxState) -> (&'static str, &'static str) {
        match state {
            OutboxState::Running => (self.running, "good"),
            OutboxState::Due => (self.due, ""),
            OutboxState::Waiting => (self.sleeping, ""),
            OutboxState::HeldBack => (self.held_back, "warn"),
        }
    }

    /// What is to be done.
    pub fn of_task(&self, task: &Task) -> &'static str {
        match task {
            Task::SettlePurchase { .. } => self.settle,
            Task::RankOrder { .. } => self.rank,
            Task::RedeemCode { .. } => self.redeem,
            Task::QueryCode { .. } => self.query,
            Task::ReportUse { .. } => self.report,
            Task::ApplyForLicense { .. } => self.apply,
            Task::ApplyChange { .. } => self.change,
            Task::LookAtOrder { .. } => self.look_at,
            Task::UploadLicense { .. } => self.upload,
            Task::AttachPackage { .. } => self.attach,
            Task::PushUsage { .. } => self.push,
        }
    }
}
