//! What people read, in English and Chinese.

use license_token::Code;

use crate::pasted::SIGNATURE_CHARS;
use crate::{AirGapError, ArmourFault, KeyPart, MeterRefusal, NextAction, TextFault, TextFlaw, Verdict};

fn pick(locale: &str, english: &'static str, chinese: &'static str) -> &'static str {
    let is_chinese = locale.get(..2).is_some_and(|language| language.eq_ignore_ascii_case("zh"));
    if is_chinese { chinese } else { english }
}

pub(crate) fn of_verdict(verdict: &Verdict, locale: &str) -> &'static str {
    let (english, chinese) = match verdict {
        Verdict::Valid(_) => ("The license is valid.", "许可证有效。"),
        Verdict::Expiring(license) => match license.next_action {
            NextAction::GoOnline => (
                "This computer has been offline for a long time; the license must be confirmed soon.",
                "本机已长时间离线，许可证需要尽快联网确认。",
            ),
            _ => ("The license ends soon.", "许可证即将到期。"),
        },
        Verdict::Grace(_) => (
            "The license has ended; the software keeps working for a short time.",
            "许可证已到期，目前处于宽限期内。",
        ),
        Verdict::NeedsKey(NextAction::PasteCurrentKey) => {
            ("A license key is needed.", "需要输入许可证密钥。")
        }
        Verdict::NeedsKey(_) => {
            ("The license is not activated on this computer yet.", "许可证尚未在本机激活。")
        }
        Verdict::Expired(NextAction::GoOnline) => (
            "This computer has been offline for too long; the license must be confirmed online.",
            "本机离线时间过长，许可证需要联网确认。",
        ),
        Verdict::Expired(_) => ("The license has ended.", "许可证已到期。"),
        Verdict::UpdatesEnded => (
            "The license does not cover this version; earlier versions keep working.",
            "许可证不包含此版本的更新，较早的版本仍可继续使用。",
        ),
        Verdict::Suspended => ("The license is suspended.", "许可证已被暂停使用。"),
        Verdict::Superseded(_) => {
            ("The license key was replaced by a newer one.", "该许可证密钥已被新的密钥取代。")
        }
        Verdict::Revoked(_) => ("The license was withdrawn.", "许可证已被撤销。"),
        Verdict::WrongMachine => {
            ("The license was activated on another computer.", "许可证已在另一台计算机上激活。")
        }
        Verdict::MachineLimit => (
            "The license is already in use on as many computers as it allows.",
            "许可证允许的设备数量已用完。",
        ),
        Verdict::ClockSuspect => ("The clock of this computer is wrong.", "本机时间不正确。"),
        Verdict::StatusStale => ("The license must be confirmed online.", "许可证需要联网确认状态。"),
        Verdict::Malformed => ("This is no license key for this product.", "这不是本产品的有效许可证密钥。"),
    };
    pick(locale, english, chinese)
}

pub(crate) fn of_air_gap(error: &AirGapError, locale: &str) -> String {
    let (english, chinese) = match error {
        AirGapError::NoLicense => (
            "There is no license on this computer: give a license key or claim code.",
            "本机没有许可证，请提供许可证密钥或激活码。",
        ),
        AirGapError::NotBound => (
            "This license needs no activation: paste the license key.",
            "此许可证无需激活，直接粘贴许可证密钥即可。",
        ),
        AirGapError::Refused(verdict) => (of_verdict(verdict, "en"), of_verdict(verdict, "zh")),
        AirGapError::NotForHere => (
            "This file answers the request of another computer, or one that was answered already. Make a new request here.",
            "此文件对应另一台计算机的请求，或该请求已被答复。请在本机重新生成请求。",
        ),
        AirGapError::GivenBack => (
            "This computer has given this license back. Make a new request here.",
            "本机已归还该许可证。如需使用，请在本机重新生成请求。",
        ),
        AirGapError::NotWritten(_) => (
            "The license folder cannot be written; nothing was changed.",
            "许可证目录无法写入，未做任何更改。",
        ),
        AirGapError::Damaged(damage) => return of_damage(damage.line, damage.fault, locale),
    };
    pick(locale, english, chinese).to_owned()
}

