//! Why a call did not succeed, in words, Chinese and English; with what to do where the merchant can do something.

use chrono::SecondsFormat;

use super::language::Language;
use super::wording::rule;
use crate::application::ports::MarketplaceCallError;
use crate::domain::{
    AccessKeyUse, CallCause, FailingWork, Instant, NoticeKind, OnTheWay, OurFault, ParameterPlace, WorkFault,
    is_beijing_time,
};

/// A cause in words.
pub fn cause_words(cause: &CallCause, language: Language) -> String {
    match language {
        Language::English => in_english(cause),
        Language::Chinese => in_chinese(cause),
    }
}

fn in_english(cause: &CallCause) -> String {
    let words = match cause {
        CallCause::UnknownSubPath => "the production address has no such sub-path for this protocol",
        CallCause::WrongMethod { method, protocol, wanted, looks_like: Some(family) } => {
            return format!(
                "called by {method}, but {protocol} takes {wanted}: this looks like {family}: is the channel's protocol right?"
            );
        }
        CallCause::WrongMethod { method, protocol, wanted, looks_like: None } => {
            return format!("called by {method}, but {protocol} takes {wanted}: no marketplace calls so");
        }
        CallCause::BodyTooLarge { limit } => return format!("too large: at most {limit} bytes are read"),
        CallCause::MalformedJson => "the body is no JSON object",
        CallCause::NestedTooDeep { limit } => {
            return format!("the body is nested deeper than {limit} levels");
        }
        CallCause::DuplicateMember => "the body names a member twice",
        CallCause::QueryTooLong => "the query string is too long",
        CallCause::QueryEncoding => {
            "the query string cannot be read: a percent sign is not followed by two hex digits, or the text is no UTF-8"
        }
        CallCause::QueryDuplicate => "a query parameter stands there twice",
        CallCause::Missing { place, name } => {
            return format!("{} {name} is missing", place_in_english(*place));
        }
        CallCause::Malformed { place, name } => {
            return format!("{} {name} does not have its documented form", place_in_english(*place));
        }
        CallCause::TooLong { name, limit } => return format!("the parameter {name} is longer than {limit}"),
        CallCause::ClockOff { skew_secs, is_signed } => return clock_in_english(*skew_secs, *is_signed),
        CallCause::NonceReused => "the nonce was used before by another call: replayed with other content",
        CallCause::NoAccessKey { unresolved } if unresolved.is_empty() => {
            "the channel has no live access key: add one and apply"
        }
        CallCause::NoAccessKey { unresolved } => {
            return format!(
                "no access key can be used: {} cannot be resolved on the server",
                unresolved.join(", ")
            );
        }
        CallCause::SignatureMissing => "the call is not signed",
        CallCause::SignatureForm { chars, wanted } => {
            return format!(
                "the signature has {chars} characters where {wanted} are wanted: cut off, or none at all"
            );
        }
        CallCause::SignatureUnknown { tried, unresolved } => {
            let tried = if *tried == 1 {
                "the signature does not fit the channel's access key".to_owned()
            } else {
                format!("the signature fits none of the channel's {tried} access keys")
            };
            if unresolved.is_empty() {
                return tried;
            }
            return format!("{tried}; {} cannot be resolved and was not tried", unresolved.join(", "));
        }
        CallCause::RetiredKey { key } => return format!("signature fits the retired key {key}"),
        CallCause::OtherUse { key, used_for, wanted } => {
            return format!(
                "signed with the key {key}, which is for {}; this call needs the key for {}",
                use_in_english(*used_for),
                use_in_english(*wanted)
            );
        }
        CallCause::OtherChannel { key, channel } => {
            return format!(
                "signature fits the key {key} of your channel {channel}: is this the right address?"
            );
        }
        CallCause::Altered { how, key } => return altered_in_english(*how, key),
        CallCause::UnknownActivity { protocol, spoken_by: _, meant: Some(meant) } => {
            return format!("the activity is none of {protocol}'s: letter case matters, {meant} is");
        }
        CallCause::UnknownActivity { protocol, spoken_by, meant: None } if spoken_by.is_empty() => {
            return format!("the activity is none of {protocol}'s, nor of any other known protocol");
        }
        CallCause::UnknownActivity { protocol, spoken_by, meant: None } => {
            return format!(
                "the activity is none of {protocol}'s but of {}: is the channel's protocol right?",
                spoken_by.join(", ")
            );
        }
        CallCause::InstanceUnknown => "there is no such instance here; was it sold before, and not imported?",
        CallCause::InProgress => {
            "in progress: the marketplace is being asked what the order says; it asks again"
        }
        CallCause::OrderHeld { sku: Some(sku) } => {
            return format!(
                "the order is held because no spec knows the SKU {sku}: map it with `lictor order map`"
            );
        }
        CallCause::OrderHeld { sku: None } => {
            "the order is held because no spec fits it: map it with `lictor order map`"
        }
        CallCause::Contradiction { why } => return format!("it contradicts what is known: {why}"),
        CallCause::ChangeRefused => "the instance may not become this: more is in use than would be left",
        CallCause::NoPlaceFree => "no place of the license is free",
        CallCause::OutsideValidity => "asked for outside the validity of the current order",
        CallCause::EndRequired => "a license of a period needs expireTime",
        CallCause::FingerprintRequired => "the spec binds machines and the call has no device fingerprint",
        CallCause::AnswerUnfit { why } => return format!("answered an internal error, because {why}"),
        CallCause::Unavailable { fault } => fault_in_english(*fault),
        CallCause::CutOff => "the caller hung up before it was answered, or the time limit came first",
    };
    words.to_owned()
}

