//! Why a license was valid or not, in words for its merchant, Chinese and English.

use super::language::Language;
use super::reply::instant;
use crate::domain::{Hold, Instant, LicenseEnd, LicenseStanding, LicenseState, Recalled, StartEvent};

/// What was so at an instant, and since when.
pub fn reason(recalled: &Recalled, at: Instant, language: Language) -> String {
    let standing = match (recalled, language) {
        (Recalled::NotIssued, Language::English) => return "There was no license yet.".to_owned(),
        (Recalled::NotIssued, Language::Chinese) => return "此时许可证尚未签发。".to_owned(),
        (Recalled::NotKnown, Language::English) => {
            return "What the license was then is not known: its events are gone, or do not say.".to_owned();
        }
        (Recalled::NotKnown, Language::Chinese) => {
            return "无法得知许可证当时的状态：相关事件已不存在，或未记录。".to_owned();
        }
        (Recalled::Known(standing), Language::English | Language::Chinese) => standing,
    };
    match language {
        Language::English => in_english(standing, at),
        Language::Chinese => in_chinese(standing, at),
    }
}

fn in_english(standing: &LicenseStanding, at: Instant) -> String {
    let starts_at = instant(standing.validity.starts_at);
    match (standing.state(at), standing.validity.ends_at.map(instant)) {
        (LicenseState::Active, Some(ends_at)) => {
            format!("It was valid from {starts_at} up to {ends_at}, and nothing had stopped it.")
        }
        (LicenseState::Active, None) => {
            format!("It was valid from {starts_at} on, without an end, and nothing had stopped it.")
        }
        (LicenseState::Pending, _) => match standing.awaits {
            None => format!("It was to start at {starts_at}."),
            Some(StartEvent::FirstActivation) => "It was to begin with its first activation.".to_owned(),
            Some(StartEvent::Acceptance) => {
                "It was to begin once its buyer's acceptance is recorded.".to_owned()
            }
        },
        (LicenseState::Expired, ends_at) => format!("It had expired at {}.", ends_at.unwrap_or_default()),
        (LicenseState::Suspended, _) => {
            let by = |who: &str, hold: &Option<Hold>| {
                hold.as_ref().map(|hold| format!("by the {who} since {}", instant(hold.since)))
            };
            let holds =
                [by("marketplace", &standing.holds.marketplace), by("merchant", &standing.holds.merchant)];
            format!("It was suspended {}.", holds.into_iter().flatten().collect::<Vec<_>>().join(" and "))
        }
        (LicenseState::Released, _) => format!("The marketplace had ended it at {}.", ended_at(standing)),
        (LicenseState::Revoked, _) => format!("The merchant had revoked it at {}.", ended_at(standing)),
    }
}

fn in_chinese(standing: &LicenseStanding, at: Instant) -> String {
    let starts_at = instant(standing.validity.starts_at);
    match (standing.state(at), standing.validity.ends_at.map(instant)) {
        (LicenseState::Active, Some(ends_at)) => {
            format!("许可证当时有效：自 {starts_at} 起至 {ends_at} 止，且未被暂停或终止。")
        }
        (LicenseState::Active, None) => {
            format!("许可证当时有效：自 {starts_at} 起，永久有效，且未被暂停或终止。")
        }
        (LicenseState::Pending, _) => match standing.awaits {
            None => format!("许可证当时尚未生效，生效时间为 {starts_at}。"),
            Some(StartEvent::FirstActivation) => "许可证当时尚未生效，将自首次激活起生效。".to_owned(),
            Some(StartEvent::Acceptance) => "许可证当时尚未生效，将自登记买家验收起生效。".to_owned(),
        },
        (LicenseState::Expired, ends_at) => {
            format!("许可证已于 {} 过期。", ends_at.unwrap_or_default())
        }
        (LicenseState::Suspended, _) => {
            let by = |who: &str, hold: &Option<Hold>| {
                hold.as_ref().map(|hold| format!("{who}（自 {} 起）", instant(hold.since)))
            };
            let holds = [by("云商店", &standing.holds.marketplace), by("商家", &standing.holds.merchant)];
            format!(
                "许可证当时已被暂停，暂停方：{}。",
                holds.into_iter().flatten().collect::<Vec<_>>().join("、")
            )
        }
        (LicenseState::Released, _) => format!("许可证已于 {} 被云商店释放。", ended_at(standing)),
        (LicenseState::Revoked, _) => format!("许可证已于 {} 被商家吊销。", ended_at(standing)),
    }
}

fn ended_at(standing: &LicenseStanding) -> String {
    match standing.end {
        LicenseEnd::Running => String::new(),
        LicenseEnd::Released { at } | LicenseEnd::Revoked { at, .. } => instant(at),
    }
}
