//! What a check of a production address found, in words that say what to do next, in both languages.

use super::language::Language;
use super::reply::instant;
use super::wording::rule;
use crate::application::CheckFinding;

/// One finding as a sentence.
pub fn reason(finding: &CheckFinding, language: Language) -> String {
    let [english, chinese] = words(finding);
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

fn both(english: impl Into<String>, chinese: impl Into<String>) -> [String; 2] {
    [english.into(), chinese.into()]
}

fn chinese(why: &str) -> String {
    rule(why, Language::Chinese)
}

/// A table: one row per finding.
fn words(finding: &CheckFinding) -> [String; 2] {
    match finding {
        CheckFinding::KeyUsable => both("an access key for callbacks is there", "已配置用于回调的密钥"),
        CheckFinding::KeyMissing => both(
            "the channel has no access key for callbacks: add one under access_keys and apply the file",
            "该渠道没有用于回调的密钥：请在 access_keys 中添加并重新应用配置文件",
        ),
        CheckFinding::KeyUnusable(why) => both(
            format!("the access key cannot be used: {why}; give the server this secret"),
            format!("无法使用密钥：{}；请为服务器提供该密钥", chinese(why)),
        ),
        CheckFinding::AddressRight => both("https with a domain name", "https 域名地址"),
        CheckFinding::AddressWithoutTls => both(
            "the address is not https: set LICTOR_PUBLIC_URL to https://YOUR.NAME, and have TLS served there",
            "地址不是 https：请将 LICTOR_PUBLIC_URL 设为 https://您的域名，并在该地址提供 TLS",
        ),
        CheckFinding::AddressIsNumber => both(
            "the address is a bare IP address: the marketplace takes domain names only; set LICTOR_PUBLIC_URL to one",
            "地址是 IP：云商店只接受域名，请将 LICTOR_PUBLIC_URL 设为域名",
        ),
        CheckFinding::AddressIsLocal => both(
            "only this machine can reach the address: set LICTOR_PUBLIC_URL to https://YOUR.NAME",
            "该地址只有本机能访问：请将 LICTOR_PUBLIC_URL 设为 https://您的域名",
        ),
        CheckFinding::Reached => both("the address takes connections", "地址可以连接"),
        CheckFinding::NameUnknown(why) => both(
            format!("the name is not found: {why}; make a DNS record for it"),
            format!("域名无法解析：{why}；请添加 DNS 解析记录"),
        ),
        CheckFinding::NoConnection(why) => both(
            format!(
                "no connection from this server to its own address: {why}; check the firewall, the port and the proxy, and \
                 whether the network lets a server reach its own public address"
            ),
            format!(
                "本服务器无法连接自己的公网地址：{why}；请检查防火墙、端口和代理，以及网络是否允许服务器访问自己的公网地址"
            ),
        ),
        CheckFinding::TlsRight { version } => both(version.clone(), version.clone()),
        CheckFinding::TlsFailed(why) => both(
            format!("TLS 1.2 or later cannot be agreed on: {why}; check what serves TLS at this address"),
            format!("无法建立 TLS 1.2 及以上连接：{why}；请检查该地址的 TLS 配置"),
        ),
        CheckFinding::CertificateRight { ends_at } => match ends_at {
            Some(end) => both(
                format!("of a public authority, for this name, until {}", instant(*end)),
                format!("由公共 CA 签发、域名匹配，有效期至 {}", instant(*end)),
            ),
            None => both("of a public authority and for this name", "由公共 CA 签发且域名匹配"),
        },
        CheckFinding::CertificateEndsSoon { ends_at } => both(
            format!("the certificate ends at {}: renew it now", instant(*ends_at)),
            format!("证书将于 {} 到期：请立即更新", instant(*ends_at)),
        ),
        CheckFinding::CertificateUnknownIssuer { alone: true } => both(
            "no public authority stands behind the certificate, and none between was sent along: serve the whole chain \
             (fullchain), or get a certificate of a public authority",
            "证书无法追溯到公共 CA，且未发送中间证书：请使用完整证书链（fullchain），或换用公共 CA 签发的证书",
        ),
        CheckFinding::CertificateUnknownIssuer { alone: false } => both(
            "no public authority stands behind the certificate: get one of a public authority",
            "证书无法追溯到公共 CA：请换用公共 CA 签发的证书",
        ),
        CheckFinding::CertificateExpired { at } => both(
            format!("the certificate ended at {}: renew it", instant(*at)),
            format!("证书已于 {} 过期：请更新", instant(*at)),
        ),
        CheckFinding::CertificateNotYetValid { from } => both(
            format!(
                "the certificate begins at {}: check the clock of this server, or use the one before",
                instant(*from)
            ),
            format!("证书自 {} 起才生效：请检查本服务器时钟，或先使用之前的证书", instant(*from)),
        ),
        CheckFinding::CertificateWrongName { names } => both(
            format!("the certificate is made out for {}: get one for this name", names.join(", ")),
            format!("证书的域名是 {}：请换用本域名的证书", names.join("、")),
        ),
        CheckFinding::CertificateUnverified(why) => both(
            format!("the certificate cannot be verified: {why}; get one of a public authority"),
            format!("证书无法验证：{why}；请换用公共 CA 签发的证书"),
        ),
        CheckFinding::HeaderCaseRight => both("Body-Sign arrives letter by letter", "Body-Sign 大小写正确"),
        CheckFinding::Http2Taken => both(
            "HTTP/2 is offered, which writes every header name in lower case: offer http/1.1 only for this address, in the \
             server or in the proxy before it",
            "该地址提供 HTTP/2，其响应头名称全为小写：请在服务器或前置代理上对该地址只启用 http/1.1",
        ),
        CheckFinding::HeaderCaseWrong(example) => both(
            format!("{example}: have the proxy keep the letter case of header names"),
            format!("{example}：请让代理保留响应头名称的大小写"),
        ),
        CheckFinding::InTime { slowest } => both(
            format!("the slowest answer took {} ms", slowest.as_millis()),
            format!("最慢响应 {} 毫秒", slowest.as_millis()),
        ),
        CheckFinding::Slow { slowest } => both(
            format!(
                "the slowest answer took {} ms of the 5 s allowed: look at what lies between",
                slowest.as_millis()
            ),
            format!("最慢响应 {} 毫秒，上限 5 秒：请检查中间链路", slowest.as_millis()),
        ),
        CheckFinding::TooSlow { slowest } => both(
            format!(
                "no answer within 5 s ({} ms): look at the proxy and at the server's load",
                slowest.as_millis()
            ),
            format!("5 秒内没有响应（{} 毫秒）：请检查代理和服务器负载", slowest.as_millis()),
        ),
        CheckFinding::RulesHold { calls } => both(
            format!("{calls} debugging calls were answered as the marketplace wants it"),
            format!("{calls} 次调试调用的响应均符合云商店要求"),
        ),
        CheckFinding::RuleBroken { rule, source, english, chinese, example, .. } => both(
            format!("{rule} ({source}): {english} {example}. See `lictor channel calls`"),
            format!("{rule}（{source}）：{chinese}{example}。请查看 `lictor channel calls`"),
        ),
        CheckFinding::OrderQueryRight => both("the mock order was read", "已读取模拟订单"),
        CheckFinding::OrderQueryNotNeeded => {
            both("not needed: the calls of this protocol carry the order", "不需要：该协议的调用自带订单信息")
        }
        CheckFinding::OrderQueryNotConfigured => both(
            "the channel has no open_api: without it no order can be asked for; add its AK/SK and apply the file",
            "该渠道没有配置 open_api，无法查询订单：请添加 AK/SK 并重新应用配置文件",
        ),
        CheckFinding::OrderQueryRefused(why) => both(
            format!(
                "the marketplace refused the order query: {why}; check base_url, AK/SK and whether they may call it"
            ),
            format!("无法查询订单：{}；请检查 base_url、AK/SK 及其权限", chinese(why)),
        ),
        CheckFinding::OrderQueryUnavailable(why) => both(
            format!(
                "the order query got no answer: {why}; check base_url and whether this server may connect there"
            ),
            format!("订单查询没有响应：{}；请检查 base_url 以及服务器能否访问该地址", chinese(why)),
        ),
        CheckFinding::MockOrderUnknown => both(
            "the marketplace answered and does not know its mock order: real orders tell more",
            "云商店有响应但不认识模拟订单：请以真实订单为准",
        ),
        CheckFinding::ClockRight { ahead_secs } => both(
            format!("{} the marketplace's", english_skew(*ahead_secs)),
            format!("与云商店时钟{}", chinese_skew(*ahead_secs)),
        ),
        CheckFinding::ClockOff { ahead_secs } => both(
            format!(
                "{} the marketplace's, 60 s are allowed: have the clock set by NTP",
                english_skew(*ahead_secs)
            ),
            format!("与云商店时钟{}，上限 60 秒：请启用 NTP 校时", chinese_skew(*ahead_secs)),
        ),
        CheckFinding::ClockFarOff { ahead_secs } => both(
            format!(
                "{} the marketplace's: calls will be refused as stale; set the clock by NTP",
                english_skew(*ahead_secs)
            ),
            format!("与云商店时钟{}：调用会因时间过期被拒绝，请启用 NTP 校时", chinese_skew(*ahead_secs)),
        ),
        CheckFinding::ClockUnknown => both(
            "no answer of the marketplace to compare the clock with: have the clock set by NTP",
            "没有云商店的响应可供比对时钟：请启用 NTP 校时",
        ),
        CheckFinding::NotLookedAt => {
            both("not looked at: repair what failed above first", "未检查：请先修复上面失败的项目")
        }
        CheckFinding::NoRules => both(
            "not judged: the rules are KooGallery's, and this channel speaks another protocol",
            "未检查：规则属于云商店，该渠道使用其他协议",
        ),
        CheckFinding::ClockNotNeeded => both(
            "not compared: the channel has no open_api to ask for the time; have the clock set by NTP",
            "未比对：该渠道没有可供查询时间的 open_api；请启用 NTP 校时",
        ),
        CheckFinding::Unfinished => both(
            "the time for the whole check was over: something does not answer; try again",
            "检查超时：有服务没有响应，请重试",
        ),
    }
}

fn english_skew(ahead_secs: i64) -> String {
    let secs = ahead_secs.unsigned_abs();
    if ahead_secs < 0 {
        format!("this clock is {secs} s behind")
    } else {
        format!("this clock is {secs} s ahead of")
    }
}

fn chinese_skew(ahead_secs: i64) -> String {
    let secs = ahead_secs.unsigned_abs();
    if ahead_secs < 0 { format!("相差：慢 {secs} 秒") } else { format!("相差：快 {secs} 秒") }
}
