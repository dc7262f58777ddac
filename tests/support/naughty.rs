//! Texts that break programs: a public list of them, and what is particular to spreadsheets and terminals.

/// All of them.
pub fn naughty_strings() -> Vec<String> {
    let list = include_str!("../vectors/naughty-strings/blns.json");
    let mut texts: Vec<String> = serde_json::from_str(list).expect("a list of texts");
    let own = [
        "=1+1",
        "=HYPERLINK(\"http://evil.example\",\"x\")",
        "+1",
        "-1",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1,1)",
        "'=1",
        "''=1",
        "'",
        "＝1＋1",
        "\t=1",
        "\r=1",
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31m",
        "\u{202e}evil",
        "\u{2066}a\u{2069}",
        "\u{feff}bom",
        "a,b",
        "\"quoted\"",
        "line\nbreak",
        " leading",
        "trailing ",
        "深圳 华为",
        "a\u{2028}b",
        "null",
        "\\u0041",
        "%s%n",
        "--help",
        "é e\u{301}",
    ];
    texts.extend(own.map(str::to_owned));
    texts
}

/// Whether a label may say this: at most 255 bytes, no control characters. Anything else is refused, never changed.
pub fn is_label(text: &str) -> bool {
    text.len() <= 255 && !text.chars().any(char::is_control)
}

/// Whether a customer may be called this: 1 to 128 visible ASCII characters.
pub fn is_customer(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a reason may say this: at most 1,000 bytes; of control characters line feeds only.
pub fn is_reason(text: &str) -> bool {
    text.len() <= 1_000 && !text.chars().any(|letter| letter.is_control() && letter != '\n')
}

/// The big list in as many texts as it fills, each of at most so many bytes.
pub fn joined(max_bytes: usize, between: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut all, mut joining) = (Vec::new(), String::new());
    for text in naughty_strings().iter().filter(|text| fits(text) && text.len() <= max_bytes) {
        if joining.len() + between.len() + text.len() > max_bytes {
            all.push(std::mem::take(&mut joining));
        }
        joining = if joining.is_empty() { text.clone() } else { format!("{joining}{between}{text}") };
    }
    all.push(joining);
    all.retain(|text| !text.is_empty());
    all
}