fn of_damage(line: usize, fault: ArmourFault, locale: &str) -> String {
    let (english, chinese) = match fault {
        ArmourFault::TooLong => ("The file is too long.", "文件过长。"),
        ArmourFault::Empty => ("There is no license text in the file.", "文件中没有许可证文本。"),
        ArmourFault::NotClosed => {
            ("A block of the file has no end; copy all of it.", "文件中有一段不完整，请完整复制。")
        }
        ArmourFault::Damaged => {
            ("The file was changed on the way; copy it again.", "文件在传递中被改动，请重新复制。")
        }
        ArmourFault::PartMissing => ("A part is missing; copy all of them.", "缺少其中一部分，请全部复制。"),
        ArmourFault::TooMany => ("There are too many parts in the file.", "文件包含的部分过多。"),
    };
    match (line, pick(locale, "en", "zh")) {
        (0, _) => pick(locale, english, chinese).to_owned(),
        (line, "zh") => format!("{chinese}（第 {line} 行）"),
        (line, _) => format!("{english} (line {line})"),
    }
}

pub(crate) fn of_meter_refusal(refusal: &MeterRefusal, locale: &str) -> &'static str {
    let (english, chinese) = match refusal {
        // Its verdict has words of its own.
        MeterRefusal::NotLicensed(_) => ("The license does not hold here.", "许可证在本机无效。"),
        MeterRefusal::NothingAsked => ("An amount must be more than zero.", "用量必须大于零。"),
        MeterRefusal::NoShare => (
            "This computer holds no quota for use offline yet; it must go online once.",
            "本机尚未获得可离线使用的配额，请联网一次。",
        ),
        MeterRefusal::Exhausted { .. } => (
            "The quota that this computer may use offline is used up; it must go online for more.",
            "本机可离线使用的配额已用完，请联网后再获取。",
        ),
        MeterRefusal::LedgerFull => (
            "Too much usage waits to be reported; this computer must go online.",
            "待上报的用量记录过多，请联网上报。",
        ),
        MeterRefusal::LedgerDamaged => (
            "The record of what was used on this computer is damaged; it must go online.",
            "本机的用量记录已损坏，请联网处理。",
        ),
        MeterRefusal::NotWritten(_) => (
            "The usage could not be written down, so it was not granted.",
            "用量无法写入本机，因此未予批准。",
        ),
    };
    pick(locale, english, chinese)
}

pub(crate) fn of_next_action(next: NextAction, locale: &str) -> &'static str {
    let (english, chinese) = match next {
        NextAction::PasteCurrentKey => {
            ("Paste the current license key or claim code.", "请粘贴当前的许可证密钥或激活码。")
        }
        NextAction::Renew => ("Renew the license.", "请续订许可证。"),
        NextAction::ReleaseAMachine => {
            ("Release a computer that no longer needs the license.", "请先释放一台不再使用该许可证的设备。")
        }
        NextAction::SetClock => ("Set date and time of this computer.", "请校正本机的日期和时间。"),
        NextAction::GoOnline => ("Connect to the internet and try again.", "请连接网络后重试。"),
        NextAction::ContactSeller => ("Contact the seller.", "请联系销售方。"),
        NextAction::Retry => ("Try again in a few minutes.", "请几分钟后重试。"),
    };
    pick(locale, english, chinese)
}

