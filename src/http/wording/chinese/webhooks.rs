//! Endpoints to which events are sent.

use super::Row;

pub const ROWS: &[Row] = &[
    ["it has at most {} characters and no control characters", "最多 {} 个字符，且不能包含控制字符"],
    [
        "each event stands once, and a test goes to every endpoint that is tested",
        "每种事件只能出现一次；测试事件会发送到被测试的推送地址，无需选择",
    ],
    [
        "at most {} numbers of days from {} down to 1, the greatest first",
        "最多 {} 个天数，取值从 {} 到 1，从大到小排列",
    ],
    [
        "the merchant has as many webhooks as there may be: delete one first",
        "推送地址的数量已达上限，请先删除一个",
    ],
    ["this server sends no events", "本服务器不推送事件"],
    [
        "the webhook is disabled: enable it first, and it goes on from where it stopped",
        "该推送地址已停用，请先启用，推送会从停止处继续",
    ],
    ["a test is not sent again: make another one", "测试事件不会重新推送，请重新测试"],
    ["at most {} events are sent again at once, and at least 1", "一次可重新推送 1 至 {} 个事件"],
    [
        "too many replays wait already: try again when some are done",
        "等待中的重新推送过多，请在部分完成后重试",
    ],
    ["old secrets sign for 0 to {} s more", "旧的签名密钥可继续使用 0 至 {} 秒"],
    ["an event is one of {}", "事件须为以下之一：{}"],
    ["a state is one of {}", "state 须为以下之一：{}"],
    [
        "a secret is env:NAME or file:PATH; without one the server makes it",
        "签名密钥须写作 env:NAME 或 file:PATH；不填写时由服务器生成",
    ],
    [
        "name one delivery, or since when, with a limit of at most {}",
        "请指明一次推送，或起始时间，limit 最大为 {}",
    ],
    // Addresses and secrets.
    ["an address has at most {} visible ASCII characters", "地址最多 {} 个可见 ASCII 字符"],
    ["it is no URL, such as https://example.com/lictor", "须为 URL，例如 https://example.com/lictor"],
    ["it begins with https:// and names a host", "须以 https:// 开头并包含主机名"],
    [
        "it begins with https://: an event must not be read on the way",
        "须以 https:// 开头，以免事件在途中被读取",
    ],
    [
        "it holds no name and password: the signature is what proves who sends",
        "不能包含用户名和密码：发送方由签名证明",
    ],
    [
        "it names a host, perhaps a port, a path and a query, and nothing else",
        "只能包含主机名、端口、路径和查询字符串",
    ],
    [
        "{} is {}; use an address of the open internet, or have the operator name its network in LICTOR_WEBHOOK_ALLOW_NETWORKS",
        "{0} 属于{1!}；请使用公网地址，或由运营者在 LICTOR_WEBHOOK_ALLOW_NETWORKS 中列出其网段",
    ],
    ["{}: {}", "{0}：{1!}"],
    ["a secret cannot be used: {}", "签名密钥无法使用：{!}"],
    [
        "it must be `whsec_` followed by 24 to 64 bytes in base64",
        "须为 `whsec_` 加 24 至 64 字节的 base64 编码",
    ],
    ["this network", "本网络"],
    ["a private network", "私有网络"],
    ["shared between a carrier's customers", "运营商级共享网络"],
    ["this machine", "本机地址"],
    ["a cloud's metadata", "云平台元数据地址"],
    ["link-local, where clouds keep metadata", "链路本地地址，云平台用其提供元数据"],
    ["kept for protocols", "协议保留地址"],
    ["kept for protocols, such as Teredo", "协议保留地址（如 Teredo）"],
    ["for documentation", "文档示例地址"],
    ["an anycast network of AS112", "AS112 任播网络"],
    ["an anycast network of AMT", "AMT 任播网络"],
    ["a relay of 6to4", "6to4 中继地址"],
    ["for benchmarks", "性能测试地址"],
    ["reserved, or everybody on the network", "保留地址或广播地址"],
    ["6to4, which hides an IPv4 address", "6to4 地址，其中隐含 IPv4 地址"],
    [
        "not assigned for the internet: this machine, a private network, link-local or multicast",
        "非公网地址：本机、私有网络、链路本地或组播地址",
    ],
];