fn clock_in_english(skew_secs: i64, is_signed: bool) -> String {
    let secs = skew_secs.unsigned_abs();
    if !is_signed {
        let side = if skew_secs > 0 { "ahead of" } else { "behind" };
        return format!(
            "its time lies {secs} s {side} ours and its signature fits no key: an old or forged call"
        );
    }
    if is_beijing_time(skew_secs) {
        return format!("its time is {secs} s ahead of ours: Beijing time where UTC is wanted");
    }
    if (CallCause::ClockOff { skew_secs, is_signed }).is_of_another_time() {
        let is =
            if skew_secs > 0 { "ahead of ours: made with another clock" } else { "behind ours: an old call" };
        return format!(
            "its time lies {secs} s {is}; if every call is refused so, set the clock of this server"
        );
    }
    if skew_secs > 0 {
        format!("your clock is {secs} s behind the marketplace's")
    } else {
        format!("your clock is {secs} s ahead of the marketplace's, or the call was held up on its way")
    }
}

fn altered_in_english(how: OnTheWay, key: &str) -> String {
    let words = match how {
        OnTheWay::BodyReencoded => "a proxy re-encoded the body: it must be passed on byte for byte",
        OnTheWay::PlusAsBlank => {
            "a proxy decoded `+` in the query as a blank: the query must be passed on as it is"
        }
        OnTheWay::QueryEncodedTwice => {
            "a proxy percent-encoded the query a second time: it must be passed on as it is"
        }
        OnTheWay::ParameterAdded => "a proxy added a parameter to the query: every parameter is signed",
        OnTheWay::TimestampInSeconds => {
            "it was signed over a time in seconds and sent with one in milliseconds"
        }
        OnTheWay::TimestampInMillis => {
            "it was signed over a time in milliseconds and sent with one in seconds"
        }
        OnTheWay::SignatureInBase64 => "the signature is Base64 where hex digits are wanted",
    };
    format!("{words} (the key {key} fits once this is undone)")
}

fn fault_in_english(fault: OurFault) -> &'static str {
    match fault {
        OurFault::StoreBusy => "internal error: the store was busy; the marketplace calls again",
        OurFault::StoreFull => "internal error: the disk of the store is short of room",
        OurFault::StoreContended => {
            "internal error: the same records kept changing; the marketplace calls again"
        }
        OurFault::StoreUnsure => {
            "internal error: whether it was stored is not known; the marketplace calls again"
        }
        OurFault::StoreFailed => "internal error: the store failed; see the server's log",
        OurFault::Broken => "internal error: something broke; see the server's log",
        OurFault::SigningFailed => {
            "internal error: the license key could not be signed; see the server's log"
        }
    }
}

