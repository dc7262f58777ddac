//! Orders, what is imported, and channels.

use super::Row;

pub const ROWS: &[Row] = &[
    // Looking at an order.
    ["an order id has 1 to 128 visible ASCII characters", "订单号须为 1 至 128 个可见 ASCII 字符"],
    [
        "orders of this family are received when their code is redeemed: lictor license redeem CODE",
        "此类订单在兑换授权码时接收，请执行 `lictor license redeem CODE`",
    ],
    [
        "the order is {}, not a purchase: the marketplace tells of it by a call of its own",
        "该订单是{!}，不是购买订单：云商店会通过单独的调用通知",
    ],
    ["a trial that became formal (TRIAL_TO_FORMAL)", "试用转正式（TRIAL_TO_FORMAL）"],
    ["a cancellation (UNSUBSCRIBE)", "退订（UNSUBSCRIBE）"],
    ["a renewal (RENEW)", "续费（RENEW）"],
    ["a change (CHANGE)", "变更（CHANGE）"],
    ["the order has no lines", "该订单没有订单行"],
    ["the order has {} lines: name one of {}", "该订单有 {} 行，请指明其中之一：{}"],
    ["the order is minted: there is nothing to look at again", "该订单已签发，无需重新处理"],
    ["the marketplace has released the order: nothing will be minted", "云商店已释放该订单，不会再签发"],
    ["a state is received, held, minted or ended", "state 须为 received、held、minted 或 ended"],
    [
        "a request names 1 to {} orders: send more of them",
        "一次请求须包含 1 至 {} 个订单，更多订单请分多次提交",
    ],
    ["a channel is named by its id", "渠道须用其编号指明"],
    // Mapping.
    [
        "the order names neither a SKU nor a product id: look at it again with `order retry`",
        "该订单既没有 SKU 也没有产品编号，请用 `order retry` 重新查询",
    ],
    ["there is no spec {}: see the apply file", "没有规格 {}，请查看配置文件"],
    [
        "the channel {} does not sell {}, the product of the spec: add it to the channel's products, or name a spec of another product",
        "渠道 {} 不销售该规格的产品 {}：请将其加入渠道的 products，或选择其他产品的规格",
    ],
    [
        "the order is for {} and the spec {} is always {}: name a spec of that term, or one whose term is \"order\"",
        "订单的时长为 {0}，而规格 {1} 固定为 {2}：请选择时长相符的规格，或时长为 \"order\" 的规格",
    ],
    [
        "the spec {} is sold under the product ids {}, one per period type, and the order says {}: name the spec of that period, or add the product id to it",
        "规格 {0} 按周期类型以产品编号 {1} 销售，而订单中是 {2}：请选择对应周期的规格，或为其添加该产品编号",
    ],
    // Import.
    ["a request has 1 to {} rows: send more of them", "一次请求须包含 1 至 {} 行，更多的行请分多次提交"],
    ["it is missing", "缺少此项"],
    [
        "a product id has at most {} bytes without control characters",
        "产品编号最多 {} 字节，且不能包含控制字符",
    ],
    [
        "charging is period, one_time, on_demand or on_demand_package",
        "charging 须为 period、one_time、on_demand 或 on_demand_package",
    ],
    [
        "a state is active, suspended or expired; what was released or revoked is not imported",
        "state 须为 active、suspended 或 expired；已释放或已吊销的不导入",
    ],
    ["there is no channel {}: see `lictor apply`", "没有渠道 {}，请参阅 `lictor apply`"],
    [
        "the codes of the row mean the spec {}: name that one, or leave out the codes",
        "该行的编码对应规格 {}：请填写该规格，或去掉编码",
    ],
    ["no product of the channel {} has the spec {}", "渠道 {} 的产品都没有规格 {}"],
    [
        "no spec knows the SKU or product id: name the spec, or map the SKU first",
        "没有规格对应该 SKU 或产品编号：请填写规格，或先映射该 SKU",
    ],
    ["the instance is known, as of the order {}", "该实例已存在，属于订单 {}"],
    ["the order line is known, as the instance {}", "该订单行已存在，其实例为 {}"],
    [
        "the order line is known, with another code: see `lictor order show`",
        "该订单行已存在，但编码不同，请查看 `lictor order show`",
    ],
    [
        "the order line is known and waits: see `lictor order show`",
        "该订单行已存在，正在等待处理，请查看 `lictor order show`",
    ],
    [
        "somebody redeems the code at this moment: import it again in a while",
        "该授权码正在兑换中，请稍后重新导入",
    ],
    ["the marketplace has released the code: leave the row out", "云商店已释放该授权码，请去掉此行"],
    [
        "the code was redeemed here, in another order: see `lictor license list --instance-id`",
        "该授权码已在另一个订单中兑换，请查看 `lictor license list --instance-id`",
    ],
    ["line {} names the same: leave one of them out", "第 {} 行与此行相同，请去掉其中之一"],
    [
        "on this channel the instance id is the authorization code, which begins with PL",
        "该渠道的实例编号即授权码，以 PL 开头",
    ],
    [
        "a {} order is told apart by its line: give the orderLineId of the order",
        "{} 订单以订单行区分，请填写订单的 orderLineId",
    ],
    ["the calls of {} name no order line: leave it out", "{} 的调用不含订单行，请去掉此项"],
    ["pay-per-use orders are told apart by their product id: give it", "按需订单以产品编号区分，请填写"],
    [
        "the spec {} is always {}: name another spec, or leave out the term",
        "规格 {} 固定为 {}：请换用其他规格，或去掉时长",
    ],
    [
        "the spec {} leaves the term to the order: give it, such as P1Y",
        "规格 {} 的时长由订单决定，请填写时长，例如 P1Y",
    ],
    [
        "a permanent license has no end: leave it out, or give a term",
        "永久许可证没有到期时间：请去掉此项，或填写时长",
    ],
    ["the end lies behind the start", "到期时间早于生效时间"],
    ["the instance is known with another value: {}", "该实例已存在，但此项的值不同：{?}"],
    ["see `lictor order show`", "请查看 `lictor order show`"],
    ["none", "无"],
    // Test codes, calls, app info.
    [
        "authorization codes are sold through channels whose protocol is license-code only: name one of those",
        "授权码只通过协议为 license-code 的渠道销售，请填写这样的渠道",
    ],
    ["this code is known here already: it was sold, and is no test code", "该授权码已销售，不是测试授权码"],
    ["an authorization code is 1 to 128 visible ASCII characters", "授权码须为 1 至 128 个可见 ASCII 字符"],
    ["an activity is one of the channel's protocol", "activity 须为渠道协议中的接口"],
    ["the id of a call", "须为调用编号"],
    [
        "must be an address such as https://t1.cad.acme.example of at most {} characters",
        "须为形如 https://t1.cad.acme.example 的地址，最多 {} 个字符",
    ],
    [
        "must be at most {} characters: the marketplace takes 1,024 in all",
        "最多 {} 个字符：云商店总共接收 1,024 个",
    ],
    [
        "only {claim_code} and {portal_url} are filled in; braces stand for nothing else",
        "只有 {claim_code} 和 {portal_url} 会被替换，花括号没有其他用途",
    ],
];
