//! What stands around every page.

words! {
    /// What stands around every page.
    Layout {
        product: "lictor", "lictor";
        skip: "Skip to the content", "跳到正文";
        find: "Order, customer, license key, claim code, machine", "订单、客户、许可证密钥、激活码或机器";
        find_now: "Search", "搜索";
        preferences: "Language and appearance", "语言与外观";
        other_language: "中文", "English";
        theme_light: "Light", "浅色";
        theme_dark: "Dark", "深色";
        theme_auto: "As the system", "跟随系统";
        navigation: "Main navigation", "主导航";
        zone: "Times are those of", "时间所用时区：";
        signed_in_as: "Signed in as", "当前身份：";
        sign_out: "Sign out", "退出登录";
        home: "Overview", "概览";
        licenses: "Licenses", "许可证";
        orders: "Orders", "订单";
        outbox: "Outbox", "待办任务";
        channels: "Channels", "接入渠道";
        air_gap: "Offline machines", "离线机器";
        quota: "Quota", "额度";
        catalog: "Products", "产品与规格";
        issue: "Issue", "签发";
        customers: "Customers", "客户";
        keys: "Signing keys", "签名密钥";
        access: "Access", "访问权限";
        webhooks: "Webhooks", "事件推送";
        audit: "Audit log", "审计日志";
        refused_title: "That was not possible", "无法完成该操作";
        scope_title: "Not allowed", "权限不足";
        absent_title: "Not found", "未找到";
        absent_hint: "It may have been typed wrongly, or it belongs to somebody else. Search for it instead.", "可能输入有误，或不属于当前商家。请改用搜索。";
        later_title: "Please try again", "请稍后重试";
        errors: "Please change this", "请修改以下内容";
        form_refused: "The form could not be read. Send it again.", "无法读取提交的内容，请重新提交。";
        back: "Back", "返回";
        cancel: "Cancel", "取消";
        more: "Older ones", "更早的记录";
        yes: "yes", "是";
        no: "no", "否";
    }
}