fn place_in_english(place: ParameterPlace) -> &'static str {
    match place {
        ParameterPlace::Query => "the query parameter",
        ParameterPlace::Header => "the header",
        ParameterPlace::Call => "the parameter",
    }
}

fn use_in_english(used_for: AccessKeyUse) -> &'static str {
    match used_for {
        AccessKeyUse::Callbacks => "callbacks",
        AccessKeyUse::Kit => "the Kit",
        AccessKeyUse::UsagePush => "usage push",
    }
}

fn in_chinese(cause: &CallCause) -> String {
    let words = match cause {
        CallCause::UnknownSubPath => "该协议的生产地址下没有这个子路径",
        CallCause::WrongMethod { method, protocol, wanted, looks_like: Some(family) } => {
            return format!(
                "以 {method} 方式调用，而 {protocol} 使用 {wanted}；这看起来像 {family} 的调用，请检查渠道的协议设置"
            );
        }
        CallCause::WrongMethod { method, protocol, wanted, looks_like: None } => {
            return format!("以 {method} 方式调用，而 {protocol} 使用 {wanted}；云商店不会这样调用");
        }
        CallCause::BodyTooLarge { limit } => return format!("请求体过大，最多读取 {limit} 字节"),
        CallCause::MalformedJson => "请求体不是 JSON 对象",
        CallCause::NestedTooDeep { limit } => return format!("请求体嵌套超过 {limit} 层"),
        CallCause::DuplicateMember => "请求体中有重复的成员",
        CallCause::QueryTooLong => "查询串过长",
        CallCause::QueryEncoding => "查询串无法解析：百分号后不是两位十六进制数字，或内容不是 UTF-8",
        CallCause::QueryDuplicate => "查询串中有重复的参数",
        CallCause::Missing { place, name } => return format!("缺少{} {name}", place_in_chinese(*place)),
        CallCause::Malformed { place, name } => {
            return format!("{} {name} 不符合文档规定的格式", place_in_chinese(*place));
        }
        CallCause::TooLong { name, limit } => return format!("参数 {name} 超过长度上限 {limit}"),
        CallCause::ClockOff { skew_secs, is_signed } => return clock_in_chinese(*skew_secs, *is_signed),
        CallCause::NonceReused => "nonce 已被另一个请求使用：内容不同的重放",
        CallCause::NoAccessKey { unresolved } if unresolved.is_empty() => {
            "该渠道没有可用的密钥，请添加密钥并应用配置"
        }
        CallCause::NoAccessKey { unresolved } => {
            return format!("没有可用的密钥：服务器上无法读取 {}", unresolved.join("、"));
        }
        CallCause::SignatureMissing => "请求没有签名",
        CallCause::SignatureForm { chars, wanted } => {
            return format!("签名有 {chars} 个字符，应为 {wanted} 个：被截断，或根本不是签名");
        }
        CallCause::SignatureUnknown { tried, unresolved } => {
            let tried = format!("签名与该渠道的 {tried} 个密钥都不匹配");
            if unresolved.is_empty() {
                return tried;
            }
            return format!("{tried}；{} 无法读取，未能尝试", unresolved.join("、"));
        }
        CallCause::RetiredKey { key } => return format!("签名与已停用的密钥 {key} 匹配"),
        CallCause::OtherUse { key, used_for, wanted } => {
            return format!(
                "使用了密钥 {key} 签名，该密钥用于{}；此调用应使用{}的密钥",
                use_in_chinese(*used_for),
                use_in_chinese(*wanted)
            );
        }
        CallCause::OtherChannel { key, channel } => {
            return format!("签名与您的渠道 {channel} 的密钥 {key} 匹配，请检查生产地址是否填错");
        }
        CallCause::Altered { how, key } => return altered_in_chinese(*how, key),
        CallCause::UnknownActivity { protocol, spoken_by: _, meant: Some(meant) } => {
            return format!("{protocol} 没有这个 activity：请注意大小写，应为 {meant}");
        }
        CallCause::UnknownActivity { protocol, spoken_by, meant: None } if spoken_by.is_empty() => {
            return format!("{protocol} 没有这个 activity，其他已知协议也没有");
        }
        CallCause::UnknownActivity { protocol, spoken_by, meant: None } => {
            return format!(
                "{protocol} 没有这个 activity，它属于 {}，请检查渠道的协议设置",
                spoken_by.join("、")
            );
        }
        CallCause::InstanceUnknown => "这里没有该实例；如果是之前售出的，请先导入",
        CallCause::InProgress => "处理中：正在向云商店查询订单，云商店会再次调用",
        CallCause::OrderHeld { sku: Some(sku) } => {
            return format!("订单已挂起：没有规格对应 SKU {sku}，请用 `lictor order map` 对应");
        }
        CallCause::OrderHeld { sku: None } => "订单已挂起：没有对应的规格，请用 `lictor order map` 对应",
        CallCause::Contradiction { why } => {
            return format!("与已知内容矛盾（{}）", rule(why, Language::Chinese));
        }
        CallCause::ChangeRefused => "实例不能变更为该规格：正在使用的数量超过变更后的数量",
        CallCause::NoPlaceFree => "许可证没有空闲的机器名额",
        CallCause::OutsideValidity => "申请时间不在当前订单的有效期内",
        CallCause::EndRequired => "包年包月的许可证需要 expireTime",
        CallCause::FingerprintRequired => "该规格绑定机器，但调用中没有设备指纹",
        CallCause::AnswerUnfit { why } => {
            return format!("已返回内部错误（{}）", rule(why, Language::Chinese));
        }
        CallCause::Unavailable { fault } => fault_in_chinese(*fault),
        CallCause::CutOff => "调用方在收到应答前断开了连接，或处理超时",
    };
    words.to_owned()
}

