//! Whoever reads Chinese is refused in Chinese: the rule itself, with what was formatted in.

use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::api::{Answer, Api};
use crate::support::people::{command, issue};

fn reader(harness: &Harness) -> Api {
    harness.merchant().with("Accept-Language", "zh-CN,zh;q=0.9,en;q=0.5")
}

#[track_caller]
fn says(refused: Answer, pointer: Option<&str>, reason: &str) {
    assert_eq!(refused.text_at("/reason"), reason, "{refused:?}");
    assert_eq!(refused.header("content-language"), Some("zh-CN"));
    assert_eq!(refused.at("/pointer").as_str(), pointer, "{refused:?}");
}

#[test]
fn a_member_that_breaks_a_rule_is_told_by_the_rule_in_chinese() {
    let harness = Harness::start();
    let api = reader(&harness);
    let order = |member: &str, value: Value| {
        let mut order = json!({ "product": "acme-cad", "spec": "cad-year" });
        order[member] = value;
        api.post("/v1/merchant/licenses", &order).expect_problem(422, "invalid_request")
    };
    let cases = [
        ("label", json!("x".repeat(300)), "备注最多 255 字节，且不能包含控制字符。"),
        ("quantity", json!(0), "数量须为 1 至 100000。"),
        ("term", json!("P0Y"), "时长须为 P1M、P1Y、PnM、PnY、PnD 或 permanent，其中 n 为 1 至 1200。"),
        ("customer", json!("a b"), "客户编号须为 1 至 128 个可见 ASCII 字符。"),
        ("spec", json!("cad-{}-{0}-许可证"), "规格编号须为 1 至 64 个字母、数字、点、下划线或连字符。"),
        ("spec", json!("cad-nothing"), "该产品没有这个规格。"),
        ("label", json!(7), "类型不符：应为字符串，不能是整数 `7`。"),
    ];
    for (member, value, reason) in cases {
        says(order(member, value), Some(&format!("/{member}")), reason);
    }
    let limit = api.get("/v1/merchant/licenses?limit=0").expect_problem(422, "invalid_request");
    says(limit, Some("/limit"), "limit 须为 1 至 200 的整数。");
}

#[test]
fn what_a_stranger_typed_is_shown_as_it_was_typed() {
    let harness = Harness::start();
    for typed in ["{0}", "{}` `{1!}", "license", "许可证", "a\u{0}。"] {
        let mut order = json!({ "product": "acme-cad", "spec": "cad-year" });
        order[typed] = json!(1);
        let refused = reader(&harness).post("/v1/merchant/licenses", &order);
        let reason = refused.expect_problem(422, "invalid_request").text_at("/reason");
        assert!(reason.starts_with(&format!("没有成员 `{typed}")), "{typed}: {reason}");
        assert!(!reason.contains("unknown field"), "{typed}: {reason}");
    }
}

#[test]
fn what_is_missing_and_what_the_state_forbids_is_told_in_chinese() {
    let harness = Harness::start();
    let api = reader(&harness);
    let absent = api.get("/v1/merchant/licenses/lic_0000000000000000000000");
    says(absent.expect_problem(404, "not_found"), None, "该许可证不存在。");
    let absent = api.get("/v1/merchant/webhooks/whk_0000000000000000000000");
    says(absent.expect_problem(404, "not_found"), None, "该推送地址不存在。");
    let license = issue(&harness, "cad-year").text_at("/id");
    command(&harness, &license, "revoke", &json!({ "reason": "fraud" })).expect(200);
    let resumed = api.post(&format!("/v1/merchant/licenses/{license}/resume"), &json!({}));
    says(resumed.expect_problem(409, "illegal_state"), None, "已吊销或已释放的许可证不能恢复。");
    let forever = issue(&harness, "cad-forever").text_at("/id");
    let extended = api.post(&format!("/v1/merchant/licenses/{forever}/extend"), &json!({ "by": "P7D" }));
    says(extended.expect_problem(409, "illegal_state"), None, "许可证永久有效，没有可变更的到期时间。");
}

#[test]
fn each_mistake_of_a_file_and_of_a_row_is_told_in_chinese() {
    let harness = Harness::start();
    let messages = |answer: &Answer| -> Vec<String> {
        let mistakes = answer.at("/mistakes").as_array().cloned().unwrap_or_default();
        mistakes.iter().map(|it| it["message"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let toml = "[merchant]\nid = \"acme\"\nissuer = \"https://license.acme.example\"\nnome = \"Acme\"\n\
                [[product]]\nid = \"Acme CAD\"\n[[spec]]\nid = \"s\"\nproduct = \"acme-cad\"\nterm = 7\nmachines = 0\n";
    let refused = reader(&harness).post("/v1/merchant/apply", &json!({ "toml": toml }));
    let refused = refused.expect_problem(422, "invalid_request");
    assert_eq!(
        messages(&refused),
        [
            "没有成员 `nome`；您是否要写 `name`？",
            "`Acme CAD` 须为 1 至 64 个小写字母、数字或位于中间的连字符；例如可写为 \"acme-cad\"",
            "须为带引号的字符串，不能是整数",
            "须在 1 至 1000000 之间",
        ]
    );
    says(refused, Some("/merchant/nome"), "文件中有 4 处错误，未做任何更改。");
    let row =
        json!({ "rows": [{ "channel": "cad-koogallery", "instance_id": "i-1", "starts_at": "yesterday" }] });
    let refused = reader(&harness).post("/v1/merchant/licenses/import", &row);
    let refused = refused.expect_problem(422, "invalid_request");
    assert_eq!(
        messages(&refused),
        ["缺少此项", "时间须为 1970 年以后、精确到整秒的 RFC 3339 格式 UTC 时间，例如 2026-01-31T08:00:00Z",]
    );
}
