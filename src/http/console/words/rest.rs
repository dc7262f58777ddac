//! Files of offline machines, products, issuing by hand, quota, customers, signing keys.

use crate::domain::{KeyRole, KeyState};

words! {
    /// Files of machines without network.
    AirGap {
        title: "Offline machines", "离线机器";
        hint: "A customer's machine without network has written a request file or a deactivation file. Send it here: a request is answered by a response file to carry back, a deactivation frees the place.", "客户的离线机器会生成请求文件或停用文件。在此提交：请求会得到需带回的响应文件，停用会释放名额。";
        file: "The file", "选择文件";
        request: "Or its text, or the texts of its QR codes one after the other", "或粘贴文件内容，或依次粘贴各二维码的内容";
        send: "Answer it", "提交";
        nothing: "Choose a file or paste its text.", "请选择文件或粘贴文件内容。";
        deactivated: "The machine was deactivated; its place is free.", "该机器已停用，名额已空出。";
        response: "The response", "响应";
        response_hint: "Send it to the customer, who carries it to that machine. It works there only.", "请发给客户带回该机器，仅在该机器上有效。";
        download: "Download the response file", "下载响应文件";
        text: "The response as text", "响应内容";
        codes: "The response as QR codes", "响应二维码";
        machine: "Activation", "激活编号";
        renews: "The machine asks again from", "下次需再次提交的时间";
        outcome_new: "A machine took a place.", "机器已占用名额。";
        outcome_renewed: "A machine was renewed.", "机器已续期。";
    }
}

words! {
    /// What is sold, and issuing by hand.
    Catalog {
        title: "Products", "产品与规格";
        hint: "What is sold is said in the apply file, and changed there: lictor apply FILE.", "所售内容由配置文件定义，并在其中修改：lictor apply FILE。";
        products: "Products", "产品";
        product: "Product", "产品";
        name: "Name", "名称";
        none: "Nothing is sold yet. Write an apply file and apply it.", "还没有产品。请编写并应用配置文件。";
        specs: "Specs", "规格";
        spec: "Spec", "规格";
        skus: "SKUs", "SKU 编码";
        term: "Term", "时长";
        as_ordered: "as ordered", "按订单";
        machines: "Machines", "机器数";
        unlimited: "any number", "不限";
        entitlements: "Entitlements", "功能";
        quota: "Quota", "额度";
        issue: "Issue a license", "签发许可证";
        issue_hint: "For somebody who did not buy at a marketplace. The license counts as sold.", "用于未通过云商店购买的客户，按正式销售处理。";
        quantity: "Quantity", "数量";
        quantity_wrong: "Write a whole number from 1 to 100,000.", "请填写 1 至 100,000 的整数。";
        customer: "Customer", "客户";
        customer_hint: "Your own id of the customer: up to 128 letters, digits and signs, without blanks. May be left out.", "您自己的客户编号：最多 128 个字母、数字或符号，不含空格；可不填。";
        customer_wrong: "Write an id without blanks, up to 128 letters, digits and signs, or nothing.", "请填写不含空格的编号（最多 128 个字母、数字或符号），或留空。";
        label: "Label", "备注";
        label_hint: "Your own note; shown in lists and found by the search.", "自用备注，显示在列表中并可搜索。";
        label_wrong: "Write at most 255 bytes without control characters.", "最多 255 字节，且不能含有控制字符。";
        term_hint: "P1Y, P1M, P14D or permanent; empty means as the spec says.", "P1Y、P1M、P14D 或 permanent；留空则按规格。";
        starts_at: "Starts", "生效时间";
        starts_hint: "A day and a time of the zone named below; empty means now.", "按下方所示时区填写日期和时间；留空表示现在。";
        issue_now: "Issue", "签发";
        choose: "Choose a spec.", "请选择规格。";
        issued: "The license was issued.", "许可证已签发。";
    }
}

words! {
    /// What is used up.
    Quota {
        title: "Quota", "额度";
        table: "Packages of the newest licenses", "最新许可证的套餐包";
        license: "License", "许可证";
        none: "None of these licenses has quota. It is defined with a spec in the apply file.", "这些许可证没有额度。额度在配置文件的规格中定义。";
    }
}

words! {
    /// Personal data of a customer.
    Customers {
        title: "Customers", "客户";
        hint: "What is kept of a customer is shown here, handed out as a file, and erased.", "在此查看、导出并删除客户的个人数据。";
        customer: "Customer", "客户";
        customer_hint: "The whole id, as the license page shows it.", "完整的客户编号，与许可证页面显示的一致。";
        wrong: "Write the customer's id.", "请填写客户编号。";
        show: "Show what is kept", "查看保存的数据";
        kept: "What is kept of this customer", "该客户的数据";
        none: "Nothing is kept of this customer.", "没有该客户的数据。";
        license: "License", "许可证";
        label: "Label", "备注";
        machines: "Machines", "机器";
        told: "Told by the marketplace", "云商店提供的记录";
        more: "There is more: the file has it all.", "还有更多内容，完整内容见导出文件。";
        export: "Download all of it", "导出全部数据";
        erase: "Erase personal data", "删除个人数据";
        erase_title: "Erase this customer's personal data?", "确定删除该客户的个人数据吗？";
        erase_follows: "This cannot be undone. Customer id, labels, names of machines and what the marketplace told are erased; licenses go on working under a pseudonym.", "此操作无法撤销。客户编号、备注、机器名称和云商店提供的记录将被删除；许可证以化名继续有效。";
        erased: "Erased", "已删除";
        licenses_erased: "Licenses", "许可证";
        machines_erased: "Names of machines", "机器名称";
        told_erased: "Records of the marketplace", "云商店记录";
        go_on: "Not all licenses were looked at yet: send it again to go on.", "尚未处理所有许可证，请再次提交以继续。";
    }
}

