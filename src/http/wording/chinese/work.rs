//! What work waits for, and how calls to a marketplace went.

use super::Row;

pub const ROWS: &[Row] = &[
    ["the channel is gone", "渠道已不存在"],
    ["the channel of the order is gone", "订单的渠道已不存在"],
    ["the channel of the purchase is gone", "购买所用的渠道已不存在"],
    ["the channel of the application is gone", "申请许可证的渠道已不存在"],
    ["the channel that activated the code is gone", "激活该授权码的渠道已不存在"],
    ["the marketplace's order has no such line", "云商店的订单中没有此订单行"],
    ["the marketplace named no order of the code", "云商店没有给出该授权码的订单"],
    ["no spec knows the SKU yet", "还没有规格对应该 SKU，请映射"],
    [
        "no spec knows the SKU yet: lictor order map ORDER --spec ID",
        "还没有规格对应该 SKU，请映射：`lictor order map ORDER --spec ID`",
    ],
    ["no spec of the license's product knows the SKU yet", "许可证所属的产品还没有规格对应该 SKU，请映射"],
    ["the code was asked for anew", "授权码已重新查询"],
    ["the marketplace takes not even one record", "云商店连一条记录也不接收"],
    [
        "the marketplace has not answered lately and is asked again in a while",
        "云商店近期没有应答，稍后会再次查询",
    ],
    ["no answer within {} s", "{} 秒内没有应答"],
    ["no answer within 4.5 s", "4.5 秒内没有应答"],
    // Calls.
    [
        "the channel has no open_api, so its orders cannot be asked for",
        "该渠道没有配置 open_api，无法查询订单，请添加",
    ],
    [
        "the channel has no open_api, so the marketplace cannot be asked",
        "该渠道没有配置 open_api，无法查询云商店，请添加",
    ],
    ["the marketplace could not be asked: {}", "无法查询云商店：{?}"],
    ["the marketplace does not know the order ({})", "云商店没有该订单（{?}）"],
    ["the marketplace does not know the code", "云商店没有该授权码"],
    ["the buyer has not received the code yet", "买家尚未领取该授权码"],
    ["the marketplace refused the license: {}", "云商店未接收该许可证：{?}"],
    ["the marketplace refused: {}", "云商店拒绝了请求：{?}"],
    ["the code is not in a state for this", "授权码当前的状态不允许此操作"],
    ["too many records at once", "一次推送的记录过多"],
    ["usage that began too long ago", "用量开始的时间过早"],
    // The store.
    ["a record changed meanwhile", "记录已被修改"],
    ["the store is busy", "存储繁忙"],
    ["the store's disk has no room for this", "存储所在的磁盘空间不足"],
    ["the store is being moved to another place", "存储正在迁移"],
    ["whether it was stored is not known", "无法确定是否已保存"],
    ["the store failed: {}", "存储出错：{?}"],
];
