//! Every word of the page's frame, in both languages: a word that is missing in one does not compile.

use crate::http::language::Language;

macro_rules! words {
    ($($name:ident: $english:literal, $chinese:literal;)+) => {
        /// In one language.
        pub struct Words { $(pub $name: &'static str),+ }

        const ENGLISH: Words = Words { $($name: $english),+ };
        const CHINESE: Words = Words { $($name: $chinese),+ };
    };
}

words! {
    title: "lictor: the API", "lictor API 文档";
    other_language: "中文", "English";
    lead: "Every operation, made from the same description that programs read:", "本页列出全部接口，内容由供程序读取的同一份描述生成：";
    contents: "Contents", "目录";
    token: "API token, or license key", "API 令牌或许可证密钥";
    token_hint: "It stays in this field and is sent only to this server, with the requests that you send from this page.", "仅保留在此输入框中，只随您在本页发出的请求发送给本服务器。";
    merchant: "Merchant (for operators)", "商家（仅运营方需要填写）";
    credential: "Credential", "凭证";
    nobody_asks: "none", "无需凭证";
    scope: "Scope", "权限范围";
    parameters: "Parameters", "参数";
    name: "Name", "名称";
    place: "Where", "位置";
    shape: "Shape", "类型";
    meaning: "Meaning", "说明";
    body: "Body (JSON)", "请求正文（JSON）";
    optional: "(may be left out)", "（可省略）";
    answers: "Answers", "响应";
    status: "Status", "状态码";
    try_it: "Try it", "试用";
    send: "Send", "发送";
    shapes: "Shapes", "数据类型";
    always_there: "required in requests, always there in answers", "请求中必填，响应中始终存在";
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
        }
    }
}
