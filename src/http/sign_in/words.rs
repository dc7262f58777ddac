//! Every word around signing in, in both languages: a word that is missing in one does not compile.

use crate::http::language::Language;

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
    title: "Sign in", "登录";
    other_language: "中文", "English";
    token: "API token", "API 令牌";
    token_hint: "It begins with lictor_ and is not kept in the browser. Who has a sign-in link needs none; the command “lictor login” makes one.", "以 lictor_ 开头，浏览器不会保存。若有登录链接则无需令牌，可用命令“lictor login”生成链接。";
    sign_in: "Sign in", "登录";
    name: "Name", "名称";
    merchant: "Merchant", "商家";
    scopes: "May do", "权限";
    link_hint: "This link works once. Everything you do is recorded under this name.", "此链接仅可使用一次，您的所有操作都将以此名称记录。";
    link_gone: "This link has been used, has expired, or was never one. Ask for a new one.", "此链接已使用、已过期或无效，请索取新的链接。";
    token_refused: "This is not a token that is valid now. Check that it was copied completely, or ask for a new one.", "此令牌当前无效。请确认已完整复制，或索取新的令牌。";
    token_missing: "Enter a token.", "请输入令牌。";
    not_https: "The token came over a connection that others can read. Use an address that begins with https://, or 127.0.0.1 on the server itself; and have this token replaced.", "令牌经由他人可窃听的连接发送。请使用以 https:// 开头的地址，或在服务器本机使用 127.0.0.1，并更换该令牌。";
    slowed: "Too many attempts failed from here. Wait a minute, then try again.", "失败次数过多，请等待一分钟后重试。";
    other_site: "Another site has sent this form. Sign in on this page.", "该请求来自其他网站，请在本页登录。";
    form_refused: "The form could not be read. Send it again.", "无法读取提交的内容，请重新提交。";
    signed_in: "You are signed in", "您已登录";
    go_on: "Go on", "继续";
    sign_out: "Sign out", "退出登录";
    sign_out_everywhere: "Sign out everywhere", "在所有设备上退出";
    everywhere_hint: "Everywhere: in each browser that is signed in under this name.", "将退出所有以此名称登录的浏览器。";
    which_merchant: "Which merchant?", "请选择商家";
    no_merchant: "There is no merchant yet. Apply a file that names one: lictor apply FILE", "尚无商家。请应用定义商家的文件：lictor apply FILE";
    merchant_gone: "There is no such merchant. Choose one of these.", "没有此商家，请从列表中选择。";
    not_done: "Nothing was changed", "未做任何更改";
    foreign_form: "This form belongs to another session: you have signed in again since, or another site has sent it. Go back, load the page anew, and send it again.", "该表单属于其他会话：您已重新登录，或该请求来自其他网站。请返回、重新加载页面后再次提交。";
    back: "To the console", "前往控制台";
    later: "This did not work just now; nothing was changed. Please try again in a minute.", "暂时无法处理，未做任何更改，请稍后再试。";
}

impl Words {
    /// In the reader's language.
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
        }
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
