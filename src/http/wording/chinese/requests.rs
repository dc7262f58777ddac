//! What a request of the API must be like.

use super::Row;

pub const ROWS: &[Row] = &[
    // Any request.
    ["the body is a JSON object", "请求内容须为 JSON 对象"],
    ["the query string cannot be read", "无法读取查询字符串，请检查其编码"],
    ["there are no query parameters here; leave them out", "此处不接受查询参数，请去掉"],
    ["there is no such query parameter; known are {}", "没有这个查询参数；可用的有 {}"],
    ["the query parameter stands twice", "查询参数出现了两次，请只保留一个"],
    ["a limit is a number from 1 to 200", "limit 须为 1 至 200 的整数"],
    ["a cursor is the next_cursor of the page before", "cursor 须为上一页的 next_cursor"],
    ["a cursor is the number of an entry", "cursor 须为记录的序号"],
    ["a cursor goes with the filters of the page before", "cursor 须与上一页的筛选条件一同使用"],
    ["If-Match names one ETag", "If-Match 须为一个 ETag"],
    ["Idempotency-Key has 1 to 255 characters", "Idempotency-Key 须为 1 至 255 个字符"],
    ["Idempotency-Key has 1 to {} characters", "Idempotency-Key 须为 1 至 {} 个字符"],
    [
        "the header Idempotency-Key is missing: the same text for the same report",
        "缺少请求头 Idempotency-Key：同一份上报请使用相同的值",
    ],
    [
        "name an Idempotency-Key: the same request again, after an interrupt, issues nothing twice",
        "请填写 Idempotency-Key：请求中断后重新发送也不会重复签发",
    ],
    ["name the merchant by the header Lictor-Merchant", "请用请求头 Lictor-Merchant 指明商家"],
    ["a request has 1 to {} items", "一次请求须包含 1 至 {} 项"],
    ["a reason has at most {} bytes", "原因最多 {} 字节"],
    [
        "a reason has at most {} bytes and of control characters line feeds only",
        "原因最多 {} 字节，控制字符只能是换行",
    ],
    ["a reason has at most 500 characters", "原因最多 500 个字符"],
    ["a name has 1 to {} bytes without control characters", "名称须为 1 至 {} 字节，且不能包含控制字符"],
    ["{} to {} bytes without control characters", "长度须为 {} 至 {} 字节，且不能包含控制字符"],
    ["send the form of a page", "请打开页面并提交其中的表单"],
    // Credentials and machines.
    ["one credential is enough", "只需提供一种凭据"],
    ["{} is missing, and so is Authorization: License", "缺少 {}，也没有提供 Authorization: License"],
    ["ask for more than nothing", "数量须大于零"],
    ["at most {} metrics", "最多 {} 个计量项"],
    ["a signed request is taken by /v1/activations alone", "签名的请求只能提交到 /v1/activations"],
    [
        "a machine is either components, fingerprint or request",
        "machine 须为 components、fingerprint 或 request 三者之一",
    ],
    [
        "a commitment is base64url of 16 bytes, 22 characters",
        "承诺值须为 16 字节的 base64url 编码，即 22 个字符",
    ],
    ["at least os or fw tells machines apart", "至少需要 os 或 fw 才能区分机器"],
    ["a fingerprint has at most 5120 bytes", "机器指纹最多 5120 字节"],
    ["the fingerprint says nothing about the machine", "机器指纹中没有机器信息"],
    ["name the issuer: /v1/keysets?issuer=…", "请指明签发者：/v1/keysets?issuer=…"],
    // Signed requests and ledgers.
    ["no license-activation-request+jwt ({})", "不是有效的 license-activation-request+jwt（{?}）"],
    [
        "a file has one request, and the certificate that it is about",
        "文件中须有一份请求，以及与其对应的证书",
    ],
    ["lic.token is missing: the license key or claim code", "缺少 lic.token，请填写许可证密钥或激活码"],
    ["the certificate is missing behind the request", "请求之后缺少对应的证书"],
    ["{} of the signed request is not what this request is about", "签名请求中的 {} 与本次请求不符"],
    ["a ledger goes with a request signed by the same key", "账本须与同一密钥签名的请求一同提交"],
    ["a ledger needs lic.act in the request that goes with it", "提交账本时，签名请求中须有 lic.act"],
    ["lic.ledger is missing in the request that goes with it", "签名请求中缺少 lic.ledger"],
    ["the ledger that the signed request names is missing", "缺少签名请求所指的账本"],
    [
        "a ledger has at most 49152 bytes: send the rest with the next renewal",
        "账本最多 49152 字节，其余部分请在下次续期时提交",
    ],
    [
        "a ledger has at most 256 entries: send the rest with the next renewal",
        "账本最多 256 条，其余部分请在下次续期时提交",
    ],
    [
        "the ledger is not the one that the signed request names: send it again",
        "账本与签名请求所指的不一致，请重新发送",
    ],
    ["entries are counted from 1", "账本条目从 1 开始编号"],
    ["an entry is out of bounds", "账本中有条目超出范围"],
    // API tokens, sign-in links, sessions.
    ["a scope is one of {}", "权限须为以下之一：{}"],
    ["a merchant's token cannot be an operator's", "商家的令牌不能具有运营者权限"],
    ["a token ends in the future", "令牌的到期时间须晚于现在"],
    ["a sign-in link can be used for 1 to {} seconds", "登录链接的有效时间须为 1 至 {} 秒"],
    // Audit.
    ["a subject is `kind/id`", "对象须写作 `kind/id`"],
    ["a license is named by its id", "许可证须用其编号指明"],
    ["name a subject or a license, not both", "对象与许可证只能指明一个"],
    ["an actor is text of at most 256 bytes", "操作者最多 256 字节"],
    ["there is no such kind of event", "没有这种事件"],
    // Moving the store.
    [
        "the records are in a database: its servers are not stopped one by one for a move",
        "数据存放在数据库中，迁移时不能逐台停止服务器",
    ],
    ["another move has the store stopped", "另一次迁移已暂停了存储"],
    ["this move does not have the store stopped, or not any more", "本次迁移没有暂停存储，或已不再暂停"],
    ["a pause lasts 1 to {} seconds", "暂停时间须为 1 至 {} 秒"],
    ["a place has 1 to {} bytes without control characters", "位置须为 1 至 {} 字节，且不能包含控制字符"],
];
