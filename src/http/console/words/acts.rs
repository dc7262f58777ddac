//! What is done to a license: the question, what follows, the answer.

words! {
    /// What is done to a license: the question, what follows, the answer.
    Acts {
        reason: "Reason", "原因";
        reason_hint: "For your own records; the customer does not read it.", "仅供内部记录，客户看不到。";
        reason_long: "Write at most 1,000 bytes, without control characters.", "最多 1000 字节，且不能含有控制字符。";
        reason_needed: "Say why: lifting the marketplace's suspension needs a reason.", "请填写原因：解除云商店的暂停必须说明原因。";
        follows: "What follows", "后果";
        show_first: "Show what follows", "查看后果";
        shown_first: "These are the consequences of what you chose. Nothing is done yet: confirm it, or choose differently.", "以下是所选内容的后果，尚未执行任何操作。请确认，或重新选择。";
        extend: "Extend", "延期";
        extend_title: "Give this license more time?", "确定为该许可证延期吗？";
        extend_follows: "The end moves to a later time; the software fetches it by itself. The term that was bought does not change.", "到期时间将延后，软件会自动取得；所购买的时长不变。";
        extend_by: "By how many days", "延长天数";
        extend_by_hint: "1 to 31 days beyond what was bought; more where your token may issue licenses.", "在所购到期时间之后 1 至 31 天；当前令牌具有签发权限时可更长。";
        extend_until: "Or until", "或延长至";
        extend_wrong: "Write a number of days, or a time.", "请填写天数或时间。";
        extend_done: "The license ends later now.", "许可证已延期。";
        change: "Change the spec", "更换规格";
        change_title: "Give this license another spec?", "确定更换该许可证的规格吗？";
        change_follows: "What the license grants becomes what the other spec grants now; end and term stay.", "许可证内容将变为新规格当前的内容，到期时间和时长不变。";
        change_spec: "Spec", "规格";
        change_spec_wrong: "Choose a spec.", "请选择规格。";
        change_quantity: "Quantity", "数量";
        quantity_wrong: "Write a whole number from 1 on.", "请填写不小于 1 的整数。";
        change_done: "The license has another spec now.", "许可证的规格已更换。";
        changed: "Somebody changed this license while you decided; nothing was done. This is how it stands now. What you typed is kept: decide again.", "在您操作期间，该许可证已被修改，因此未执行任何操作。以下是当前状态，您填写的内容已保留，请重新确认。";
        used_before: "This form was sent before with other content, and that was done. This is how the license stands now.", "此表单先前已以其他内容提交并执行。以下是许可证的当前状态。";

        suspend: "Suspend", "暂停";
        suspend_title: "Suspend this license?", "确定暂停该许可证吗？";
        suspend_follows: "The software stops when it next learns of it. Nothing is lost: you can resume the license at any time, and its end does not move.", "软件在下次得知后停止运行。数据不会丢失：可随时恢复，到期时间不变。";
        suspend_done: "The license is suspended.", "许可证已暂停。";
        resume: "Resume", "恢复";
        resume_title: "Resume this license?", "确定恢复该许可证吗？";
        resume_follows: "Your suspension is lifted. The software runs again when it next asks; its end has not moved.", "将解除商家的暂停。软件在下次联系后恢复运行，到期时间不变。";
        resume_marketplace: "The marketplace has suspended it as well. That stays, unless you override it: the marketplace does not learn of it and may suspend it again.", "云商店也暂停了该许可证。除非强制解除，否则云商店的暂停仍然有效；强制解除不会通知云商店，云商店可能再次暂停。";
        r#override: "Marketplace", "云商店";
        override_yes: "Override: lift the marketplace's suspension too", "强制解除：同时解除云商店的暂停";
        resume_done: "The license was resumed.", "许可证已恢复。";
        resume_left: "Your suspension is lifted; the marketplace's stays.", "商家的暂停已解除，云商店的暂停仍然有效。";
        revoke: "Revoke", "吊销";
        revoke_title: "Revoke this license for good?", "确定永久吊销该许可证吗？";
        revoke_follows: "This cannot be undone. The key and the claim code open nothing any more, no machine can be activated, and renewals that are paid later do not bring it back. If you are not sure, suspend it instead.", "此操作无法撤销。密钥和激活码将立即失效，无法再激活机器，之后的续费也不会恢复该许可证。如不确定，请改为暂停。";
        revoke_done: "The license is revoked.", "许可证已吊销。";
        reissue: "Re-issue", "重新签发";
        reissue_title: "Give this license a new key?", "确定为该许可证签发新密钥吗？";
        reissue_follows: "The license gets a new key and a new claim code. The old key activates no machine any more. Send the new one to the customer.", "许可证将获得新的密钥和激活码，旧密钥不能再激活机器。请将新密钥发给客户。";
        leaked: "Has the old key leaked?", "旧密钥是否泄露？";
        leaked_no: "No: whoever has it may fetch the new one", "否：持有旧密钥者可自动取得新密钥";
        leaked_yes: "Yes: it opens nothing any more, not even a renewal", "是：旧密钥完全失效，也不能续期";
        keep: "Which machines keep their places?", "哪些机器保留名额？";
        keep_all: "All of them", "全部保留";
        keep_none: "None: each is activated again with the new key", "全部不保留：均需用新密钥重新激活";
        keep_these: "Those ticked below", "保留下方勾选的机器";
        machines: "Machines that keep their places", "保留名额的机器";
        reissue_done: "The license has a new key.", "许可证已有新密钥。";
        accept: "Record acceptance", "登记验收";
        accept_title: "Record that the buyer has accepted?", "确定登记买家已验收吗？";
        accept_follows: "The license starts then, and its end is counted from there. This cannot be undone.", "许可证自此时起生效并开始计算到期时间。此操作无法撤销。";
        accepted_at: "Accepted at", "验收时间";
        time_hint: "A day and a time of the zone named below, such as 2026-11-30 21:25. Empty means now.", "按下方所示时区填写日期和时间，例如 2026-11-30 21:25；留空表示现在。";
        time_wrong: "Write a day, or a day and a time, such as 2026-11-30 21:25.", "请填写日期，或日期和时间，例如 2026-11-30 21:25。";
        accept_done: "The acceptance is recorded; the license has started.", "已登记验收，许可证已生效。";
        release: "Release the machine", "释放机器";
        release_title: "Release this machine?", "确定释放这台机器吗？";
        release_follows: "Its place is free at once and another machine can take it. The software there stops when it next asks, at the latest when its lease ends.", "名额立即空出，可供其他机器使用。该机器上的软件在下次联系时停止，最迟在租期结束时停止。";
        release_done: "The machine was released.", "机器已释放。";
    }
}