/// What is wrong, where, and what to do about it.
pub(crate) fn of_text_flaw(flaw: &TextFlaw, locale: &str) -> String {
    let is_chinese = pick(locale, "", "zh") == "zh";
    let part = flaw.part.map_or(pick(locale, "text", "内容"), |part| of_part(part, locale));
    let what = match flaw.fault {
        TextFault::ForeignCharacter(found) if is_chinese => format!("许可证密钥中不能出现字符“{found}”"),
        TextFault::ForeignCharacter(found) => {
            format!("The character {found:?} cannot stand in a license key")
        }
        TextFault::WrongLength { found } if is_chinese => {
            format!("许可证密钥的{part}应有 {SIGNATURE_CHARS} 个字符，实际有 {found} 个")
        }
        TextFault::WrongLength { found } => {
            format!("The {part} of the license key must have {SIGNATURE_CHARS} characters and has {found}")
        }
        TextFault::Damaged if is_chinese => format!("许可证密钥的{part}有字符出错、丢失或多余"),
        TextFault::Damaged => format!("In the {part} of the license key a character is wrong, lost or added"),
        TextFault::PartMissing if is_chinese => "许可证密钥不完整：应有以句点分隔的三个部分".to_owned(),
        TextFault::PartMissing => {
            "The license key is not whole: it has three parts with a full stop between them".to_owned()
        }
        TextFault::Empty => pick(locale, "There is no text", "没有内容").to_owned(),
        TextFault::TooLong => {
            pick(locale, "The text is too long for a license key", "内容过长，不是许可证密钥").to_owned()
        }
        TextFault::NoKey => pick(
            locale,
            "There is no license key, certificate or code in this text",
            "内容中没有许可证密钥、证书或激活码",
        )
        .to_owned(),
        TextFault::MistypedCode => pick(
            locale,
            "The claim code was mistyped: its characters do not fit together",
            "激活码输入有误：字符之间不相符",
        )
        .to_owned(),
        TextFault::Refused(code) => of_refused_text(code, locale).to_owned(),
    };
    let advice = match flaw.fault {
        TextFault::Refused(Code::WrongAudience | Code::WrongIssuer | Code::WrongEnvironment) => "",
        TextFault::MistypedCode => pick(locale, " Compare it with the original.", "请与原文核对。"),
        _ => pick(locale, " Copy the whole text again.", "请重新完整复制。"),
    };
    match (flaw.place, is_chinese) {
        (Some(place), true) => {
            format!("{what}（第 {} 行，第 {} 个字符）。{advice}", place.line, place.column)
        }
        (Some(place), false) => format!("{what} (line {}, character {}).{advice}", place.line, place.column),
        (None, true) => format!("{what}。{advice}"),
        (None, false) => format!("{what}.{advice}"),
    }
}

fn of_part(part: KeyPart, locale: &str) -> &'static str {
    let (english, chinese) = match part {
        KeyPart::Header => ("first part", "第一部分"),
        KeyPart::Content => ("middle part", "中间部分"),
        KeyPart::Signature => ("last part", "最后一部分"),
    };
    pick(locale, english, chinese)
}

/// A text that is whole in its form.
fn of_refused_text(code: Code, locale: &str) -> &'static str {
    let (english, chinese) = match code {
        Code::BadSignature => (
            "The signature does not fit: somewhere a character is another than it was, where cannot be told",
            "签名不符：有字符被改动，无法确定具体位置",
        ),
        Code::UnknownKey => (
            "The text was signed with a key that this software does not know: it is another seller's, newer than this software, or was changed on the way",
            "签名所用的密钥不为本软件所知：可能来自其他销售方、比本软件更新，或内容被改动",
        ),
        Code::WrongAudience => ("The license is for another product", "该许可证属于其他产品"),
        Code::WrongIssuer => ("The license is of another seller", "该许可证来自其他销售方"),
        Code::WrongEnvironment => (
            "A test license does not count here, nor a real one where tests are made",
            "测试许可证与正式许可证不能混用",
        ),
        _ => ("The text is no license that this software can read", "本软件无法读取该许可证"),
    };
    pick(locale, english, chinese)
}