fn clock_in_chinese(skew_secs: i64, is_signed: bool) -> String {
    let secs = skew_secs.unsigned_abs();
    if !is_signed {
        let side = if skew_secs > 0 { "快" } else { "慢" };
        return format!("调用的时间比本机{side} {secs} 秒，且签名与任何密钥都不匹配：过期或伪造的调用");
    }
    if is_beijing_time(skew_secs) {
        return format!("调用的时间比本机快 {secs} 秒：应为 UTC，却使用了北京时间");
    }
    if (CallCause::ClockOff { skew_secs, is_signed }).is_of_another_time() {
        let is = if skew_secs > 0 { "快" } else { "慢" };
        let what = if skew_secs > 0 { "使用了其他时钟" } else { "过期的调用" };
        return format!("调用的时间比本机{is} {secs} 秒：{what}；如果所有调用都因此被拒绝，请校准本机时钟");
    }
    if skew_secs > 0 {
        format!("您的时钟比云商店慢 {secs} 秒")
    } else {
        format!("您的时钟比云商店快 {secs} 秒，或调用在途中被延误")
    }
}

fn altered_in_chinese(how: OnTheWay, key: &str) -> String {
    let words = match how {
        OnTheWay::BodyReencoded => "代理改写了请求体，请求体必须原样转发",
        OnTheWay::PlusAsBlank => "代理把查询串中的 `+` 解码成了空格，查询串必须原样转发",
        OnTheWay::QueryEncodedTwice => "代理对查询串做了二次编码，查询串必须原样转发",
        OnTheWay::ParameterAdded => "代理在查询串中添加了参数，所有参数都参与签名",
        OnTheWay::TimestampInSeconds => "签名使用秒级时间，发送的却是毫秒级时间",
        OnTheWay::TimestampInMillis => "签名使用毫秒级时间，发送的却是秒级时间",
        OnTheWay::SignatureInBase64 => "签名是 Base64，应为十六进制",
    };
    format!("{words}（还原后与密钥 {key} 匹配）")
}

