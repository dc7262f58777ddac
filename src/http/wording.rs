//! Refusals and failures in words, Chinese and English. What to do next is part of the words.

mod chinese;

pub use chinese::in_chinese;

use super::error::ApiError;
use super::language::Language;
use crate::application::ports::StoreError;
use crate::domain::Refusal;

type Words = [&'static str; 2];

fn pick(language: Language, [english, chinese]: Words) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// The same for every occurrence of a code.
pub fn title(error: &ApiError, language: Language) -> &'static str {
    let words = match error {
        ApiError::Refused(refusal) => refusal_title(refusal),
        ApiError::Mistakes(_) | ApiError::ItemMistakes(_) => INVALID,
        ApiError::MalformedJson => ["Malformed JSON", "JSON 格式错误"],
        ApiError::DuplicateMember { .. } => ["Duplicate member", "成员重复"],
        ApiError::TooLarge { .. } => ["Request too large", "请求过大"],
        ApiError::MethodNotAllowed => ["Method not allowed", "不支持该请求方法"],
        ApiError::Store(StoreError::OutcomeUnknown)
        | ApiError::TimedOut { changes: true }
        | ApiError::StillRunning => ["Outcome unknown", "处理结果未知"],
        ApiError::Store(
            StoreError::Conflict
            | StoreError::Busy
            | StoreError::NoRoom
            | StoreError::Moving
            | StoreError::Failed(_),
        )
        | ApiError::Signing(_)
        | ApiError::TimedOut { changes: false } => ["Temporarily unavailable", "服务暂时不可用"],
        ApiError::Changed { .. } => ["Changed meanwhile", "内容已被修改"],
        ApiError::RateLimited { .. } => ["Too many requests", "请求过于频繁"],
        ApiError::Panicked => ["Internal error", "服务器内部错误"],
    };
    pick(language, words)
}

const INVALID: Words = ["Invalid request", "请求内容无效"];

fn refusal_title(refusal: &Refusal) -> Words {
    match refusal {
        Refusal::LicenseKeyRefused => ["License key refused", "许可证密钥无效"],
        Refusal::LicenseRevoked => ["License revoked", "许可证已被吊销"],
        Refusal::LicenseReleased => ["License released", "许可证已释放"],
        Refusal::LicenseSuspended => ["License suspended", "许可证已暂停"],
        Refusal::LicenseExpired => ["License expired", "许可证已过期"],
        Refusal::LicenseNotStarted | Refusal::AwaitsActivation | Refusal::AwaitsAcceptance => {
            ["License not started", "许可证尚未生效"]
        }
        Refusal::LicenseSuperseded => ["License key replaced", "许可证密钥已更换"],
        Refusal::MachineMismatch => ["Another machine", "机器不匹配"],
        Refusal::MachineLimitReached { .. } => ["Machine limit reached", "已达到机器数量上限"],
        Refusal::CloneSuspected => ["Copied activation suspected", "疑似激活被复制"],
        Refusal::LedgerRefused(_) => ["Usage ledger refused", "用量账本被拒绝"],
        Refusal::AirGapAnswered => ["Request answered before", "该请求已答复过"],
        Refusal::MovesExhausted { .. } => ["Moved too often", "释放次数过多"],
        Refusal::ActivationEnded | Refusal::IllegalState { .. } | Refusal::KeyRefused { .. } => {
            ["Not possible in this state", "当前状态不允许此操作"]
        }
        Refusal::NotFound { .. } => ["Not found", "未找到"],
        Refusal::OrderNotHeld { .. } => ["Order not held", "订单并未挂起"],
        Refusal::SkuTaken { .. } => ["SKU taken", "SKU 已归属其他规格"],
        Refusal::SpecUnfit { .. } => ["Spec does not fit the order", "规格与订单不符"],
        Refusal::OrderNotTaken { .. } => ["Order not taken", "订单未被接收"],
        Refusal::Invalid { .. } => INVALID,
        Refusal::RevisionConflict { .. } => ["Changed meanwhile", "内容已被修改"],
        Refusal::IdempotencyConflict => ["Idempotency key used before", "幂等键已被使用"],
        Refusal::QuotaExhausted { .. } => ["Quota exhausted", "额度已用完"],
        Refusal::UsageTooOld { .. } => ["Usage too old", "用量上报过期"],
        Refusal::ScopeMissing { .. } => ["Scope missing", "权限不足"],
        Refusal::TokenRefused => ["API token refused", "API 令牌无效"],
    }
}

