//! Who may come in: tokens, sign-in links, sessions.

words! {
    /// Who may come in.
    Access {
        title: "Access", "访问权限";
        tokens: "API tokens", "API 令牌";
        tokens_hint: "For programs, and for signing in here. A token is shown once, when it is made.", "供程序使用，也可用于登录。令牌仅在创建时显示一次。";
        tokens_none: "There is no token yet.", "尚无令牌。";
        token: "Token", "令牌";
        new_token: "Make a token", "创建令牌";
        name: "Name", "名称";
        name_hint: "Whatever is done with it is recorded under this name.", "使用它进行的操作都以此名称记录。";
        name_wrong: "Write a name of 1 to 128 bytes without control characters.", "请填写 1 至 128 字节的名称，且不能含有控制字符。";
        scopes: "May do", "权限";
        scopes_wrong: "Choose at least one.", "请至少选择一项。";
        expires: "Ends", "到期";
        never: "never", "永不";
        in_30_days: "in 30 days", "30 天后";
        in_90_days: "in 90 days", "90 天后";
        in_a_year: "in a year", "一年后";
        expires_wrong: "Choose one of these.", "请选择其中一项。";
        created: "Made", "创建时间";
        last_used: "Last used", "最近使用";
        not_used: "not yet", "尚未使用";
        state: "State", "状态";
        live: "valid", "有效";
        ended: "expired", "已过期";
        revoked: "revoked", "已吊销";
        act: "Action", "操作";
        revoke: "Revoke", "吊销";
        revoke_title: "Revoke this token?", "确定吊销此令牌吗？";
        revoke_follows: "Programs that use it are refused at once. Everybody who signed in with it, or with a link that it made, is signed out. This cannot be undone.", "使用它的程序将立即被拒绝；用它或它生成的链接登录的人都会退出。此操作无法撤销。";
        shown_once: "Keep this token now: it is not stored and cannot be shown again.", "请立即保存此令牌：系统不保存原文，之后无法再次显示。";
        token_made: "The token was made", "令牌已创建";
        links: "Sign-in links", "登录链接";
        links_hint: "For people: a link signs in once, and nobody ever holds a token.", "供人员使用：链接只能登录一次，无需持有令牌。";
        links_none: "No link is waiting to be used.", "没有待使用的链接。";
        link: "Link", "链接";
        new_link: "Make a link", "创建链接";
        lasts: "Can be used for", "可用时长";
        ten_minutes: "10 minutes", "10 分钟";
        an_hour: "an hour", "1 小时";
        a_day: "a day", "1 天";
        withdraw: "Withdraw", "撤销";
        link_made: "The link was made", "链接已创建";
        link_shown_once: "Send this link to whom it is for, and to nobody else: whoever opens it first is signed in under this name. It cannot be shown again.", "请仅发送给本人：最先打开链接者将以此名称登录。之后无法再次显示。";
        sessions: "Signed in now", "当前登录";
        sessions_none: "Nobody is signed in.", "当前无人登录。";
        since: "Since", "登录时间";
        last_seen: "Last seen", "最近活动";
        by: "By", "方式";
        by_token: "token", "令牌";
        by_link: "link", "链接";
        this_one: "this browser", "当前浏览器";
        end: "Sign out", "退出";
        end_all: "Sign everybody out", "全部退出";
        end_all_title: "Sign everybody out?", "确定让所有人退出吗？";
        end_all_follows: "You too. Everybody signs in again with a token or a new link.", "包括您自己。所有人需使用令牌或新链接重新登录。";
        done_revoke: "The token was revoked.", "令牌已吊销。";
        done_withdraw: "The link was withdrawn.", "链接已撤销。";
        done_end: "Signed out.", "已退出。";
        scope_read: "see everything but keys and codes", "查看（不含密钥和激活码）";
        scope_keys: "reveal license keys and claim codes", "显示许可证密钥和激活码";
        scope_support: "suspend, resume, re-issue, release machines, extend by a month at most", "暂停、恢复、重新签发、释放机器、至多延期一个月";
        scope_issue: "issue licenses", "签发许可证";
        scope_revoke: "revoke licenses", "吊销许可证";
        scope_usage: "report usage", "上报用量";
        scope_catalog: "change products, specs and channels", "修改产品、规格和渠道";
        scope_admin: "all of these", "以上全部";
    }
}
