//! The catalogue itself, and what strangers may have typed into a text that is looked up.

use proptest::prelude::*;
use std::collections::HashSet;

use super::{CATALOGUE, Form, Place, PlaceKind, Row, TABLES, in_chinese};

fn rows() -> impl Iterator<Item = Row> {
    TABLES.iter().copied().flatten().copied()
}

/// A row's English with these values in it.
fn told(english: &str, values: &[String]) -> String {
    let mut parts = english.split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (part, value) in parts.zip(values.iter().cycle()) {
        text.push_str(value);
        text.push_str(part);
    }
    text
}

#[test]
fn each_english_text_has_one_row() {
    let mut known = HashSet::new();
    let twice: Vec<_> =
        rows().map(|[english, _]| english).filter(|english| !known.insert(*english)).collect();
    assert!(twice.is_empty(), "these have two rows: {twice:?}");
}

#[test]
fn the_chinese_has_every_value_once_and_none_that_is_not_there() {
    for form in &CATALOGUE.forms {
        let mut used: Vec<usize> = Vec::new();
        for name in form.chinese.split('{').skip(1).filter_map(|piece| Some(piece.split_once('}')?.0)) {
            let Some(place) = Place::of(name) else { continue };
            used.push(place.number.unwrap_or(used.len()));
        }
        used.sort_unstable();
        let wanted: Vec<usize> = (0..form.parts.len() - 1).collect();
        assert_eq!(used, wanted, "{} / {}", form.parts.join("{}"), form.chinese);
    }
}

#[test]
fn the_chinese_is_chinese_and_has_the_marks_of_its_script() {
    for [english, chinese] in rows() {
        let letters: Vec<char> = chinese.chars().collect();
        let is_chinese = |at: usize| letters.get(at).is_some_and(|letter| super::is_chinese(*letter));
        let half_width = (0..letters.len())
            .filter(|at| ",;:?!()".contains(letters[*at]))
            .find(|at| is_chinese(at.wrapping_sub(1)) || is_chinese(at + 1));
        assert_eq!(half_width, None, "a mark of half width: {chinese}");
        assert!(
            !chinese.ends_with('。') && !english.ends_with('.'),
            "the stop is set where it is told: {chinese}"
        );
        let squeezed = letters.windows(2).any(|pair| {
            (super::is_chinese(pair[0]) && super::is_latin(pair[1]))
                || (super::is_latin(pair[0]) && super::is_chinese(pair[1]))
        });
        assert!(!squeezed, "no space beside Latin letters: {chinese}");
    }
}

#[test]
fn what_was_typed_has_room_beside_chinese_in_the_row_itself() {
    for form in &CATALOGUE.forms {
        for place in ["{}", "{0}", "{1}", "{2}", "{3}"] {
            let around: Vec<&str> = form.chinese.split(place).collect();
            let is_tight = around
                .windows(2)
                .any(|pair| pair[0].ends_with(super::is_chinese) || pair[1].starts_with(super::is_chinese));
            assert!(!is_tight, "no space beside {place}: {}", form.chinese);
        }
    }
}

#[test]
fn a_rule_is_told_in_chinese_with_what_was_formatted_in() {
    let cases = [
        ("a label has at most 255 bytes without control characters", "备注最多 255 字节，且不能包含控制字符"),
        (
            "the merchant id must be 1 to 64 lower-case letters, digits and inner hyphens",
            "商家编号须为 1 至 64 个小写字母、数字或位于中间的连字符",
        ),
        ("the order id must be `ord_` and 22 letters or digits", "订单号须为 `ord_` 加 22 个字母或数字"),
        (
            "`x y` will not do: a term is P1M, P1Y, PnM, PnY, PnD or permanent, with n from 1 to 1200; or write \"order\" to take it from the order",
            "`x y` 不可用：时长须为 P1M、P1Y、PnM、PnY、PnD 或 permanent，其中 n 为 1 至 1200；如需由订单决定，请写 \"order\"",
        ),
        ("there is no member `nome`; did you mean `name`?", "没有成员 `nome`；您是否要写 `name`？"),
        ("there is no product `cad`", "没有产品 `cad`"),
        ("must be a table, not true or false", "须为表，不能是 true 或 false"),
        (
            "clients may hold status lists that the key K has signed until T: retire it then",
            "客户端在 T 之前可能仍持有由密钥 K 签名的状态列表，请在此之后退役",
        ),
        (
            "only {claim_code} and {portal_url} are filled in; braces stand for nothing else",
            "只有 {claim_code} 和 {portal_url} 会被替换，花括号没有其他用途",
        ),
    ];
    for (english, chinese) in cases {
        assert_eq!(in_chinese(english).as_deref(), Some(chinese), "{english}");
    }
}

#[test]
fn what_has_no_row_is_not_guessed() {
    for text in [
        "",
        "no rule of ours",
        "a must be b",
        "`a` will not do: something else",
        "the widget id must be round",
    ] {
        assert_eq!(in_chinese(text), None, "{text}");
    }
}

/// Whether all that this row takes is taken as it stands.
fn takes_anything(form: &Form) -> bool {
    let names = form.chinese.split('{').skip(1).filter_map(|piece| Some(piece.split_once('}')?.0));
    names.filter_map(Place::of).all(|place| matches!(place.kind, PlaceKind::Value))
}

#[test]
fn each_row_is_the_one_that_is_found_for_its_own_text() {
    for form in CATALOGUE.forms.iter().filter(|form| takes_anything(form)) {
        let english = form.parts.join("{}");
        let values: Vec<String> = ["acme-1", "acme-2", "acme-3", "acme-4"].map(str::to_owned).to_vec();
        let text = told(&english, &values);
        let values: Vec<&str> = values.iter().map(String::as_str).take(form.parts.len() - 1).collect();
        assert_eq!(in_chinese(&text), form.filled(&values, 1), "{english}");
    }
}

/// What a stranger can type: also pieces of rows, places of values, and braces that never end.
fn typed() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static str> = CATALOGUE
        .forms
        .iter()
        .flat_map(|form| form.parts.clone())
        .chain([
            "{",
            "}",
            "{}",
            "{0}",
            "{1!}",
            "{9999999999999999999999}",
            "{?}",
            "`",
            "\"",
            "\u{0}",
            "。",
            "许可证",
            "license",
        ])
        .collect();
    let piece = prop_oneof![proptest::sample::select(pieces).prop_map(str::to_owned), ".{0,12}"];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_was_typed_into_a_rule_is_shown_as_it_is_and_breaks_nothing(
        row in 0_usize..1_000,
        values in proptest::collection::vec(typed(), 4),
    ) {
        let form = &CATALOGUE.forms[row % CATALOGUE.forms.len()];
        let text = told(&form.parts.join("{}"), &values);
        let found = in_chinese(&text);
        // Of this form it is in any case; another row may say more of it.
        let read = form.values(&text);
        prop_assert!(read.is_some(), "{text:?}");
        if takes_anything(form) {
            prop_assert!(found.is_some(), "{text:?}");
            let shown = form.filled(&read.unwrap_or_default(), 1).unwrap_or_default();
            let all_shown = form.values(&text).unwrap_or_default().iter().all(|value| shown.contains(value));
            prop_assert!(all_shown, "{text:?} is {shown:?}");
        }
    }

    #[test]
    fn any_text_at_all_can_be_looked_up(text in prop_oneof![typed(), any::<String>()]) {
        let _told = in_chinese(&text);
    }
}
