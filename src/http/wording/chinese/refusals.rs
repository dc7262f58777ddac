//! Refusals as one who looks at a marketplace's calls reads them.

use super::Row;

pub const ROWS: &[Row] = &[
    ["there is no such {}", "该{!}不存在"],
    ["the license key is not known here", "无法识别该许可证密钥"],
    ["the license was revoked", "许可证已被吊销"],
    ["the license was released by the marketplace", "许可证已由云商店释放"],
    ["the license is suspended", "许可证已暂停"],
    ["the license has expired", "许可证已过期"],
    ["the license has not started", "许可证尚未生效"],
    ["the license begins with its first activation", "许可证自首次激活起生效"],
    ["the license begins when its acceptance is recorded", "许可证自登记验收起生效"],
    ["the license key was replaced by a newer one", "许可证密钥已更换"],
    ["the certificate belongs to another machine", "证书属于另一台机器"],
    ["the license already runs on {} of {} machines", "许可证已在 {} 台机器上使用，上限 {} 台"],
    ["the certificate was already renewed by another copy", "证书已被另一份副本续期"],
    ["the usage ledger is refused from entry {} on: {}", "用量账本自第 {0} 条起被拒绝：{1!}"],
    [
        "the request was answered before, and its answer is not the newest any more",
        "该请求已答复过，且该答复已不是最新",
    ],
    [
        "{} places were freed by hand within 30 days; this one is free at {}",
        "30 天内已手动释放 {} 个名额，该名额将于 {} 释放",
    ],
    ["the activation has ended", "该激活已结束"],
    ["the order is {}, not held", "该订单{!}，并未挂起"],
    ["{} means the spec {} already", "{} 已归属规格 {}"],
    ["it was changed since it was read; its revision is now {}", "内容在读取之后已被修改，当前修订号为 {}"],
    ["the idempotency key was used for another request", "该幂等键已用于另一个请求"],
    ["{} of {} are left", "{1} 仅剩 {0}"],
    ["use is counted up to {} days later", "超过 {} 天的用量不再计量"],
    ["the token lacks the scope {}", "令牌缺少权限 {}"],
    ["the API token is missing, unknown, expired or revoked", "API 令牌缺失、无法识别、已过期或已吊销"],
    ["another order stands there already", "此处已有另一个订单"],
];
