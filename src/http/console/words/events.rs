//! What happened, in words.

use crate::domain::{Actor, EventKind};
use crate::http::language::Language;

words! {
    /// The facts of events, by name.
    Events {
        order_id: "Order", "订单";
        ends_at: "Ends", "到期时间";
        starts_at: "Starts", "生效时间";
        reason: "Reason", "原因";
        spec: "Spec", "规格";
        term: "Term", "时长";
        sku: "SKU", "SKU";
        activation: "Activation", "激活编号";
        by: "How", "方式";
        code: "Code", "编码";
        package: "Package", "套餐包";
        metric: "What is counted", "计量项";
        percent: "Percent used", "已用百分比";
        window_ends_at: "Window ends", "周期截止";
        from: "From", "原属";
        to: "To", "现属";
        instance_id: "Instance", "实例";
        ends_at_before: "Ended before", "原到期时间";
        bought_end: "End as bought", "所购到期时间";
        refund_at: "Marketplace refunds at", "云商店退款时间";
        never: "never", "永久有效";
        actor_customer: "the customer", "客户";
        actor_server: "the server", "服务器";
    }
}

impl Events {
    /// The word for a fact; none of the others is for people.
    pub fn fact(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "order_id" => self.order_id,
            "ends_at" => self.ends_at,
            "starts_at" => self.starts_at,
            "reason" | "why" => self.reason,
            "spec" => self.spec,
            "term" => self.term,
            "sku" => self.sku,
            "activation" => self.activation,
            "by" => self.by,
            "code" => self.code,
            "package" => self.package,
            "metric" => self.metric,
            "percent" => self.percent,
            "window_ends_at" => self.window_ends_at,
            "from" => self.from,
            "to" => self.to,
            "instance_id" => self.instance_id,
            "ends_at_before" => self.ends_at_before,
            "bought_end" => self.bought_end,
            "refund_at" => self.refund_at,
            _ => return None,
        })
    }

    /// Who did it.
    pub fn actor(&self, actor: &Actor, language: Language) -> String {
        match (actor, language) {
            (Actor::Marketplace(channel), Language::English) => format!("the marketplace, through {channel}"),
            (Actor::Marketplace(channel), Language::Chinese) => format!("云商店（渠道 {channel}）"),
            (Actor::Token(name), Language::English | Language::Chinese) => name.clone(),
            (Actor::Customer, _) => self.actor_customer.to_owned(),
            (Actor::Server, _) => self.actor_server.to_owned(),
        }
    }
}

/// An event as a sentence.
pub fn what_happened(kind: EventKind, language: Language) -> &'static str {
    let [english, chinese] = both(kind);
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

