//! Every word of the customer's pages, in both languages: a word that is missing in one does not compile.

use crate::domain::LicenseState;
use crate::http::language::Language;
use license_token::armour::{ArmourError, ArmourFault};

macro_rules! words {
    ($($name:ident: $english:literal, $chinese:literal;)+) => {
        /// In one language.
        pub struct Words { $(pub $name: &'static str),+ }

        const ENGLISH: Words = Words { $($name: $english),+ };
        const CHINESE: Words = Words { $($name: $chinese),+ };

        #[cfg(test)]
        const PAIRS: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $chinese)),+];
    };
}

words! {
    title: "Your license", "我的许可证";
    other_language: "中文", "English";
    code: "License key, claim code or authorization code", "许可证密钥、激活码或授权码";
    code_hint: "It opens everything about this license: do not pass it on.", "凭此可查看和管理该许可证，请勿转发他人。";
    show: "Show the license", "查看许可证";
    offline: "A computer without network", "离线计算机";
    offline_hint: "Send the request file or the deactivation file that the software made on that computer. After a request you get a response file to carry back.", "提交软件在该计算机上生成的请求文件或停用文件。提交请求后会得到响应文件，请将其带回该计算机。";
    file: "The file", "选择文件";
    request: "Or its text, or the texts of its QR codes one after the other", "或粘贴文件内容，或依次粘贴各二维码的内容";
    send: "Send", "提交";
    spec: "What was bought", "规格";
    state: "State", "状态";
    ends: "Valid until", "有效期至";
    for_ever: "for ever", "永久有效";
    license_id: "License number", "许可证编号";
    quota: "Quota", "额度";
    metric: "What is counted", "计量项";
    left: "Left", "剩余";
    used: "Used", "已用";
    until: "Until", "截止";
    license_key: "License key", "许可证密钥";
    paste: "Paste this key into the software.", "请将此密钥粘贴到软件中。";
    key_file: "Download the key as a file", "下载密钥文件";
    list_file: "Download the status list for computers without network", "下载离线计算机使用的状态列表";
    qr: "The key as a QR code", "密钥二维码";
    no_key: "The license has not begun. Enter the claim code in the software.", "许可证尚未开始，请在软件中输入激活码。";
    machines: "Computers", "计算机";
    machine: "Computer", "计算机";
    unnamed: "Unnamed computer", "未命名计算机";
    since: "Since", "激活时间";
    seen: "Last seen", "最近续期";
    lease_ends: "Confirmed until", "确认有效至";
    release: "Release", "释放";
    release_title: "Release this computer?", "确定释放这台计算机吗？";
    release_hint: "Its place is free at once and another computer can take it. The software there stops at its next contact, at the latest when its confirmation ends.", "名额将立即空出，可供其他计算机使用。该计算机上的软件将在下次联网时停止，最迟在确认到期时停止。";
    release_now: "Release", "确定释放";
    released: "The computer was released.", "该计算机已释放。";
    back: "Back to the license", "返回许可证";
    response: "The response", "响应文件";
    response_hint: "Carry it back to the computer and give it to the software. It works on that computer only.", "请将其带回该计算机并导入软件。该响应仅适用于该计算机。";
    response_file: "Download the response file", "下载响应文件";
    response_text: "The response as text", "响应内容";
    response_codes: "The response as QR codes", "响应二维码";
    deactivated: "The computer was deactivated; its place is free.", "该计算机已停用，名额已空出。";
    nothing_sent: "Choose a file or paste its text.", "请选择文件或粘贴文件内容。";
    form_refused: "The form could not be read. Send it again.", "无法读取提交的内容，请重新提交。";
    another: "Another license", "查看其他许可证";
    later: "This did not work just now; nothing was changed. Please try again in a minute.", "暂时无法处理，未做任何更改，请稍后再试。";
    asking: "The marketplace is being asked about this code. Send it again in a few seconds.", "正在向云商店查询该授权码，请几秒后再次提交。";
    revoked: "withdrawn", "已吊销";
    given_back: "returned at the marketplace", "已退订";
    suspended: "suspended", "已暂停";
    expired: "expired", "已过期";
    pending: "not started", "未开始";
    active: "active", "有效";
    not_possible: "That is not possible with this license. Ask the seller.", "该许可证不支持此操作，请联系卖家。";
    too_long: "The file is too long to be a request.", "文件过长，不是有效的请求文件。";
    no_text: "There is no request in it. Choose the file that the software made.", "其中没有请求内容，请选择软件生成的文件。";
    not_closed: "It was not copied completely. Copy it again from the first line to the last.", "内容不完整，请从第一行到最后一行重新复制。";
    damaged: "It was changed on its way. Copy it again.", "内容在传递中被改动，请重新复制。";
    part_missing: "A part is missing. Send all of them together.", "缺少其中一部分，请一并提交全部内容。";
}

impl Words {
    /// In the reader's language.
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
        }
    }

    /// How a license stands.
    pub fn state(&self, state: LicenseState) -> &'static str {
        match state {
            LicenseState::Revoked => self.revoked,
            LicenseState::Released => self.given_back,
            LicenseState::Suspended => self.suspended,
            LicenseState::Expired => self.expired,
            LicenseState::Pending => self.pending,
            LicenseState::Active => self.active,
        }
    }
}

/// Where a file was damaged.
pub fn damage(error: ArmourError, language: Language) -> String {
    let words = Words::of(language);
    let what = match error.fault {
        ArmourFault::TooLong | ArmourFault::TooMany => words.too_long,
        ArmourFault::Empty => words.no_text,
        ArmourFault::NotClosed => words.not_closed,
        ArmourFault::Damaged => words.damaged,
        ArmourFault::PartMissing => words.part_missing,
    };
    match (error.line, language) {
        (0, _) => what.to_owned(),
        (line, Language::English) => format!("{what} (Line {line})"),
        (line, Language::Chinese) => format!("{what}（第 {line} 行）"),
    }
}

/// How many places are taken.
pub fn places(taken: usize, limit: Option<u32>, language: Language) -> String {
    match (language, limit) {
        (Language::English, Some(limit)) => format!("{taken} of {limit} in use"),
        (Language::English, None) => format!("{taken} in use, any number allowed"),
        (Language::Chinese, Some(limit)) => format!("已使用 {taken} 个名额，共 {limit} 个"),
        (Language::Chinese, None) => format!("已使用 {taken} 个名额，数量不限"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_its_own_language() {
        let is_chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
        for (name, english, chinese) in PAIRS {
            // The switch is written in the other language.
            let swapped = *name == "other_language";
            assert_eq!(is_chinese(english), swapped, "{name}: {english}");
            assert_eq!(is_chinese(chinese), !swapped, "{name}: {chinese}");
        }
    }
}