fn fault_in_chinese(fault: OurFault) -> &'static str {
    match fault {
        OurFault::StoreBusy => "内部错误：存储繁忙，云商店会再次调用",
        OurFault::StoreFull => "内部错误：存储所在磁盘空间不足",
        OurFault::StoreContended => "内部错误：相同的记录不断变化，云商店会再次调用",
        OurFault::StoreUnsure => "内部错误：无法确定是否已保存，云商店会再次调用",
        OurFault::StoreFailed => "内部错误：存储故障，请查看服务器日志",
        OurFault::Broken => "内部错误：处理时出现异常，请查看服务器日志",
        OurFault::SigningFailed => "内部错误：许可证密钥签名失败，请查看服务器日志",
    }
}

fn place_in_chinese(place: ParameterPlace) -> &'static str {
    match place {
        ParameterPlace::Query => "查询参数",
        ParameterPlace::Header => "请求头",
        ParameterPlace::Call => "参数",
    }
}

fn use_in_chinese(used_for: AccessKeyUse) -> &'static str {
    match used_for {
        AccessKeyUse::Callbacks => "回调",
        AccessKeyUse::Kit => "联营 Kit",
        AccessKeyUse::UsagePush => "用量推送",
    }
}

/// What a notice tells.
pub fn notice_words(kind: NoticeKind, language: Language) -> &'static str {
    match (kind, language) {
        (NoticeKind::DialTestFailed, Language::English) => {
            "A dial test failed; after five days of that the marketplace hides the product."
        }
        (NoticeKind::DialTestFailed, Language::Chinese) => {
            "拨测失败；连续五天失败后，云商店会冻结交易并隐藏商品。"
        }
        (NoticeKind::Silent, Language::English) => {
            "No dial test has succeeded for 36 hours: is the address reachable, and the product on sale?"
        }
        (NoticeKind::Silent, Language::Chinese) => {
            "已有 36 小时没有成功的拨测：请检查地址是否可达、商品是否在售。"
        }
        (NoticeKind::CallbackRejected, Language::English) => {
            "A call was turned away for a reason that you can mend."
        }
        (NoticeKind::CallbackRejected, Language::Chinese) => "有调用被拒绝，其原因可由您修正。",
        (NoticeKind::OpenApiFailing, Language::English) => {
            "What the marketplace is asked or told has failed for more than 10 minutes; it is tried again by itself."
        }
        (NoticeKind::OpenApiFailing, Language::Chinese) => {
            "对云商店的调用已持续失败超过 10 分钟；系统会自动重试。"
        }
        (NoticeKind::OrderGivenUp, Language::English) => {
            "An order that the marketplace told of could not be read for 3 days and is not asked for any more; lictor order fetch receives it once the cause is mended."
        }
        (NoticeKind::OrderGivenUp, Language::Chinese) => {
            "云商店通知过的订单连续 3 天无法查询，已停止查询；排除原因后可用 lictor order fetch 重新获取。"
        }
    }
}

/// What stands in the way of work, what to do, and how long there is until the first refund; `at`: when it was told.
pub fn failing_words(failing: &FailingWork, at: Instant, language: Language) -> String {
    let why = &failing.why;
    let order = failing.order_id.as_deref().unwrap_or_default();
    let left = failing.refund_at.map(|refund_at| (refund_at, (refund_at - at).num_minutes()));
    let words = match (failing.fault, language) {
        (WorkFault::NoAnswer, Language::English) => {
            format!("the marketplace does not answer ({why}): check that the server reaches it")
        }
        (WorkFault::NoAnswer, Language::Chinese) => {
            format!("云商店没有应答（{}）：请检查服务器能否访问云商店", rule(why, language))
        }
        (WorkFault::Refused, Language::English) => format!(
            "the marketplace refuses the call ({why}): check the access key and secret key of open_api"
        ),
        (WorkFault::Refused, Language::Chinese) => {
            format!("云商店拒绝了调用（{}）：请检查 open_api 的 AK/SK", rule(why, language))
        }
        (WorkFault::OrderUnknown, Language::English) => {
            "the marketplace does not know the order: check that the access key of open_api belongs to the account that sells it".into()
        }
        (WorkFault::OrderUnknown, Language::Chinese) => {
            "云商店查不到该订单：请检查 open_api 的 AK/SK 是否属于售出该商品的卖家账号".into()
        }
        (WorkFault::NotConfigured, Language::English) => {
            "the channel has no open_api: give it access_key and secret_key in the apply file".into()
        }
        (WorkFault::NotConfigured, Language::Chinese) => {
            "该渠道没有 open_api：请在配置文件中填写 access_key 和 secret_key".into()
        }
    };
    let words = match language {
        _ if order.is_empty() => words,
        Language::English => format!("order {order}: {words}"),
        Language::Chinese => format!("订单 {order}：{words}"),
    };
    match (left, language) {
        (None, _) => words,
        (Some((at, minutes)), Language::English) => format!(
            "{words}; the first purchase that waits is paid back in {} h {} min, at {}",
            minutes / 60,
            minutes % 60,
            at.to_rfc3339_opts(SecondsFormat::Secs, true)
        ),
        (Some((at, minutes)), Language::Chinese) => format!(
            "{words}；最早的待开通订单将在 {} 小时 {} 分钟后（{}）退款",
            minutes / 60,
            minutes % 60,
            at.to_rfc3339_opts(SecondsFormat::Secs, true)
        ),
    }
}

