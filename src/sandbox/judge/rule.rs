//! Every rule that an answer is held to.

use crate::sandbox::family::Family;

/// How much a broken rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The marketplace refuses the answer, or a buyer or the merchant loses by it.
    Violation,
    /// It works, and could be better.
    Advice,
}

impl Severity {
    /// For reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Violation => "violation",
            Self::Advice => "advice",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    // The address
    AddressIsHttpsName,
    CertificateTrusted,
    TlsVersion,
    // The answer as HTTP
    AnswersAtAll,
    AnswersInTime,
    AnswersPromptly,
    HttpStatus200,
    NoRedirect,
    ContentTypeJson,
    // Its signature
    BodySignPresent,
    BodySignLetterCase,
    BodySignForm,
    BodySignRight,
    // Its body
    BodyJsonObject,
    ChineseOnlyInMemo,
    MemoEscaped,
    ResultCodePresent,
    ResultCodeDocumented,
    ResultCodeWhereItBelongs,
    ResultMsgPresent,
    ResultMsgLength,
    // What a purchase is answered
    InstanceIdPresent,
    InstanceIdLength,
    LicensePresent,
    FrontEndUrlPresent,
    UrlLength,
    MemoLength,
    SignInLength,
    SignInEncrypted,
    // What a query is answered
    QueryInfoPresent,
    QueryAnswersAll,
    UsageInfoComplete,
    // What is accepted and what is not
    DebuggingCallSucceeds,
    RightCallAccepted,
    UnknownMembersIgnored,
    VariationsAccepted,
    WrongSignatureRefused,
    StaleTimeRefused,
    StaleTimeRefusedV1,
    UnknownActivityAnswered,
    RefusalCode,
    // What holds from call to call
    SameOrderSameInstance,
    DifferentOrdersDifferentInstances,
    BusinessIdIsNoIdentity,
    LicenseStaysOnRepeat,
    MemoStaysOnRepeat,
    RepeatedReleaseSucceeds,
    PurchaseSettles,
}

/// What is fixed about a rule.
struct Row {
    id: &'static str,
    english: &'static str,
    chinese: &'static str,
    source: &'static str,
    families: &'static [Family],
    severity: Severity,
}

const EVERY: &[Family] = &Family::ALL;
/// Purchases are answered with an instance.
const INSTANCES: &[Family] = &[Family::SaasV2, Family::LicenseOnline, Family::LicenseV1, Family::SaasV1];
/// `queryInstance` is answered with what the buyer sees.
const SAAS: &[Family] = &[Family::SaasV2, Family::LicenseOnline, Family::SaasV1];
const SAAS_V1: &[Family] = &[Family::SaasV1];
const LICENSE_V1: &[Family] = &[Family::LicenseV1];
/// One address for many activities; the Kit has a path for each.
const ACTIVITIES: &[Family] =
    &[Family::SaasV2, Family::LicenseOnline, Family::LicenseCode, Family::LicenseV1, Family::SaasV1];
/// Their time has a documented tolerance.
const SIGNED_BY_TIME: &[Family] =
    &[Family::SaasV2, Family::LicenseOnline, Family::LicenseCode, Family::KitV2];
const AUTH_TOKEN: &[Family] = &[Family::LicenseV1, Family::SaasV1, Family::KitV1];

