//! Licenses: issuing, changing, activating, activations and their machines.

use super::Row;

pub const ROWS: &[Row] = &[
    // Ended ones.
    [
        "a license that was revoked or released cannot be extended: issue another",
        "已吊销或已释放的许可证不能延期，请另行签发",
    ],
    [
        "a license that was revoked or released cannot be changed: issue another",
        "已吊销或已释放的许可证不能变更，请另行签发",
    ],
    ["a license that was revoked or released cannot be suspended", "已吊销或已释放的许可证不能暂停"],
    ["a license that was revoked or released cannot be resumed", "已吊销或已释放的许可证不能恢复"],
    ["a license that was revoked or released cannot be re-issued", "已吊销或已释放的许可证不能重新签发"],
    ["a license that was revoked or released cannot be accepted", "已吊销或已释放的许可证不能登记验收"],
    ["a license that was revoked or released has nothing to show", "已吊销或已释放的许可证没有可显示的信息"],
    ["the license was revoked or released", "该许可证已吊销或已释放"],
    // Commands.
    [
        "the license has not begun: its term is counted from its beginning",
        "许可证尚未生效：其时长自生效时起算",
    ],
    ["the license is permanent: it has no end to move", "许可证永久有效，没有可变更的到期时间"],
    ["lifting the marketplace's suspension needs a reason", "解除云商店的暂停须填写原因"],
    [
        "the license was changed too often: revoke it and issue another",
        "许可证变更次数过多，请吊销后另行签发",
    ],
    [
        "the license was re-issued too often: revoke it and issue a new one",
        "许可证重新签发次数过多，请吊销后另行签发",
    ],
    ["the license got too many keys: revoke it and issue another", "许可证的密钥过多，请吊销后另行签发"],
    ["there is no such spec", "该规格不存在"],
    [
        "the spec is of another product, or of another kind, than the license",
        "该规格的产品或类型与许可证不同",
    ],
    [
        "an extension has an end: to make a license permanent, change its spec or issue another",
        "延期须有到期时间；要使许可证永久有效，请变更其规格或另行签发",
    ],
    [
        "the license would still have ended, at {}: give a later ends_at",
        "延期后许可证仍已于 {} 到期，请填写更晚的到期时间",
    ],
    [
        "the license ends later, at {}: an extension only adds time",
        "许可证的到期时间更晚，为 {}；延期只能增加时间",
    ],
    [
        "the license begins with its first activation: nothing is accepted",
        "该许可证自首次激活起生效，无需登记验收",
    ],
    ["the license began with its purchase: nothing is accepted", "该许可证自购买起已生效，无需登记验收"],
    ["an acceptance lies between the purchase, {}, and now", "验收时间须在购买时间 {} 与现在之间"],
    ["give by or ends_at, not both", "by 与 ends_at 只能填写一个"],
    ["give by, such as P7D, or ends_at", "请填写 by（例如 P7D）或 ends_at"],
    ["keep is all, none or a list of activation ids", "keep 须为 all、none 或激活编号的列表"],
    ["this is a member of {}", "该成员只用于命令 {}"],
    ["name the spec that it becomes", "请填写要变更为的规格"],
    [
        "a command is suspend, resume, revoke, reissue, accept, extend or change",
        "命令须为 suspend、resume、revoke、reissue、accept、extend 或 change",
    ],
    // Issuing.
    ["the product has no such spec", "该产品没有这个规格"],
    [
        "the spec leaves the term to the order: give one, such as P1Y",
        "该规格的时长由订单决定，请填写时长，例如 P1Y",
    ],
    ["the spec starts with {}: leave this out", "该规格的生效方式为 {}，请去掉此项"],
    ["a quantity is 1 to {}", "数量须为 1 至 {}"],
    ["a label has at most {} bytes without control characters", "备注最多 {} 字节，且不能包含控制字符"],
    // Lists.
    [
        "a state is revoked, released, suspended, expired, pending or active",
        "state 须为 revoked、released、suspended、expired、pending 或 active",
    ],
    ["a search is 1 to 8192 characters", "搜索内容须为 1 至 8192 个字符"],
    ["env is live or test", "env 须为 live 或 test"],
    [
        "nothing ends before ends_before and after ends_after",
        "没有许可证会在 ends_before 之前且在 ends_after 之后到期，请检查这两个时间",
    ],
    ["a product is named by its id", "产品须用其编号指明"],
    ["give license or name, not both", "license 与 name 只能填写一个"],
    ["give a license, or the name of a machine", "请填写许可证或机器名称"],
    ["a name has letters or digits", "名称中须有字母或数字"],
    [
        "more than {} machines have such names: give more of it",
        "名称相符的机器超过 {} 台，请填写更完整的名称",
    ],
    // Customers.
    ["this customer's personal data was erased already", "该客户的个人数据已删除"],
    [
        "a request names 1 to {} customers: send more of them",
        "一次请求须包含 1 至 {} 位客户，更多客户请分多次提交",
    ],
    ["this is no customer_digest of an erasure", "这不是删除个人数据时返回的 customer_digest"],
    // Activating.
    [
        "a quota package runs on no machine: activate the license that uses it up",
        "套餐包不在机器上运行，请激活使用它的许可证",
    ],
    [
        "the license is not bound to machines: the license key alone is enough",
        "该许可证不绑定机器，仅凭许可证密钥即可使用",
    ],
    [
        "floating places are taken and given back through the network: this license has no air-gap lease",
        "浮动名额通过网络占用和归还，该许可证不支持离线租期",
    ],
    ["a renewal with a license key needs the machine", "使用许可证密钥续期时须提供机器信息"],
    [
        "the license is bound to components: at least os or fw is needed",
        "该许可证绑定硬件，至少需要 os 或 fw",
    ],
    [
        "the license is bound to a device key: a request signed by it is needed",
        "该许可证绑定设备密钥，须提交由该密钥签名的请求",
    ],
    ["a share of quota needs a device key", "预留额度须使用设备密钥"],
    ["the license has no quota of {}", "该许可证没有 {} 的额度"],
];