/// What happened this time, and what to do.
pub fn reason(error: &ApiError, language: Language) -> String {
    match error {
        ApiError::Refused(refusal) => refusal_reason(refusal, language),
        ApiError::Mistakes(mistakes) => match language {
            Language::English => {
                format!("The file has {} mistake(s); nothing was changed.", mistakes.len())
            }
            Language::Chinese => format!("文件中有 {} 处错误，未做任何更改。", mistakes.len()),
        },
        ApiError::ItemMistakes(mistakes) => match language {
            Language::English => {
                format!(
                    "The request has {} mistake(s); nothing was recorded. Correct them and send all of it again.",
                    mistakes.len()
                )
            }
            Language::Chinese => {
                format!("请求中有 {} 处错误，未记录任何内容。请改正后整体重新发送。", mistakes.len())
            }
        },
        ApiError::TooLarge { max_bytes } => match language {
            Language::English => format!("At most {max_bytes} bytes are read."),
            Language::Chinese => format!("请求内容最多 {max_bytes} 字节。"),
        },
        ApiError::DuplicateMember { pointer } => match language {
            Language::English => format!("The member {pointer} stands twice."),
            Language::Chinese => format!("成员 {pointer} 出现了两次。"),
        },
        ApiError::MalformedJson => pick(language, MALFORMED).to_owned(),
        ApiError::MethodNotAllowed => pick(language, METHOD).to_owned(),
        ApiError::Changed { .. } => pick(language, CHANGED).to_owned(),
        ApiError::StillRunning => pick(language, STILL_RUNNING).to_owned(),
        ApiError::RateLimited { retry_after_secs } => match language {
            Language::English => {
                format!("Too many requests were sent. Send the next one in {retry_after_secs} s.")
            }
            Language::Chinese => format!("请求过于频繁，请在 {retry_after_secs} 秒后重试。"),
        },
        ApiError::Store(StoreError::OutcomeUnknown) | ApiError::TimedOut { changes: true } => {
            pick(language, OUTCOME_UNKNOWN).to_owned()
        }
        ApiError::Store(StoreError::Moving) => pick(language, MOVING).to_owned(),
        ApiError::Store(
            StoreError::Conflict | StoreError::Busy | StoreError::NoRoom | StoreError::Failed(_),
        )
        | ApiError::Signing(_)
        | ApiError::TimedOut { changes: false } => pick(language, UNAVAILABLE).to_owned(),
        ApiError::Panicked => pick(language, PANICKED).to_owned(),
    }
}

const CHANGED: Words = [
    "It was changed since you read it. Look at what it is now, and decide again.",
    "内容在读取之后已被修改，请查看当前内容后重新决定。",
];
const STILL_RUNNING: Words = [
    "The same request is being answered at this moment. Send it again with the same Idempotency-Key.",
    "同一请求正在处理中，请使用相同的 Idempotency-Key 重新发送。",
];
const MALFORMED: Words = [
    "The body is no JSON object, or it is nested too deep.",
    "请求内容不是有效的 JSON 对象，或嵌套层数过多。",
];
const METHOD: Words = ["This address takes another method.", "该地址不支持此请求方法。"];
const OUTCOME_UNKNOWN: Words = [
    "It may or may not have been done: send the same request again.",
    "请求可能已经执行，也可能没有：请用相同的内容重试。",
];
const UNAVAILABLE: Words = [
    "It could not be done now; nothing was changed. Try again later.",
    "暂时无法处理，未做任何更改，请稍后重试。",
];
const MOVING: Words = [
    "The records are being moved to another store; nothing was changed. Try again in a moment.",
    "数据正在迁移到另一个存储，未做任何更改，请稍后重试。",
];
const PANICKED: Words = [
    "Something broke on our side. Try again later, and name the request id when it happens again.",
    "服务器出现异常，请稍后重试；如再次出现，请提供请求编号。",
];

/// A rule in words, as it stands in a list: without a capital at its beginning and a full stop at its end.
pub fn rule(why: &str, language: Language) -> String {
    let chinese = match language {
        Language::English => None,
        Language::Chinese => in_chinese(why),
    };
    chinese.unwrap_or_else(|| why.to_owned())
}

/// A refusal in words; also what the online verdict says.
pub fn refusal_reason(refusal: &Refusal, language: Language) -> String {
    match language {
        Language::English => refusal_in_english(refusal),
        Language::Chinese => refusal_in_chinese(refusal),
    }
}

/// Why the online verdict is "valid".
pub fn valid(language: Language) -> &'static str {
    pick(language, ["The license is valid.", "许可证有效。"])
}