impl Rule {
    /// The whole table, in the order in which the report prints it.
    pub const ALL: [Self; 48] = [
        Self::AddressIsHttpsName,
        Self::CertificateTrusted,
        Self::TlsVersion,
        Self::AnswersAtAll,
        Self::AnswersInTime,
        Self::AnswersPromptly,
        Self::HttpStatus200,
        Self::NoRedirect,
        Self::ContentTypeJson,
        Self::BodySignPresent,
        Self::BodySignLetterCase,
        Self::BodySignForm,
        Self::BodySignRight,
        Self::BodyJsonObject,
        Self::ChineseOnlyInMemo,
        Self::MemoEscaped,
        Self::ResultCodePresent,
        Self::ResultCodeDocumented,
        Self::ResultCodeWhereItBelongs,
        Self::ResultMsgPresent,
        Self::ResultMsgLength,
        Self::InstanceIdPresent,
        Self::InstanceIdLength,
        Self::LicensePresent,
        Self::FrontEndUrlPresent,
        Self::UrlLength,
        Self::MemoLength,
        Self::SignInLength,
        Self::SignInEncrypted,
        Self::QueryInfoPresent,
        Self::QueryAnswersAll,
        Self::UsageInfoComplete,
        Self::DebuggingCallSucceeds,
        Self::RightCallAccepted,
        Self::UnknownMembersIgnored,
        Self::VariationsAccepted,
        Self::WrongSignatureRefused,
        Self::StaleTimeRefused,
        Self::StaleTimeRefusedV1,
        Self::UnknownActivityAnswered,
        Self::RefusalCode,
        Self::SameOrderSameInstance,
        Self::DifferentOrdersDifferentInstances,
        Self::BusinessIdIsNoIdentity,
        Self::LicenseStaysOnRepeat,
        Self::MemoStaysOnRepeat,
        Self::RepeatedReleaseSucceeds,
        Self::PurchaseSettles,
    ];

