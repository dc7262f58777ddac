//! Mistakes of apply files.

use super::Row;

pub const ROWS: &[Row] = &[
    // The file and its tables.
    ["the file is longer than {} bytes; split it", "文件超过 {} 字节，请拆分"],
    ["not valid TOML: {}", "不是有效的 TOML：{?}"],
    ["`{}` is missing; write for example `{} = {}`", "缺少 `{}`，例如可写为 `{} = {}`"],
    ["has more than {} tables; split the file", "表的数量超过 {} 个，请拆分文件"],
    ["`{}` is a list of tables; write `[[{}]]`", "`{}` 是表的列表，请写作 `[[{}]]`"],
    ["there is no member `{}`{}", "没有成员 `{0}`{1!}"],
    ["there is no `{}`{}", "没有 `{0}` 这个值{1!}"],
    ["; did you mean `{}`?", "；您是否要写 `{}`？"],
    ["; it is one of: {}", "；可用的有：{}"],
    ["must be {}, not {}", "须为{0!}，不能是{1!}"],
    ["a string in quotes", "带引号的字符串"],
    ["a table", "表"],
    ["a list in square brackets", "方括号列表"],
    ["a whole number without quotes", "不带引号的整数"],
    ["a whole number without quotes, or \"unlimited\"", "不带引号的整数，或 \"unlimited\""],
    ["a decimal number such as 1000 or 0.5", "十进制数，例如 1000 或 0.5"],
    ["a string in quotes, or a list of them", "带引号的字符串，或其列表"],
    ["a string in quotes, or { zh = \"…\", en = \"…\" }", "带引号的字符串，或 { zh = \"…\", en = \"…\" }"],
    ["a string", "字符串"],
    ["a whole number", "整数"],
    ["a number with decimals", "小数"],
    ["a date", "日期"],
    ["a list", "列表"],
    ["must be from {} to {}", "须在 {} 至 {} 之间"],
    ["must be at most {} characters", "最多 {} 个字符"],
    ["must be at most {} bytes", "最多 {} 字节"],
    ["must not contain control characters", "不能包含控制字符"],
    ["must not be empty", "不能为空"],
    ["must have at most {} items", "最多 {} 项"],
    ["must have at most {} members", "最多 {} 个成员"],
    ["stands twice in this list", "在此列表中出现了两次，请去掉一个"],
    ["must have a text in `zh` or `en`", "须有 `zh` 或 `en` 的文本"],
    ["`{}` will not do: {}", "`{0}` 不可用：{1!}"],
    [
        "`{}` will not do: {}; or write \"order\" to take it from the order",
        "`{0}` 不可用：{1!}；如需由订单决定，请写 \"order\"",
    ],
    ["`{}` must be {}", "`{0}` 须为{1!}"],
    ["`{}` must be {}; write for example \"{}\"", "`{0}` 须为{1!}；例如可写为 \"{2}\""],
    ["must be an address such as \"https://example.com\"", "须为形如 \"https://example.com\" 的地址"],
    [
        "must say where the secret is found: \"env:NAME\" or \"file:PATH\", never the secret itself",
        "须指明密钥的存放位置：\"env:NAME\" 或 \"file:PATH\"，不要直接写出密钥",
    ],
    ["this version serves {} here", "当前版本在此支持 {}"],
    [
        "{} `{}` stands in this file already; give each its own `id`",
        "{0!} `{1}` 在文件中已存在，请使用不同的 `id`",
    ],
    // Merchant and products.
    [
        "must be an address such as \"https://license.acme.example\": an identity, never fetched",
        "须为形如 \"https://license.acme.example\" 的地址；仅作为标识，不会被访问",
    ],
    [
        "must be an IANA time zone such as \"Asia/Shanghai\" or \"UTC\"",
        "须为 IANA 时区，例如 \"Asia/Shanghai\" 或 \"UTC\"",
    ],
    ["must be a language tag such as \"zh-CN\" or \"en\"", "须为语言标签，例如 \"zh-CN\" 或 \"en\""],
    ["the file has no [merchant] and the caller names none", "文件中没有 [merchant]，调用者也没有指明商家"],
    ["there is no product `{}`{}", "没有产品 `{0}`{1!}"],
    ["; add a [[product]] with `id = \"{}\"`", "；请添加 `id = \"{}\"` 的 [[product]]"],
    // Specs.
    ["an instance stays what it is without this: leave it out", "实例本来就是该规格，请去掉此项"],
    ["there is no spec `{}`{}", "没有规格 `{0}`{1!}"],
    [
        "the spec `{}` licenses `{}`: an instance of `{}` becomes none of it",
        "规格 `{0}` 属于产品 `{1}`，`{2}` 的实例不能变更为该规格",
    ],
    ["the spec `{}` is a package: an instance becomes none", "规格 `{}` 是套餐包，实例不能变更为套餐包"],
    [
        "{} `{}` already means another spec that is sold beside this one",
        "{0!} `{1}` 已对应同时销售的另一个规格",
    ],
    [
        "a spec of kind \"package\" gives quota; add a [[spec.quota]]",
        "类型为 \"package\" 的规格须提供额度，请添加 [[spec.quota]]",
    ],
    [
        "`updates` is for a permanent license; leave it out, or write `term = \"permanent\"`",
        "`updates` 只用于永久许可证：请去掉此项，或写 `term = \"permanent\"`",
    ],
    [
        "the quota `{}` adds up to 900000000000 or more over its term",
        "额度 `{}` 在其时长内的总量须小于 900000000000",
    ],
    ["`id` is missing; write for example `id = \"cad-pro\"`", "缺少 `id`，例如可写为 `id = \"cad-pro\"`"],
    [
        "this sku cannot serve as the spec's `id`; write one, such as `id = \"cad-pro\"`",
        "该 SKU 不能用作规格的 `id`，请另写一个，例如 `id = \"cad-pro\"`",
    ],
    ["a trial has {} to {} days: write for example \"P14D\"", "试用须为 {} 至 {} 天，例如可写为 \"P14D\""],
    [
        "its name must be 1 to {} bytes without control characters",
        "其名称须为 1 至 {} 字节，且不能包含控制字符",
    ],
    ["must be less than lease_days, which is {}", "须小于 lease_days（{}）"],
    ["metric `{}` has a package in this spec already", "该规格中已有计量项 `{}` 的套餐包"],
    ["an amount of 0 gives nothing; leave the package out", "数量为 0 没有意义，请去掉该套餐包"],
    [
        "`unit` is missing; write for example `unit = \"minute\"`",
        "缺少 `unit`，例如可写为 `unit = \"minute\"`",
    ],
    [
        "must be letters, digits, dots, underscores and hyphens, such as \"render-minutes\"",
        "只能使用字母、数字、点、下划线和连字符，例如 \"render-minutes\"",
    ],
    // Channels.
    ["protocol `{}` is spoken by `{}`", "协议 `{}` 属于 `{}`"],
    [
        "a shop that sends Standard Webhooks is never called back: leave `open_api` out",
        "使用 Standard Webhooks 的商店不会被回调，请去掉 `open_api`",
    ],
    ["`{}` takes no usage: leave this out", "`{}` 不接收用量，请去掉此项"],
    [
        "the old push names no package: stop-before-excess packages need `push = \"new\"`",
        "旧的推送方式不能指明套餐包：用完即停的套餐包须写 `push = \"new\"`",
    ],
    [
        "nobody asks for app info here: write \"minted\", or speak {}",
        "此协议不查询访问信息：请写 \"minted\"，或使用协议 {}",
    ],
    ["must name at least one product", "须至少填写一个产品"],
    [
        "write either `access_keys` or `[[channel.access_key]]`, not both",
        "`access_keys` 与 `[[channel.access_key]]` 只能写一种",
    ],
    [
        "`access_keys` is missing; write for example `access_keys = [\"env:ACME_KOOGALLERY_KEY\"]`",
        "缺少 `access_keys`，例如可写为 `access_keys = [\"env:ACME_KOOGALLERY_KEY\"]`",
    ],
    [
        "has more than {} live or {} retired access keys; leave out the oldest",
        "使用中的密钥超过 {} 个或已停用的密钥超过 {} 个，请去掉最旧的",
    ],
    [
        "must name at least one access key: without one no call can be believed",
        "须至少填写一个密钥，否则无法验证任何调用",
    ],
    ["another access key of this channel has this `id` and `use`", "该渠道已有 `id` 与 `use` 相同的密钥"],
    [
        "every access key of this channel is retired: no call can be believed; keep one without `retired`",
        "该渠道的密钥均已停用，无法验证任何调用，请至少保留一个不带 `retired` 的密钥",
    ],
    [
        "{} is used for the first time here: only the server's operator gives such secrets",
        "{} 在此首次使用：这类密钥只能由服务器运营者提供",
    ],
    ["{} cannot be used: {}", "{0} 无法使用：{1!}"],
    [
        "a secret of Standard Webhooks is `whsec_` followed by 24 to 64 bytes in base64",
        "Standard Webhooks 的密钥须为 `whsec_` 加 24 至 64 字节的 base64 编码",
    ],
    ["{} is not set in the server's environment", "服务器的环境变量中没有 {}，请先设置"],
    ["{} is empty", "{} 为空，请填写内容"],
    ["cannot read {}: {}", "无法读取 {}：{}"],
    ["{} is longer than {} bytes", "{} 超过 {} 字节"],
    ["{} is not UTF-8 text", "{} 不是 UTF-8 文本"],
    // Tokens.
    ["another API token of this file has this `name`", "文件中已有 `name` 相同的 API 令牌"],
    [
        "only the server's own operator may give this scope; write \"admin\" for all of one merchant",
        "只有服务器运营者才能授予此权限；如需一个商家的全部权限，请写 \"admin\"",
    ],
    ["must name at least one scope", "须至少填写一项权限"],
    ["this text is another owner's token already: make a new one", "该内容已是其他所有者的令牌，请另行生成"],
    // Beside what the server has.
    [
        "the SKU {} means both {} and {} on the channel {}: give it to one",
        "在渠道 {3} 上，SKU {0} 同时对应 {1} 和 {2}，请只归属其中一个",
    ],
    [
        "the SKU means a spec of another product, or of another kind: give it to a spec of the license's own product in the apply file",
        "该 SKU 对应其他产品或其他类型的规格，请在配置文件中将其归属许可证所属产品的规格",
    ],
    ["1 license ({})", "1 个许可证（{}）"],
    ["{} licenses (such as {})", "{} 个许可证（例如 {}）"],
    [
        "the issuer is frozen after the first sale, and {} name it: write `issuer = \"{}\"`",
        "首次销售后签发者不能更改，{0!}使用了它：请写 `issuer = \"{1}\"`",
    ],
    [
        "{} of the product {} may go on: keep it in the file until they have ended",
        "产品 {1} 有{0!}可能仍在使用，在其终止之前请保留在文件中",
    ],
    [
        "{} of the spec {} may go on: keep it in the file until they have ended",
        "规格 {1} 有{0!}可能仍在使用，在其终止之前请保留在文件中",
    ],
    [
        "{} of this spec run for the product {}: write `product = \"{}\"`, and give the other product a spec of its own",
        "该规格有{0!}属于产品 {1}：请写 `product = \"{2}\"`，并为另一个产品单独定义规格",
    ],
    [
        "{} were sold under the SKU {}, and later orders of theirs name it: keep it here, or give it to another spec",
        "有{0!}以 SKU {1} 售出，其后续订单会使用它：请保留在此处，或归属其他规格",
    ],
    [
        "{} of this spec were sold without a SKU, and later orders of theirs may name the product id {}: keep it here, or give it to another spec",
        "该规格有{0!}售出时没有 SKU，其后续订单可能使用产品编号 {1}：请保留在此处，或归属其他规格",
    ],
    [
        "the marketplace calls {} for {}: keep it in the file until they have ended",
        "云商店会为{1!}调用 {0}，在其终止之前请保留在文件中",
    ],
    [
        "the marketplace speaks {} here for {}: keep the protocol, and make a second channel for the other one",
        "云商店在此以 {0} 协议处理{1!}：请保留该协议，并为另一个协议新建渠道",
    ],
    [
        "{} of {} were sold here, and their later orders come here: keep it in the list until they have ended",
        "{1} 的{0!}在此售出，其后续订单也会到达此处，在其终止之前请保留在列表中",
    ],
];
