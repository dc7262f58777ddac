//! What an act on a license would bring about, in words for its merchant, Chinese and English.

use super::language::Language;
use super::reply::instant;
use crate::application::{Consequences, Irreversible, KeyAfter, LaterCall, MachineFate, QuotaAfter};
use crate::domain::{Instant, LicenseState};

fn pick(language: Language, [english, chinese]: [&'static str; 2]) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// What a later call of the marketplace does to the act.
pub fn later_call(call: LaterCall, language: Language) -> &'static str {
    let words = match call {
        LaterCall::RenewalSetsEnd => [
            "A renewal or a cancelled renewal at the marketplace sets the end that it names, also where that is earlier; what was given here ends with it.",
            "云商店中的续费或取消续费会将到期时间改为其指定的时间，即使更早；此处延长的时间随之失效。",
        ],
        LaterCall::UpgradeSetsGrant => [
            "An upgrade at the marketplace that is ordered later sets spec and quantity anew.",
            "此后在云商店下单的升级会重新设定规格和数量。",
        ],
        LaterCall::FreezeStopsAgain => [
            "If the marketplace freezes the instance again, the license is suspended again.",
            "云商店再次冻结该实例时，许可证将再次暂停。",
        ],
        LaterCall::UnfreezeDoesNotResume => [
            "The marketplace cannot lift this: the license goes on when you resume it.",
            "云商店无法解除此暂停，须由您恢复许可证。",
        ],
        LaterCall::RenewalIsOnlyRecorded => [
            "If the customer still renews at the marketplace, that is written down and changes nothing: pay it back there.",
            "客户此后在云商店续费只会被记录，不会生效，请在云商店退款。",
        ],
    };
    pick(language, words)
}

/// What nothing brings back.
pub fn irreversible(what: Irreversible, language: Language) -> &'static str {
    let words = match what {
        Irreversible::License => {
            ["A revoked license is never resumed: issue another.", "吊销后的许可证无法恢复，只能另行签发。"]
        }
        Irreversible::OldKeys => [
            "The old license keys and the old claim code never open anything new again.",
            "旧的许可证密钥和激活码不再可用于新的激活。",
        ],
        Irreversible::Places => {
            ["Machines that lose their places have to be activated again.", "失去名额的机器需要重新激活。"]
        }
        Irreversible::Quota => ["What is left of the quota is gone.", "剩余的额度将作废。"],
        Irreversible::Beginning => ["The beginning is not moved again.", "起始时间此后不能再改。"],
        Irreversible::Time => ["Time that was given is not taken back by hand.", "延长的时间不能手动收回。"],
    };
    pick(language, words)
}

/// Everything in sentences, the most important first.
pub fn summary(it: &Consequences, language: Language) -> Vec<String> {
    if !it.changes {
        let words = ["Nothing changes: it is so already.", "不会有任何变化：当前已是如此。"];
        return vec![pick(language, words).to_owned()];
    }
    let mut said = vec![state(it, language)];
    said.extend(end(it, language));
    said.extend(granted(it, language));
    said.push(key(it.key, language).to_owned());
    said.extend(machines(it, language));
    said.extend(it.key_runs_until.map(|until| key_alone(until, language)));
    said.extend(it.quota.iter().map(|quota| quota_line(quota, language)));
    said.extend(it.later_calls.iter().map(|call| later_call(*call, language).to_owned()));
    said.extend(it.irreversible.iter().map(|what| irreversible(*what, language).to_owned()));
    said
}

/// A state in words.
pub fn state_word(state: LicenseState, language: Language) -> &'static str {
    pick(
        language,
        match state {
            LicenseState::Revoked => ["revoked", "已吊销"],
            LicenseState::Released => ["released", "已释放"],
            LicenseState::Suspended => ["suspended", "已暂停"],
            LicenseState::Expired => ["expired", "已过期"],
            LicenseState::Pending => ["pending", "待生效"],
            LicenseState::Active => ["active", "有效"],
        },
    )
}

fn state(it: &Consequences, language: Language) -> String {
    let (before, after) = (state_word(it.before.state, language), state_word(it.after.state, language));
    match (it.before.state == it.after.state, language) {
        (true, Language::English) => format!("The license stays {after}."),
        (false, Language::English) => format!("The license is {before} and becomes {after}."),
        (true, Language::Chinese) => format!("许可证状态仍为“{after}”。"),
        (false, Language::Chinese) => format!("许可证状态由“{before}”变为“{after}”。"),
    }
}

fn end(it: &Consequences, language: Language) -> Option<String> {
    if it.before.ends_at == it.after.ends_at {
        return None;
    }
    let shown = |at: Option<Instant>| match (at, language) {
        (Some(at), Language::English | Language::Chinese) => instant(at),
        (None, Language::English) => "never".to_owned(),
        (None, Language::Chinese) => "永久".to_owned(),
    };
    let (before, after) = (shown(it.before.ends_at), shown(it.after.ends_at));
    Some(match language {
        Language::English => format!("Its end moves from {before} to {after}."),
        Language::Chinese => format!("到期时间由 {before} 改为 {after}。"),
    })
}