    /// Stable: reports are compared by it.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// What has to hold, in one sentence.
    pub fn english(self) -> &'static str {
        self.row().english
    }

    /// The same in Chinese.
    pub fn chinese(self) -> &'static str {
        self.row().chinese
    }

    /// The page that says so (`support.huaweicloud.com/accessg-marketplace/…`); `decision` where no page does.
    pub fn source(self) -> &'static str {
        self.row().source
    }

    /// For which families it holds.
    pub fn families(self) -> &'static [Family] {
        self.row().families
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        self.row().severity
    }

    fn row(self) -> Row {
        match self {
            Self::AddressIsHttpsName => Row {
                id: "address-is-https-name",
                english: "The production address is https with a domain name, not a bare IP address.",
                chinese: "生产地址必须是 https 且使用域名，不能是 IP 地址。",
                source: "zh-cn_topic_0070649475",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::CertificateTrusted => Row {
                id: "certificate-trusted",
                english: "The certificate is of a public CA, in date, and made out for the address's name.",
                chinese: "证书由公共 CA 签发、在有效期内，且与地址的域名一致。",
                source: "zh-cn_topic_0070649475",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::TlsVersion => Row {
                id: "tls-version",
                english: "TLS 1.2 or later is spoken.",
                chinese: "使用 TLS 1.2 或更高版本。",
                source: "zh-cn_topic_0070649475",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::AnswersAtAll => Row {
                id: "answers-at-all",
                english: "Every call is answered with one whole HTTP/1.1 answer.",
                chinese: "每次调用都得到一个完整的 HTTP/1.1 响应。",
                source: "0082027567",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::AnswersInTime => Row {
                id: "answers-in-time",
                english: "An answer is complete within 5 s of the call.",
                chinese: "在 5 秒内完成响应。",
                source: "zh-cn_topic_0070649475",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::AnswersPromptly => Row {
                id: "answers-promptly",
                english: "An answer that takes more than 2 s leaves little room for a slow day.",
                chinese: "响应超过 2 秒，网络稍慢就会超时。",
                source: "decision",
                families: EVERY,
                severity: Severity::Advice,
            },
            Self::HttpStatus200 => Row {
                id: "http-status-200",
                english: "The HTTP status is 200, also when the call is refused.",
                chinese: "HTTP 状态码为 200，拒绝调用时也一样。",
                source: "0082027567",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::NoRedirect => Row {
                id: "no-redirect",
                english: "The production address answers itself and redirects nowhere.",
                chinese: "生产地址直接响应，不做重定向。",
                source: "0082027567",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::ContentTypeJson => Row {
                id: "content-type-json",
                english: "Content-Type is application/json.",
                chinese: "Content-Type 为 application/json。",
                source: "en-us_topic_000034",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::BodySignPresent => Row {
                id: "body-sign-present",
                english: "The answer carries the header Body-Sign.",
                chinese: "响应带有 Body-Sign 头。",
                source: "zh-cn_topic_0070649067",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::BodySignLetterCase => Row {
                id: "body-sign-letter-case",
                english: "The header's name is Body-Sign in exactly this letter case.",
                chinese: "响应头名称必须是 Body-Sign，大小写完全一致。",
                source: "0082027567",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::BodySignForm => Row {
                id: "body-sign-form",
                english: "Body-Sign reads sign_type=\"HMAC-SHA256\", signature=\"…\" with both values in double quotes.",
                chinese: "Body-Sign 的格式为 sign_type=\"HMAC-SHA256\", signature=\"…\"，两个值都带双引号。",
                source: "zh-cn_topic_0070649067",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::BodySignRight => Row {
                id: "body-sign-right",
                english: "The signature is HMAC-SHA256 with the access key over the exact bytes of the body.",
                chinese: "签名是用密钥对响应体原始字节计算的 HMAC-SHA256。",
                source: "zh-cn_topic_0070649067",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::BodyJsonObject => Row {
                id: "body-json-object",
                english: "The body is one JSON object in UTF-8.",
                chinese: "响应体是一个 UTF-8 编码的 JSON 对象。",
                source: "zh-cn_topic_0070649475",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::ChineseOnlyInMemo => Row {
                id: "chinese-only-in-memo",
                english: "Only memo holds characters beyond ASCII.",
                chinese: "除 memo 外，响应中不得出现中文等非 ASCII 字符。",
                source: "zh-cn_topic_0070649428",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::MemoEscaped => Row {
                id: "memo-escaped",
                english: "Characters beyond ASCII in memo are written as \\uXXXX.",
                chinese: "memo 中的中文写成 \\uXXXX。",
                source: "zh-cn_topic_0070649428",
                families: INSTANCES,
                severity: Severity::Advice,
            },
            Self::ResultCodePresent => Row {
                id: "result-code-present",
                english: "resultCode is there, as a text.",
                chinese: "返回字符串类型的 resultCode。",
                source: "0082027567",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::ResultCodeDocumented => Row {
                id: "result-code-documented",
                english: "resultCode is one of the documented codes of six digits.",
                chinese: "resultCode 是文档列出的六位结果码之一。",
                source: "zh-cn_topic_0070649421",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::ResultCodeWhereItBelongs => Row {
                id: "result-code-where-it-belongs",
                english: "A code is given only where it belongs: 000003 to no new purchase, 0001xx only to one, 0009xx only to getLicenseAsync.",
                chinese: "结果码只用在对应接口：新购不返回 000003，0001xx 只用于新购，0009xx 只用于 getLicenseAsync。",
                source: "zh-cn_topic_0070649288",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::ResultMsgPresent => Row {
                id: "result-msg-present",
                english: "resultMsg is there, as a text.",
                chinese: "返回字符串类型的 resultMsg。",
                source: "0082027567",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::ResultMsgLength => Row {
                id: "result-msg-length",
                english: "resultMsg has at most 255 characters.",
                chinese: "resultMsg 最长 255 个字符。",
                source: "zh-cn_topic_0070649427",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::InstanceIdPresent => Row {
                id: "instance-id-present",
                english: "A new purchase is answered with an instanceId.",
                chinese: "新购接口返回 instanceId。",
                source: "en-us_topic_000034",
                families: INSTANCES,
                severity: Severity::Violation,
            },
            Self::InstanceIdLength => Row {
                id: "instance-id-length",
                english: "instanceId has at most 64 characters.",
                chinese: "instanceId 最长 64 个字符。",
                source: "zh-cn_topic_0070649427",
                families: INSTANCES,
                severity: Severity::Violation,
            },
            Self::LicensePresent => Row {
                id: "license-present",
                english: "getLicense is answered with the license.",
                chinese: "getLicense 返回 license。",
                source: "zh-cn_topic_0070649153",
                families: LICENSE_V1,
                severity: Severity::Violation,
            },
            Self::FrontEndUrlPresent => Row {
                id: "front-end-url-present",
                english: "appInfo names its frontEndUrl; newInstance of SaaS 1.0 is answered with one.",
                chinese: "appInfo 中必须有 frontEndUrl；SaaS 1.0 的 newInstance 必须返回它。",
                source: "en-us_topic_000034",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::UrlLength => Row {
                id: "url-length",
                english: "frontEndUrl, adminUrl and dashboardUrl have at most 512 characters.",
                chinese: "frontEndUrl、adminUrl、dashboardUrl 最长 512 个字符。",
                source: "zh-cn_topic_0070649428",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::MemoLength => Row {
                id: "memo-length",
                english: "memo has at most 1,024 characters.",
                chinese: "memo 最长 1024 个字符。",
                source: "zh-cn_topic_0070649428",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::SignInLength => Row {
                id: "sign-in-length",
                english: "userName and password have at most 128 characters; where they are encrypted, the cipher text with its IV counts.",
                chinese: "userName、password 最长 128 个字符；加密时按含 IV 的密文计算。",
                source: "zh-cn_topic_0070649428",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::SignInEncrypted => Row {
                id: "sign-in-encrypted",
                english: "userName and password of SaaS 1.0 are an IV of 16 letters and digits and the Base64 of AES-CBC blocks.",
                chinese: "SaaS 1.0 的 userName、password 由 16 位字母数字 IV 加 AES-CBC 密文的 Base64 组成。",
                source: "zh-cn_topic_0070649013",
                families: SAAS_V1,
                severity: Severity::Violation,
            },
            Self::QueryInfoPresent => Row {
                id: "query-info-present",
                english: "queryInstance is answered with info, an array whose entries name their instanceId.",
                chinese: "queryInstance 返回 info 数组，每项都有 instanceId。",
                source: "zh-cn_topic_0070649428",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::QueryAnswersAll => Row {
                id: "query-answers-all",
                english: "info has an entry for each instance that was asked for.",
                chinese: "info 覆盖所查询的每个实例。",
                source: "zh-cn_topic_0070649428",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::UsageInfoComplete => Row {
                id: "usage-info-complete",
                english: "Each entry of usageInfo has usageValue (at most 4 decimals) and statisticalTime (yyyyMMddHHmmssSSS).",
                chinese: "usageInfo 每项都有 usageValue（最多 4 位小数）和 statisticalTime（yyyyMMddHHmmssSSS）。",
                source: "en-us_topic_000034",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::DebuggingCallSucceeds => Row {
                id: "debugging-call-succeeds",
                english: "A debugging call (testFlag=1) succeeds whatever instance it names, as often as it comes.",
                chinese: "调试调用（testFlag=1）无论实例 ID 为何、重复多少次都返回成功。",
                source: "zh-cn_topic_0070649414",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::RightCallAccepted => Row {
                id: "right-call-accepted",
                english: "A call that is right is answered 000000, or 000004 while the work goes on.",
                chinese: "正确的调用返回 000000，处理中返回 000004。",
                source: "0082027567",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::UnknownMembersIgnored => Row {
                id: "unknown-members-ignored",
                english: "A member that no page names is ignored: the marketplace adds some now and then.",
                chinese: "忽略文档未列出的参数，云商店可能新增参数。",
                source: "zh-cn_topic_0070649066",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::VariationsAccepted => Row {
                id: "variations-accepted",
                english: "What the documents write in more than one way is understood: order of members, times of 14 or 17 digits, a blank for a + in authToken, absent optional members, a time within the tolerance.",
                chinese: "文档中的各种写法都能识别：参数顺序、14 或 17 位时间、authToken 中 + 变空格、缺少可选参数、时间偏差在容差内。",
                source: "zh-cn_topic_0070649248",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::WrongSignatureRefused => Row {
                id: "wrong-signature-refused",
                english: "A call without a signature, or signed with another key, is refused.",
                chinese: "没有签名或签名错误的调用必须被拒绝。",
                source: "zh-cn_topic_0070649475",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::StaleTimeRefused => Row {
                id: "stale-time-refused",
                english: "A call whose time is off by more than 60 s is refused.",
                chinese: "时间偏差超过 60 秒的调用必须被拒绝。",
                source: "zh-cn_topic_0070649248",
                families: SIGNED_BY_TIME,
                severity: Severity::Violation,
            },
            Self::StaleTimeRefusedV1 => Row {
                id: "stale-time-refused-v1",
                english: "A call whose timeStamp is hours old is refused; the documents state no tolerance.",
                chinese: "timeStamp 相差数小时的调用应被拒绝；文档未规定容差。",
                source: "decision",
                families: AUTH_TOKEN,
                severity: Severity::Advice,
            },
            Self::UnknownActivityAnswered => Row {
                id: "unknown-activity-answered",
                english: "An unknown activity is refused with HTTP 200 and a result code, never with 404.",
                chinese: "未知的 activity 以 HTTP 200 和结果码拒绝，不返回 404。",
                source: "0082027567",
                families: ACTIVITIES,
                severity: Severity::Violation,
            },
            Self::RefusalCode => Row {
                id: "refusal-code",
                english: "A refusal has the code that names its cause: 000001 for a signature, 000002 for a time or an activity.",
                chinese: "拒绝时使用对应结果码：签名错误 000001，时间或 activity 错误 000002。",
                source: "zh-cn_topic_0070649421",
                families: EVERY,
                severity: Severity::Advice,
            },
            Self::SameOrderSameInstance => Row {
                id: "same-order-same-instance",
                english: "The same order (and line) gets the same instanceId, however often it comes.",
                chinese: "同一订单（行）无论调用多少次都返回相同的 instanceId。",
                source: "zh-cn_topic_0070649427",
                families: INSTANCES,
                severity: Severity::Violation,
            },
            Self::DifferentOrdersDifferentInstances => Row {
                id: "different-orders-different-instances",
                english: "Different orders get different instanceIds.",
                chinese: "不同订单的 instanceId 不同。",
                source: "zh-cn_topic_0070649427",
                families: INSTANCES,
                severity: Severity::Violation,
            },
            Self::BusinessIdIsNoIdentity => Row {
                id: "business-id-is-no-identity",
                english: "businessId changes with every call and identifies nothing.",
                chinese: "businessId 每次调用都不同，不能用作幂等标识。",
                source: "zh-cn_topic_0070649427",
                families: INSTANCES,
                severity: Severity::Violation,
            },
            Self::LicenseStaysOnRepeat => Row {
                id: "license-stays-on-repeat",
                english: "A mere repeat gets the same license, letter by letter.",
                chinese: "仅仅重复调用时 license 不变。",
                source: "zh-cn_topic_0070649153",
                families: LICENSE_V1,
                severity: Severity::Violation,
            },
            Self::MemoStaysOnRepeat => Row {
                id: "memo-stays-on-repeat",
                english: "What memo shows of an instance, such as a key, does not change by a mere repeat.",
                chinese: "仅仅重复调用时，实例 memo 中的内容（如密钥）不变。",
                source: "decision",
                families: SAAS,
                severity: Severity::Violation,
            },
            Self::RepeatedReleaseSucceeds => Row {
                id: "repeated-release-succeeds",
                english: "A release that comes again succeeds.",
                chinese: "重复的释放调用返回成功。",
                source: "zh-cn_topic_0070649431",
                families: EVERY,
                severity: Severity::Violation,
            },
            Self::PurchaseSettles => Row {
                id: "purchase-settles",
                english: "A purchase that was taken (000004) becomes an instance soon.",
                chinese: "已受理（000004）的购买应尽快开通。",
                source: "zh-cn_topic_0070649282",
                families: INSTANCES,
                severity: Severity::Advice,
            },
        }
    }
}