fn both(kind: EventKind) -> [&'static str; 2] {
    match kind {
        EventKind::OrderReceived => ["The order was received", "收到订单"],
        EventKind::OrderHeld => {
            ["The order was held: no spec knows its code", "订单挂起：没有规格对应其编码"]
        }
        EventKind::OrderMapped => ["The order's code was given a spec", "订单编码已映射到规格"],
        EventKind::OrderContradicted => ["A call contradicted what was known", "收到与已知内容矛盾的调用"],
        EventKind::OrderPaidAfterRevocation => {
            ["A renewal was paid after the revocation", "吊销之后收到续费"]
        }
        EventKind::LicenseIssued => ["The license was issued", "许可证已签发"],
        EventKind::LicenseImported => ["The license was imported", "许可证已导入"],
        EventKind::LicenseStarted => ["The license started", "许可证开始生效"],
        EventKind::LicenseRenewed => ["The end moved", "到期时间已变更"],
        EventKind::LicenseExtended => ["The end was moved by hand", "已手工延期"],
        EventKind::LicenseSuspended => ["The license was suspended", "许可证已暂停"],
        EventKind::LicenseResumed => ["The license was resumed", "许可证已恢复"],
        EventKind::LicenseReleased => ["The marketplace released the license", "云商店释放了许可证"],
        EventKind::LicenseRevoked => ["The license was revoked", "许可证已吊销"],
        EventKind::LicenseReissued => ["The license got a new key", "许可证已重新签发密钥"],
        EventKind::LicenseChanged => ["What the license grants changed", "许可证内容已变更"],
        EventKind::LicensePersonalDataErased => {
            ["The customer's personal data was erased", "已删除客户的个人数据"]
        }
        EventKind::LicenseRequested => {
            ["The license text was asked for at the marketplace", "云商店申请了许可证文件"]
        }
        EventKind::LicenseUploadRefused => {
            ["The marketplace did not take the license text", "云商店未接收许可证文件"]
        }
        EventKind::UsageDropped => ["A record of usage was given up", "一条用量记录已放弃上报"],
        EventKind::AppInfoSet => ["The buyer was told where to find it", "已设置买家的访问信息"],
        EventKind::QuotaLow => ["The quota runs low", "额度即将用完"],
        EventKind::QuotaExhausted => ["The quota is used up", "额度已用完"],
        EventKind::QuotaMoved => ["A package moved to another license", "套餐包已改由其他许可证使用"],
        EventKind::ActivationCreated => ["A machine was activated", "机器已激活"],
        EventKind::ActivationReleased => ["A machine gave up its place", "机器已释放名额"],
        EventKind::LedgerRefused => ["A machine's usage ledger was wrong", "机器的用量账本有误"],
        EventKind::ActivationConflict => ["A copy of a machine was noticed", "发现机器被复制"],
        EventKind::OrderRetried => ["An order's work was tried again", "已重试处理订单"],
        EventKind::CatalogCreated => ["The catalog has a new entry", "目录中新增了一项"],
        EventKind::CatalogChanged => ["An entry of the catalog changed", "目录中的一项已变更"],
        EventKind::CatalogRemoved => ["An entry of the catalog was removed", "目录中的一项已移除"],
        EventKind::CatalogApplied => ["A catalog file was applied", "已应用目录文件"],
        EventKind::ApiTokenCreated => ["An API token was made", "已创建 API 令牌"],
        EventKind::ApiTokenRevoked => ["An API token was revoked", "API 令牌已吊销"],
        EventKind::KeyStaged => ["A signing key was made for later", "已准备新的签名密钥"],
        EventKind::KeyRotated => ["The signing key was rotated", "签名密钥已轮换"],
        EventKind::KeyRetired => ["A signing key was retired", "签名密钥已停用"],
        EventKind::KeyRevoked => ["A signing key was revoked", "签名密钥已吊销"],
        EventKind::KeySetPublished => ["The key set was published", "密钥集已发布"],
        EventKind::CustomerErased => ["A customer's personal data was erased", "客户的个人数据已删除"],
        EventKind::StoreRestored => ["The store was restored from a backup", "数据已从备份恢复"],
        EventKind::AuditAdopted => {
            ["Earlier events were taken into the audit chain", "早先的事件已纳入审计链"]
        }
        EventKind::LicenseExpiring => ["The license ends soon", "许可证即将到期"],
        EventKind::LicenseExpired => ["The license has expired", "许可证已过期"],
        EventKind::ActivationRenewed => ["A machine was renewed", "机器已续期"],
        EventKind::CallbackRejected => ["A call of the marketplace was refused", "云商店的调用被拒绝"],
        EventKind::ChannelDialTestFailed => ["A dial test failed", "拨测失败"],
        EventKind::ChannelSilent => ["No dial test has succeeded for long", "长时间没有成功的拨测"],
        EventKind::CertificateExpiring => ["The server's certificate ends soon", "服务器证书即将到期"],
        EventKind::WebhookCreated => ["A webhook was made", "已新建推送地址"],
        EventKind::WebhookChanged => ["A webhook was changed", "推送地址已变更"],
        EventKind::WebhookDeleted => ["A webhook was deleted", "推送地址已删除"],
        EventKind::WebhookEnabled => ["A webhook was switched on", "推送地址已启用"],
        EventKind::WebhookDisabled => ["A webhook was switched off", "推送地址已停用"],
        EventKind::WebhookSecretRotated => ["A webhook got another secret", "推送地址已更换签名密钥"],
        EventKind::WebhookReplayed => ["Events were sent again", "事件已重新推送"],
        EventKind::WebhookTested => ["A webhook was tried out", "已测试推送地址"],
        EventKind::SessionBegun => ["Somebody signed in to the console", "有人登录了控制台"],
        EventKind::SessionEnded => ["Somebody was signed out of the console", "有人已退出控制台"],
        EventKind::SignInLinkCreated => ["A sign-in link was made", "已创建登录链接"],
        EventKind::SignInLinkRevoked => ["A sign-in link was withdrawn", "登录链接已撤销"],
    }
}