fn granted(it: &Consequences, language: Language) -> Option<String> {
    let (before, after) = (&it.before, &it.after);
    if (&before.spec, before.machines, &before.entitlements)
        == (&after.spec, after.machines, &after.entitlements)
    {
        return None;
    }
    let limit = |limit| match limit {
        crate::domain::MachineLimit::AtMost(count) => count.to_string(),
        crate::domain::MachineLimit::Unlimited => pick(language, ["any number of", "不限"]).to_owned(),
    };
    let lost: Vec<&str> = before
        .entitlements
        .iter()
        .filter(|name| !after.entitlements.contains(name))
        .map(String::as_str)
        .collect();
    let (from, to) = (limit(before.machines), limit(after.machines));
    let mut said = match language {
        Language::English => {
            format!("The spec {} becomes {}, for {to} machines instead of {from}.", before.spec, after.spec)
        }
        Language::Chinese => {
            format!("规格由 {} 变为 {}，机器数由 {from} 变为 {to}。", before.spec, after.spec)
        }
    };
    if !lost.is_empty() {
        let lost = lost.join(", ");
        said.push_str(&match language {
            Language::English => format!(" It no longer grants {lost}."),
            Language::Chinese => format!("不再包含：{lost}。"),
        });
    }
    Some(said)
}

fn key(key: KeyAfter, language: Language) -> &'static str {
    let words = match key {
        KeyAfter::Stays => ["The license key stays.", "许可证密钥不变。"],
        KeyAfter::New => [
            "There is a new license key, which software gets when it renews; the present one stays valid up to its own end.",
            "将生成新的许可证密钥，软件续期时自动取得；现有密钥在其自身到期前仍然有效。",
        ],
        KeyAfter::Superseded => [
            "There is a new license key, which software gets when it renews; the present one says that there is a newer one.",
            "将生成新的许可证密钥，软件续期时自动取得；现有密钥将提示已有新密钥。",
        ],
        KeyAfter::Replaced => [
            "There are a new license key and a new claim code; the present ones make no new activation. Machines that keep their places get the new key when they renew.",
            "将生成新的许可证密钥和激活码，现有的不能再用于新的激活；保留名额的机器续期时自动取得新密钥。",
        ],
        KeyAfter::ReplacedAsLeaked => [
            "There are a new license key and a new claim code; nothing opens with an old one any more, not even a renewal. Hand the new one to the customer.",
            "将生成新的许可证密钥和激活码；旧密钥完全失效，也不能用于续期。请将新密钥交给客户。",
        ],
        KeyAfter::Ended => [
            "The license key says by the status list that the license has ended.",
            "许可证密钥将在状态列表中标记为已失效。",
        ],
    };
    pick(language, words)
}

/// How many stop, and when the last of them does.
fn machines(it: &Consequences, language: Language) -> Vec<String> {
    let of = |fits: fn(MachineFate) -> bool| it.machines.iter().filter(move |machine| fits(machine.fate));
    let mut said = Vec::new();
    let stopping = of(MachineFate::stops).count();
    if stopping > 0 {
        let online = of(MachineFate::stops)
            .filter_map(|machine| [machine.asks_at, machine.reads_list_by].into_iter().flatten().min())
            .max();
        let last = of(MachineFate::stops).filter_map(|machine| machine.runs_until).max();
        said.push(match language {
            Language::English => format!("{stopping} of {} machines stop.", it.machines.len()),
            Language::Chinese => format!("{} 台机器中有 {stopping} 台将停止运行。", it.machines.len()),
        });
        said.extend(online.map(|by| match language {
            Language::English => {
                format!(
                    "Those that are online know by {}, at their next renewal or by the status list.",
                    instant(by)
                )
            }
            Language::Chinese => {
                format!("联网的机器最迟于 {} 通过续期或状态列表获知。", instant(by))
            }
        }));
        said.extend(last.map(|until| match language {
            Language::English => format!("One that never goes online runs up to {} at most.", instant(until)),
            Language::Chinese => format!("始终离线的机器最迟运行到 {}。", instant(until)),
        }));
    }
    let counts = [
        (of(|fate| fate == MachineFate::Resumes).count(), ["go on", "将恢复运行"]),
        (
            of(|fate| fate == MachineFate::BeyondLimit).count(),
            [
                "are beyond the new limit: they keep their places, and no further one gets any",
                "超出新的上限：保留名额，但不再接受新机器",
            ],
        ),
    ];
    for (count, words) in counts {
        if count > 0 {
            let words = pick(language, words);
            said.push(match language {
                Language::English => format!("{count} of {} machines {words}.", it.machines.len()),
                Language::Chinese => format!("{} 台机器中有 {count} 台{words}。", it.machines.len()),
            });
        }
    }
    said
}

fn key_alone(until: Instant, language: Language) -> String {
    let until = instant(until);
    match language {
        Language::English => {
            format!(
                "Software that holds nothing but the license key runs up to {until} at most without the status list."
            )
        }
        Language::Chinese => format!("仅持有许可证密钥的软件在读不到状态列表时最迟运行到 {until}。"),
    }
}

fn quota_line(quota: &QuotaAfter, language: Language) -> String {
    let QuotaAfter { metric, unit, window_left_before: from, window_left_after: to, .. } = quota;
    let total = quota.left_before.zip(quota.left_after);
    match (total, language) {
        (Some((all_from, all_to)), Language::English) => {
            format!(
                "Of {metric}, {to} {unit} are left in this window instead of {from}, in all {all_to} instead of {all_from}."
            )
        }
        (None, Language::English) => {
            format!("Of {metric}, {to} {unit} are left in this window instead of {from}.")
        }
        (Some((all_from, all_to)), Language::Chinese) => {
            format!(
                "{metric} 在当前周期的余量由 {from} 变为 {to}（{unit}），总余量由 {all_from} 变为 {all_to}。"
            )
        }
        (None, Language::Chinese) => format!("{metric} 在当前周期的余量由 {from} 变为 {to}（{unit}）。"),
    }
}