fn refusal_in_english(refusal: &Refusal) -> String {
    let words = match refusal {
        Refusal::LicenseKeyRefused => "This license key is not known here. Paste the current one completely.",
        Refusal::LicenseRevoked => "The license was revoked. Ask the seller.",
        Refusal::LicenseReleased => "The license was returned at the marketplace. Ask the seller.",
        Refusal::LicenseSuspended => "The license is suspended. Ask the seller.",
        Refusal::LicenseExpired => "The license has expired. Renew it where it was bought.",
        Refusal::LicenseNotStarted => "The license has not started yet.",
        Refusal::AwaitsActivation => {
            "The license starts with its first activation, and has no license key before. Enter this code in the software."
        }
        Refusal::AwaitsAcceptance => {
            "The license starts when the seller records your acceptance. Ask the seller."
        }
        Refusal::LicenseSuperseded => "The license key was replaced. Paste the current one.",
        Refusal::MachineMismatch => "The activation belongs to another machine. Activate this one.",
        Refusal::CloneSuspected => "The certificate was already renewed by another copy. Activate again.",
        Refusal::ActivationEnded => "The activation has ended. Activate again.",
        Refusal::AirGapAnswered => {
            "This request was answered before, and the machine has had a newer answer since or gave its place back. Make a new request on the machine."
        }
        Refusal::IdempotencyConflict => "The idempotency key was used for another request.",
        Refusal::TokenRefused => "The API token is missing, unknown, expired or revoked.",
        Refusal::MachineLimitReached { limit } => {
            return format!("The license already runs on {limit} of {limit} machines. Release one of them.");
        }
        Refusal::MovesExhausted { moves, free_at } => {
            return format!(
                "Machines were released by hand {moves} times within 30 days, as often as this license allows. This place is free on {}; or bring the deactivation file of the machine.",
                super::reply::instant(*free_at)
            );
        }
        Refusal::LedgerRefused(place) => {
            return format!(
                "The usage ledger is wrong at entry {} ({}). What stands before it was counted; set the ledger aside and renew.",
                place.seq,
                place.fault.as_str()
            );
        }
        Refusal::NotFound { what } => return format!("There is no such {what}."),
        Refusal::OrderNotHeld { state } => {
            return format!("The order is {state}, not held: only held orders are mapped.");
        }
        Refusal::SkuTaken { sku, spec } => {
            return format!(
                "{sku} means the spec {spec} already. Name that spec, or give the SKU to another one in the apply file."
            );
        }
        Refusal::SpecUnfit { why } | Refusal::OrderNotTaken { why } | Refusal::KeyRefused { why } => {
            return sentence(why);
        }
        Refusal::IllegalState { why } => return sentence(why),
        Refusal::Invalid { why, .. } => return sentence(why),
        Refusal::RevisionConflict { current } => {
            return format!("It was changed since it was read; its revision is now {current}.");
        }
        Refusal::QuotaExhausted { metric, left, resets_at, .. } => {
            let until = match resets_at {
                Some(end) => format!("It is available anew from {}.", super::reply::instant(*end)),
                None => "Buy a further package, or ask the seller.".to_owned(),
            };
            return format!("Only {left} of {metric} are left; nothing was counted. {until}");
        }
        Refusal::UsageTooOld { days, .. } => {
            return format!("It was used more than {days} days ago and is not counted any more.");
        }
        Refusal::ScopeMissing { scope } => return format!("The API token lacks the scope {scope}."),
    };
    words.to_owned()
}