words! {
    /// Signing keys.
    Keys {
        title: "Signing keys", "签名密钥";
        hint: "Licenses, certificates and status lists are signed with these keys. The server's operator changes them.", "许可证、证书和状态列表由这些密钥签名，由服务器运营者管理。";
        key: "Key", "密钥";
        role: "For", "用途";
        state: "State", "状态";
        here: "On this server", "在本服务器";
        signs_from: "Signs from", "开始签名";
        signs_until: "Signed until", "停止签名";
        acts: "What you can do", "可用操作";
        root: "key sets", "密钥集";
        license: "license keys", "许可证密钥";
        activation: "activation certificates", "激活证书";
        status: "status lists", "状态列表";
        staged: "staged", "待启用";
        active: "signs", "签名中";
        verifying: "signs no more, is believed", "不再签名，仍受信任";
        retired: "retired", "已退役";
        revoked: "revoked", "已吊销";
        none: "There are no keys yet.", "还没有密钥。";
        rotate: "Rotate", "轮换";
        rotate_title: "Let another key sign?", "确定轮换签名密钥吗？";
        rotate_follows: "The next key signs from now on; what the present one signed stays good. Clients hear of it in the next key set.", "新密钥自此开始签名，当前密钥已签名的内容仍然有效。客户端将通过下一个密钥集得知。";
        which: "Role", "用途";
        stage: "Only tell clients of it", "仅通知客户端";
        stage_yes: "It signs after another rotation", "再次轮换后才开始签名";
        rotated: "The keys are rotated.", "密钥已轮换。";
        retire: "Retire", "退役";
        retire_title: "Retire this key?", "确定让该密钥退役吗？";
        retire_follows: "It is not believed any more. That is refused while anything that has not ended hangs on it: every license is looked at, some thousands each time.", "该密钥将不再受信任。若仍有未结束的内容依赖它则会拒绝；每次检查数千个许可证。";
        retired_done: "The key is retired.", "密钥已退役。";
        looking: "Nothing was found yet that hangs on it; not all licenses were looked at. Send it again to go on. Looked at so far:", "尚未发现依赖该密钥的内容，但还未检查所有许可证。请再次提交以继续。已检查：";
        revoke: "Revoke", "吊销";
        revoke_title: "Revoke this key?", "确定吊销该密钥吗？";
        revoke_follows: "This cannot be undone. What it signed is not believed any more, and is signed anew: license keys one after the other, certificates as machines ask. A machine without network stops once it has the new key set, until it gets a new certificate.", "此操作无法撤销。其签名的内容不再受信任并将重新签名：许可证密钥依次处理，证书在机器联系时处理。离线机器在取得新密钥集后停止，直到取得新证书。";
        mode: "What is not believed", "不再受信任的内容";
        mode_all: "Everything that it ever signed: the key was stolen", "其签名的全部内容：密钥被盗";
        mode_after: "What it signed from a time on", "自某时起签名的内容";
        at: "From when on", "起始时间";
        at_hint: "Only for the second choice: a day and a time of the zone named below; empty means now.", "仅用于第二项：按下方所示时区填写日期和时间；留空表示现在。";
        time_wrong: "Write a day, or a day and a time, such as 2026-11-30 21:25; nothing for the first choice.", "请填写日期，或日期和时间，例如 2026-11-30 21:25；选择第一项时请留空。";
        revoked_done: "The key is revoked, and what it signed is signed anew.", "密钥已吊销，其签名的内容正在重新签名。";
        changed: "The keys were changed while you decided; nothing was done. This is how they stand now.", "在您操作期间密钥已变更，因此未执行任何操作。以下是当前状态。";
    }
}

impl Keys {
    /// What a key signs.
    pub fn of_role(&self, role: KeyRole) -> &'static str {
        match role {
            KeyRole::Root => self.root,
            KeyRole::License => self.license,
            KeyRole::Activation => self.activation,
            KeyRole::Status => self.status,
        }
    }

    /// Where a key stands, and how good that is.
    pub fn of_state(&self, state: &KeyState) -> (&'static str, &'static str) {
        match state {
            KeyState::Staged => (self.staged, ""),
            KeyState::Active => (self.active, "good"),
            KeyState::Verifying => (self.verifying, ""),
            KeyState::Retired { .. } => (self.retired, ""),
            KeyState::Revoked { .. } => (self.revoked, "bad"),
        }
    }
}
