//! Quota, reservations, packages and usage.

use super::Row;

pub const ROWS: &[Row] = &[
    // Quota.
    ["at most the {} that were reserved can be confirmed", "最多只能确认已预留的 {}"],
    ["the reservation has ended in another way already", "该预留已以其他方式结束"],
    [
        "the reservation has lapsed: report what was used, or reserve again",
        "该预留已过期，请上报已用的量，或重新预留",
    ],
    ["a reservation lasts 1 to {} seconds", "预留时间须为 1 至 {} 秒"],
    ["the license has no quota", "该许可证没有额度"],
    ["the license has no package of this metric; it has {}", "该许可证没有此计量项的套餐包，现有 {}"],
    ["an amount that is used is more than zero", "用量须大于零"],
    ["it lies ahead: set the clock", "时间晚于现在，请校准时钟"],
    [
        "the items fall into more than {} windows: report them in several requests",
        "各项所属的周期超过 {} 个，请分多次上报",
    ],
    ["only an API token names a license by its id", "只有使用 API 令牌时才能用编号指明许可证"],
    ["name the license by license_id or instance_id", "请用 license_id 或 instance_id 指明许可证"],
    ["name the instance or the license, not both", "实例与许可证只能指明一个"],
    ["name the instance by instance_id or license_id", "请用 instance_id 或 license_id 指明实例"],
    ["report one item or a list of items, not both", "请上报单项或列表，不能同时上报"],
    ["say what was used: metric and amount, or items", "请填写用量：metric 与 amount，或 items"],
    ["say how much was used", "请填写用量"],
    ["a report has 1 to {} items", "一次上报须包含 1 至 {} 项"],
    // What a package adds up to.
    ["a permanent package that resets has no total", "按周期重置的永久套餐包没有总量"],
    ["the term is no whole number of reset windows", "时长不是重置周期的整数倍"],
    ["the total is 900000000000 or more", "总量须小于 900000000000"],
    // Packages.
    [
        "this license is no package: only packages that were bought by themselves move",
        "该许可证不是套餐包：只有单独购买的套餐包才能转移",
    ],
    [
        "some of the package is reserved: confirm or release that first",
        "套餐包中有预留的额度，请先确认或释放",
    ],
    ["a package uses up no other package: name a license", "套餐包不能使用另一个套餐包，请填写许可证"],
    ["the license is for another product than the package", "许可证与套餐包的产品不同"],
    ["the license has no quota of the package's metric", "该许可证没有套餐包计量项的额度"],
    // Records of usage for the marketplace.
    ["end lies before begin", "结束时间早于开始时间"],
    ["end lies in the future: record usage once it is over", "结束时间晚于现在，请在使用结束后记录"],
    ["the instance starts at {}: usage cannot begin before", "实例自 {} 起生效，用量不能早于该时间"],
    ["the instance was released at {}: usage cannot end later", "实例已于 {} 释放，用量不能晚于该时间"],
    [
        "usage that began more than {} days ago is not taken by the marketplace any more",
        "云商店不再接收 {} 天以前开始的用量",
    ],
    [
        "a value is greater than 0: where nothing was used there is nothing to record",
        "用量须大于 0：没有使用时无需记录",
    ],
    ["a value is at most 99999999.9999", "用量最大为 99999999.9999"],
    [
        "there is no such license, or it was not bought at a marketplace that meters",
        "没有这个许可证，或其购买的云商店不计量",
    ],
    ["another record has this metering_sn", "已有另一条记录使用此 metering_sn"],
    [
        "this interval of the instance was recorded before with another value, package or metering_sn; the marketplace counts the first one only: record the difference under another interval",
        "该实例的这段时间已用其他数值、套餐包或 metering_sn 记录过；云商店只计第一条，请将差额记录到另一段时间",
    ],
    [
        "the instance is not pay-per-use: usage is recorded of pay-per-use instances only",
        "该实例不是按需计费，只能记录按需实例的用量",
    ],
    ["the channel that the instance was bought through is gone", "购买该实例的渠道已不存在"],
    ["names that start with usg_ are given by the server", "以 usg_ 开头的名称由服务器分配，请换用其他名称"],
    ["the instance is no package", "该实例不是套餐包"],
    ["the package belongs to another customer", "该套餐包属于其他客户"],
    ["the package was released before this was used", "该套餐包在此次使用之前已释放"],
    ["with this value the sum of the instance would be too large", "加上此数值后，该实例的总量过大"],
    [
        "the channel {} has no open_api, so usage cannot be pushed: add it",
        "渠道 {} 没有配置 open_api，无法推送用量，请添加",
    ],
    [
        "the channel pushes usage in the old way, which names no package",
        "该渠道以旧方式推送用量，不能指明套餐包",
    ],
    [
        "the channel sells stop-before-excess packages: name the one that this was used from",
        "该渠道销售用完即停的套餐包，请指明所用的套餐包",
    ],
    [
        "the order named no product id, and usage cannot be pushed in the old way without",
        "订单中没有产品编号，无法以旧方式推送用量",
    ],
    ["there is no such instance", "该实例不存在"],
    [
        "the instance is not ready: its order is being asked for, or its SKU is not mapped; try again later",
        "实例尚未就绪：正在查询其订单，或其 SKU 尚未映射，请稍后重试",
    ],
    [
        "so many different instances, or such long ids, do not fit into one request: send half of the records",
        "不同的实例过多，或编号过长，一次请求无法容纳，请减半发送",
    ],
    ["an instance id is 1 to 128 visible ASCII characters", "实例编号须为 1 至 128 个可见 ASCII 字符"],
    ["there is no such license", "该许可证不存在"],
    ["a metering_sn is 1 to 64 visible ASCII characters", "metering_sn 须为 1 至 64 个可见 ASCII 字符"],
    ["a state is waiting, pushed or dropped", "state 须为 waiting、pushed 或 dropped"],
];