/// Why the marketplace did not do something with a test code, and what to do.
pub fn trial_words(error: &MarketplaceCallError, language: Language) -> String {
    let words = match error {
        MarketplaceCallError::Unavailable(why) => {
            return match language {
                Language::English => {
                    format!("no answer ({why}): whether it was done is not known; try again in a minute")
                }
                Language::Chinese => {
                    format!("没有应答（{}）：无法确定是否已执行，请一分钟后重试", rule(why, language))
                }
            };
        }
        MarketplaceCallError::Refused(why) => {
            return match language {
                Language::English => format!(
                    "{why}: check that the access key and secret key of open_api belong to the seller's account"
                ),
                Language::Chinese => {
                    format!("{}：请检查 open_api 的 AK/SK 是否属于卖家账号", rule(why, language))
                }
            };
        }
        MarketplaceCallError::RequestClosed(why) => {
            return match language {
                Language::English => format!("the marketplace refused: {why}"),
                Language::Chinese => format!("云商店拒绝了请求：{}", rule(why, language)),
            };
        }
        MarketplaceCallError::NotConfigured => [
            "the channel has no open_api: give it access_key and secret_key in the apply file",
            "该渠道没有 open_api：请在配置文件中填写 access_key 和 secret_key",
        ],
        MarketplaceCallError::CodeUnknown => [
            "the marketplace does not know the code, or it belongs to another seller: copy it again from the seller console",
            "云商店不认识该授权码，或它属于其他卖家：请从卖家中心重新复制",
        ],
        MarketplaceCallError::CodeNotReceived => [
            "the code has not been handed out yet: take it in the console first",
            "该授权码尚未领取：请先在控制台领取",
        ],
        MarketplaceCallError::CodeState => [
            "the code is not in a state for this: it was activated before, or is not activated yet",
            "授权码当前状态不允许此操作：之前已激活，或尚未激活",
        ],
    };
    match language {
        Language::English => words[0].to_owned(),
        Language::Chinese => words[1].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_only_blamed_for_a_call_that_a_key_signed() {
        let words = |skew_secs, is_signed| {
            cause_words(&CallCause::ClockOff { skew_secs, is_signed }, Language::English)
        };
        assert_eq!(words(73, true), "your clock is 73 s behind the marketplace's");
        assert!(words(-73, true).starts_with("your clock is 73 s ahead"));
        assert!(words(-73, false).contains("an old or forged call"));
        assert!(words(28_799, true).contains("Beijing time where UTC is wanted"));
        assert!(words(-93_600, true).contains("behind ours: an old call"));
        assert!(words(93_600, true).contains("ahead of ours: made with another clock"));
    }

    #[test]
    fn the_two_languages_name_the_same_facts() {
        let cause = CallCause::OtherChannel { key: "k-2026".into(), channel: "cad-eu".into() };
        for language in [Language::English, Language::Chinese] {
            let words = cause_words(&cause, language);
            assert!(words.contains("k-2026") && words.contains("cad-eu"), "{words}");
        }
    }
}
