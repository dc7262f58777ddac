//! Signing keys and key sets.

use super::Row;

pub const ROWS: &[Row] = &[
    [
        "the key has signed before, or was revoked: rotate to a new one",
        "该密钥曾用于签名，或已被吊销，请轮换为新的密钥",
    ],
    [
        "there are too many keys: retire some that nothing hangs on, `lictor keys retire KID`",
        "密钥过多，请将不再使用的密钥退役：`lictor keys retire KID`",
    ],
    ["only a staged key can begin to sign", "只有待启用的密钥才能开始签名"],
    [
        "a root is withdrawn by a new build of the software that pins another one: see docs/operate.md",
        "根密钥只能通过发布内置另一根密钥的软件新版本来撤换，参见 docs/operate.md",
    ],
    [
        "the key signs: another one must take its place first, `lictor keys rotate`",
        "该密钥正在签名，请先用 `lictor keys rotate` 换用其他密钥",
    ],
    [
        "a key set withdraws at most 64 keys: begin anew with a new root and a new build",
        "一个密钥集最多撤销 64 个密钥，请用新的根密钥和新的软件版本重新开始",
    ],
    ["a root is not retired: take its file away", "根密钥不能退役，请移走其文件"],
    ["the key was revoked, and stays so", "该密钥已被吊销，无法恢复"],
    [
        "clients may hold status lists that the key {} has signed until {}: retire it then",
        "客户端在 {1} 之前可能仍持有由密钥 {0} 签名的状态列表，请在此之后退役",
    ],
    [
        "the status list {} is signed by it: wait for its next publication",
        "状态列表 {} 由该密钥签名，请等待其下次发布",
    ],
    [
        "a license key of {} that has not ended is signed by {}: keep the key (it signs nothing new), or re-issue with `lictor license reissue {}`",
        "{0} 有尚未到期的许可证密钥由 {1} 签名：请保留该密钥（它不再用于新的签名），或用 `lictor license reissue {2}` 重新签发",
    ],
    [
        "a machine of {} holds a certificate that is signed by {}: wait for its next renewal or the end of its lease",
        "{} 的一台机器持有由 {} 签名的证书，请等待其下次续期或租期结束",
    ],
    ["a key is revoked from now on or from an earlier time on", "吊销的起始时间须为现在或更早"],
    [
        "{}. Then name the new key: `lictor keys revoke KID --next NEW_KID`",
        "{!}。然后指明新的密钥：`lictor keys revoke KID --next NEW_KID`",
    ],
    [
        "a root is not rotated: a key set cannot bring another one. See docs/operate.md",
        "根密钥不能轮换：密钥集无法带来另一根密钥，参见 docs/operate.md",
    ],
    [
        "no key {} of the role {} is in this server's keys folder: copy it here first",
        "本服务器的密钥目录中没有用途为 {1} 的密钥 {0}，请先复制到此处",
    ],
    [
        "a server on a database makes no keys: run `lictor keys stage {} --role {}` in one place, copy the keys folder to every server, then rotate",
        "使用数据库的服务器不生成密钥：请在一处执行 `lictor keys stage {} --role {}`，将密钥目录复制到每台服务器，然后轮换",
    ],
    [
        "no key set waits for a signature: `lictor keys rotate`, `revoke` or `keyset publish` makes one",
        "没有等待签名的密钥集；`lictor keys rotate`、`revoke` 或 `keyset publish` 会生成",
    ],
    ["signing failed: {}", "签名失败：{?}"],
    [
        "the root is not known here: send its JWK along, as `lictor keys keyset sign` writes it",
        "此处没有该根密钥，请附上其 JWK，即 `lictor keys keyset sign` 的输出",
    ],
    [
        "{}: sign the request with the root that client software pins",
        "{!}；请用客户端软件内置的根密钥签名该请求",
    ],
    [
        "this is not what waits now: fetch the request again with `lictor keys keyset request`, and sign that",
        "这不是当前等待签名的内容，请用 `lictor keys keyset request` 重新获取并签名",
    ],
    ["a role is one of license, activation, status", "用途须为 license、activation 或 status"],
    [
        "mode is `all` (the key was stolen) or `after` (what it signed before `at` stays good)",
        "mode 须为 `all`（密钥被盗）或 `after`（在 `at` 之前签名的内容仍然有效）",
    ],
    ["`at` goes with the mode `after`: `all` asks for no time", "`at` 只用于 `after` 方式，`all` 不需要时间"],
];