fn refusal_in_chinese(refusal: &Refusal) -> String {
    let words = match refusal {
        Refusal::LicenseKeyRefused => "无法识别该许可证密钥，请完整粘贴当前的密钥。",
        Refusal::LicenseRevoked => "许可证已被吊销，请联系卖家。",
        Refusal::LicenseReleased => "许可证已在云商店退订释放，请联系卖家。",
        Refusal::LicenseSuspended => "许可证已暂停使用，请联系卖家。",
        Refusal::LicenseExpired => "许可证已过期，请在购买处续费。",
        Refusal::LicenseNotStarted => "许可证尚未生效。",
        Refusal::AwaitsActivation => "许可证自首次激活起生效，此前没有许可证密钥；请在软件中输入该激活码。",
        Refusal::AwaitsAcceptance => "许可证自卖家登记验收起生效，请联系卖家。",
        Refusal::LicenseSuperseded => "许可证密钥已更换，请粘贴当前的密钥。",
        Refusal::MachineMismatch => "该激活属于另一台机器，请激活本机。",
        Refusal::CloneSuspected => "该证书已被另一份副本续期，请重新激活。",
        Refusal::ActivationEnded => "该激活已结束，请重新激活。",
        Refusal::AirGapAnswered => {
            "该请求已答复过，此后该机器已取得更新的答复或已归还名额。请在该机器上重新生成请求。"
        }
        Refusal::IdempotencyConflict => "该幂等键已用于另一个请求。",
        Refusal::TokenRefused => "API 令牌缺失、无法识别、已过期或已吊销。",
        Refusal::MachineLimitReached { limit } => {
            return format!("许可证已在 {limit} 台机器上使用（上限 {limit} 台），请先释放一台。");
        }
        Refusal::MovesExhausted { moves, free_at } => {
            return format!(
                "30 天内手动释放机器已达上限（{moves} 次）。该名额将于 {} 释放；也可提交该机器的停用文件。",
                super::reply::instant(*free_at)
            );
        }
        Refusal::LedgerRefused(place) => {
            return format!(
                "用量账本在第 {} 条处有误（{}）。此前的记录已计入，请搁置该账本后重新续期。",
                place.seq,
                rule(place.fault.as_str(), Language::Chinese)
            );
        }
        Refusal::NotFound { .. } => return told(&refusal.to_string(), "该资源不存在"),
        Refusal::OrderNotHeld { state } => {
            let state = rule(state, Language::Chinese);
            return format!("该订单{state}，并未挂起；只有挂起的订单才能映射规格。");
        }
        Refusal::SkuTaken { sku, spec } => {
            return format!("{sku} 已归属规格 {spec}，请使用该规格，或在配置文件中将其改归其他规格。");
        }
        Refusal::SpecUnfit { why } => return told(why, "该规格与订单不符"),
        Refusal::OrderNotTaken { why } => return told(why, "该订单未被接收"),
        Refusal::KeyRefused { why } => return told(why, "签名密钥当前不能这样处理"),
        Refusal::IllegalState { why } => return told(why, "当前状态不允许此操作"),
        Refusal::Invalid { pointer, why } if pointer.is_empty() => return told(why, "请求不符合规则"),
        Refusal::Invalid { pointer, why } => return told(why, &format!("{pointer} 不符合规则")),
        Refusal::RevisionConflict { current } => {
            return format!("内容在读取之后已被修改，当前修订号为 {current}。");
        }
        Refusal::QuotaExhausted { metric, left, resets_at, .. } => {
            let until = match resets_at {
                Some(at) => format!("新的额度将于 {} 生效。", super::reply::instant(*at)),
                None => "请另行购买套餐包，或联系卖家。".to_owned(),
            };
            return format!("{metric} 仅剩 {left}，本次未计量。{until}");
        }
        Refusal::UsageTooOld { days, .. } => {
            return format!("该用量发生在 {days} 天以前，不再计量。");
        }
        Refusal::ScopeMissing { scope } => return format!("API 令牌缺少权限 {scope}。"),
    };
    words.to_owned()
}

/// A rule as a sentence; one that has no Chinese stands in words that say what kind of refusal it is.
fn told(why: &str, kind: &str) -> String {
    let rule = in_chinese(why).unwrap_or_else(|| format!("{kind}（{why}）"));
    let stop = if rule.ends_with(['。', '！', '？']) { "" } else { "。" };
    format!("{rule}{stop}")
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let stop = if words.ends_with(['.', '!', '?', '。']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_reads_differently_in_the_two_languages_and_echoes_its_facts() {
        let limit = Refusal::MachineLimitReached { limit: 3 };
        assert!(refusal_reason(&limit, Language::English).contains("3 of 3"));
        assert!(refusal_reason(&limit, Language::Chinese).contains("上限 3 台"));
        let invalid = Refusal::Invalid { pointer: "/sku".into(), why: "it is missing".into() };
        assert_eq!(refusal_reason(&invalid, Language::English), "It is missing.");
        assert_eq!(refusal_reason(&invalid, Language::Chinese), "缺少此项。");
        let held = Refusal::OrderNotHeld { state: "minted" };
        assert_eq!(
            refusal_reason(&held, Language::Chinese),
            "该订单已签发，并未挂起；只有挂起的订单才能映射规格。"
        );
        let missing = Refusal::NotFound { what: "API token" };
        assert_eq!(refusal_reason(&missing, Language::Chinese), "该 API 令牌不存在。");
    }

    #[test]
    fn a_rule_without_chinese_is_told_as_it_stands_with_where_it_was_broken() {
        let invalid = Refusal::Invalid { pointer: "/term".into(), why: "a rule of tomorrow".into() };
        assert_eq!(refusal_reason(&invalid, Language::Chinese), "/term 不符合规则（a rule of tomorrow）。");
        assert_eq!(rule("a rule of tomorrow", Language::Chinese), "a rule of tomorrow");
    }
}
