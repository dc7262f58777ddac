//! Every member of the five interfaces in both versions, and what is kept of each.

use lictor::domain::{KitEntity, KitInterface, KitSync, PurchaseOutcome};
use lictor::marketplace::{RefusalCause, protocol_for};
use serde_json::{Value, json};

use super::support::*;
use crate::v1::{KEY, keys, now};

fn of(version: u8, interface: &str) -> KitSync {
    synced(with(version, interface, "unknownMember", json!("ignored")).unwrap())
}

fn entity(id: &[&str], body: Option<String>) -> KitEntity {
    KitEntity { id: id.iter().map(|part| (*part).to_owned()).collect(), body }
}

#[test]
fn each_interface_names_its_entity_and_keeps_the_body_as_received() {
    for version in [1, 2] {
        for (interface, kind, id) in [
            ("tenantSync", KitInterface::Tenant, &["i-1", "t-1"][..]),
            ("applicationSync", KitInterface::Application, &["i-1", "t-1", "a-1"]),
            ("singleOrgSync", KitInterface::Department, &["i-1", "t-1", "O1"]),
            ("allOrgSync", KitInterface::Departments, &["i-1", "t-1"]),
        ] {
            let body = complete(version, interface).to_string();
            let sync = synced(read(&sent(version, interface, &complete(version, interface))).unwrap());
            assert_eq!(sync, KitSync { interface: kind, entities: vec![entity(id, Some(body))] });
        }
    }
}

#[test]
fn auth_sync_keeps_each_person() {
    for version in [1, 2] {
        let sync = of(version, "authSync");
        let person = r#"{"enable":"true","name":"张三","orgCode":"O1","role":"user","userName":"zhang"}"#;
        let id = ["i-1", "t-1", "a-1", "zhang"];
        let entities = vec![entity(&id, Some(person.to_owned()))];
        assert_eq!(sync, KitSync { interface: KitInterface::Authorization, entities });
    }
}

#[test]
fn a_flag_of_0_or_3_takes_the_entity_away() {
    for version in [1, 2] {
        for interface in ["tenantSync", "applicationSync", "authSync", "singleOrgSync"] {
            let kept = |flag: Value| {
                let sync = synced(with(version, interface, "flag", flag).unwrap());
                sync.entities.iter().all(|entity| entity.body.is_some())
            };
            for stays in [json!(1), json!(2), json!("1"), json!("2")] {
                assert!(kept(stays), "{interface}");
            }
            for goes in [json!(0), json!(3), json!("0"), json!("3")] {
                assert!(!kept(goes), "{interface}");
            }
            let refused = |flag: Value| with(version, interface, "flag", flag).unwrap_err().cause;
            assert_eq!(refused(json!(null)), RefusalCause::ParameterMissing("flag"));
            for odd in [json!(4), json!(-1), json!(true), json!("x"), json!([1])] {
                assert_eq!(refused(odd), RefusalCause::ParameterMalformed("flag"));
            }
        }
    }
}

#[test]
fn a_company_is_told_of_without_an_instance_while_the_merchant_applies() {
    for version in [1, 2] {
        let mut body = complete(version, "tenantSync");
        body["instanceId"] = json!("");
        body["orderId"] = json!("");
        let sync = synced(read(&sent(version, "tenantSync", &body)).unwrap());
        assert_eq!(sync.entities[0].id, ["", "t-1"]);
    }
}

/// interface, member, length, mandatory: the rows that both versions share.
const ROWS: &[(&str, &str, usize, bool)] = &[
    ("tenantSync", "instanceId", 64, false),
    ("tenantSync", "orderId", 64, false),
    ("tenantSync", "tenantId", 64, true),
    ("tenantSync", "tenantCode", 64, true),
    ("tenantSync", "name", 255, true),
    ("tenantSync", "domainName", 255, true),
    ("applicationSync", "instanceId", 64, true),
    ("applicationSync", "tenantId", 64, true),
    ("applicationSync", "appId", 64, true),
    ("applicationSync", "clientId", 64, true),
    ("applicationSync", "clientSecret", 2048, true),
    ("authSync", "instanceId", 64, true),
    ("authSync", "tenantId", 64, true),
    ("authSync", "appId", 64, true),
    ("authSync", "currentSyncTime", 20, true),
    ("singleOrgSync", "instanceId", 64, true),
    ("singleOrgSync", "tenantId", 64, true),
    ("singleOrgSync", "orgCode", 64, true),
    ("singleOrgSync", "orgName", 128, true),
    ("singleOrgSync", "parentCode", 64, false),
    ("allOrgSync", "instanceId", 64, true),
    ("allOrgSync", "tenantId", 64, true),
];

#[test]
fn every_row_is_held_to_presence_length_and_type() {
    for version in [1, 2] {
        for (interface, name, limit, mandatory) in ROWS {
            let refused =
                |value: Value| with(version, interface, name, value).err().map(|refusal| refusal.cause);
            for absent in [json!(null), json!("")] {
                let expected = mandatory.then_some(RefusalCause::ParameterMissing(name));
                assert_eq!(refused(absent), expected, "{interface} {name}");
            }
            let too_long = RefusalCause::ParameterTooLong { name, limit: *limit };
            assert_eq!(refused(json!("x".repeat(limit + 1))), Some(too_long), "{interface} {name}");
            assert_eq!(refused(json!("码".repeat(*limit))), None, "{interface} {name}");
            for odd in [json!(7), json!(true), json!(["x"]), json!("a\nb")] {
                let malformed = Some(RefusalCause::ParameterMalformed(name));
                assert_eq!(refused(odd), malformed, "{interface} {name}");
            }
        }
    }
    let refused = with(2, "tenantSync", "timeStamp", json!(null)).unwrap_err().cause;
    assert_eq!(refused, RefusalCause::ParameterMissing("timeStamp"));
}

fn with_user(version: u8, name: &str, value: Value) -> Option<RefusalCause> {
    let mut user =
        json!({ "userName": "zhang", "name": "张三", "orgCode": "O1", "role": "user", "enable": "true" });
    match value {
        Value::Null => drop(user.as_object_mut().unwrap().remove(name)),
        value => user[name] = value,
    }
    let list = json!([user]);
    let list = if version == 1 { json!(list.to_string()) } else { list };
    with(version, "authSync", "userList", list).err().map(|refusal| refusal.cause)
}

/// member, length, mandatory: the rows of User.
const USER_ROWS: &[(&str, usize, bool)] = &[
    ("userName", 64, true),
    ("name", 64, true),
    ("orgCode", 64, true),
    ("position", 64, false),
    ("employeeCode", 64, false),
    ("role", 32, true),
    ("enable", 8, true),
    ("mobile", 32, false),
    ("email", 128, false),
];

#[test]
fn every_row_of_a_person_is_held_to_presence_length_and_type() {
    for version in [1, 2] {
        for (name, limit, mandatory) in USER_ROWS {
            let missing = mandatory.then_some(RefusalCause::ParameterMissing(name));
            assert_eq!(with_user(version, name, json!(null)), missing, "{name}");
            let too_long = Some(RefusalCause::ParameterTooLong { name, limit: *limit });
            assert_eq!(with_user(version, name, json!("x".repeat(limit + 1))), too_long, "{name}");
            assert_eq!(with_user(version, name, json!("码".repeat(*limit))), None, "{name}");
            let malformed = Some(RefusalCause::ParameterMalformed(name));
            assert_eq!(with_user(version, name, json!(["x"])), malformed, "{name}");
        }
        assert_eq!(with_user(version, "enable", json!(true)), None);
        assert_eq!(with_user(version, "employeeType", json!(3)), None);
        assert_eq!(with_user(version, "workPlace", json!("深圳")), None);
        assert_eq!(with_user(version, "entryDate", json!("20220101")), None);
        assert_eq!(with_user(version, "extension", json!({ "workPlace": "x" })), None);
    }
}

#[test]
fn at_most_five_hundred_people_come_in_one_call() {
    let people = |count: usize| {
        let person = |number: usize| {
            json!({ "userName": format!("u{number}"), "name": "名".repeat(64), "orgCode": "O1",
                "role": "user", "enable": "true" })
        };
        Value::Array((0..count).map(person).collect())
    };
    for version in [1, 2] {
        let list = |count| match version {
            1 => json!(people(count).to_string()),
            _ => people(count),
        };
        let sync = synced(with(version, "authSync", "userList", list(500)).unwrap());
        assert_eq!(sync.entities.len(), 500);
        let refusal = with(version, "authSync", "userList", list(501)).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::ParameterTooLong { name: "userList", limit: 500 });
        for odd in
            [json!("no list"), json!({}), json!([1]), json!("[{\"userName\":}]"), json!("{}"), json!(1)]
        {
            let refusal = with(version, "authSync", "userList", odd).unwrap_err();
            assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("userList"));
        }
        for absent in [json!(null), json!("")] {
            let refusal = with(version, "authSync", "userList", absent).unwrap_err();
            assert_eq!(refusal.cause, RefusalCause::ParameterMissing("userList"));
        }
    }
}

#[test]
fn all_departments_come_under_the_names_of_either_version() {
    let list = |version: u8, name: &'static str, value: Value| {
        let mut body = complete(version, "allOrgSync");
        body.as_object_mut().unwrap().retain(|name, _| !name.starts_with("orgInfo"));
        body[name] = value;
        read(&sent(version, "allOrgSync", &body)).map(|_| ()).map_err(|refusal| refusal.cause)
    };
    let one = |name: &str| json!([{ "orgCode": "O1", name: "研发", "parentCode": "O0" }]);
    assert_eq!(list(1, "orgInfo", json!(one("name").to_string())), Ok(()));
    assert_eq!(list(2, "orgInfoList", one("orgName")), Ok(()));
    assert_eq!(list(2, "orgInfoList", json!(one("OrgName").to_string())), Ok(()), "a printed example");
    assert_eq!(list(2, "orgInfo", json!(one("name").to_string())), Ok(()), "an older copy");
    let missing = |name| Err(RefusalCause::ParameterMissing(name));
    assert_eq!(list(2, "x", json!(1)), missing("orgInfoList"));
    assert_eq!(list(1, "orgInfoList", one("orgName")), missing("orgInfo"));
    assert_eq!(list(2, "orgInfoList", json!([{ "orgName": "x" }])), missing("orgCode"));
    assert_eq!(list(2, "orgInfoList", json!([{ "orgCode": "x" }])), missing("orgName"));
    for (member, limit) in [("orgCode", 64), ("orgName", 128), ("parentCode", 64)] {
        let mut department = json!({ "orgCode": "O1", "orgName": "x", "parentCode": "y" });
        department[member] = json!("x".repeat(limit + 1));
        let expected = Err(RefusalCause::ParameterTooLong { name: member, limit });
        assert_eq!(list(2, "orgInfoList", json!([department])), expected);
    }
    let many: Vec<Value> =
        (0..3_000).map(|n| json!({ "orgCode": n.to_string(), "orgName": "x".repeat(60) })).collect();
    let limit = 192 * 1024;
    assert_eq!(
        list(2, "orgInfoList", json!(many)),
        Err(RefusalCause::ParameterTooLong { name: "orgInfoList", limit })
    );
}

/// The printed examples name a member twice.
#[test]
fn of_a_member_that_stands_twice_the_last_counts() {
    let body = complete(2, "tenantSync").to_string();
    let twice = body.replacen('{', r#"{"instanceId":"the first","x":{"a":1,"a":2},"#, 1);
    let signed = {
        let mut members: Value = serde_json::from_str(&body).unwrap();
        members["x"] = json!({ "a": 2 });
        members.to_string()
    };
    let call = Sent { body: twice.clone().into(), ..sent_v2(KEY, "tenantSync", &signed, now()) };
    let sync = synced(read(&call).unwrap());
    assert_eq!(sync.entities, [entity(&["i-1", "t-1"], Some(twice.clone()))]);
    let first = signed.replace("i-1", "the first");
    let call = Sent { body: twice.into(), ..sent_v2(KEY, "tenantSync", &first, now()) };
    assert_eq!(read(&call).unwrap_err().cause, RefusalCause::SignatureWrong);
}

#[test]
fn a_dial_test_succeeds_and_leaves_no_identity() {
    for version in [1, 2] {
        for interface in INTERFACES {
            for on in [json!(1), json!("1")] {
                let call = with(version, interface, "testFlag", on).unwrap();
                assert!(call.test && call.replay.is_none());
                let outcome = call.dial_test_outcome("https://a.example");
                assert_eq!(outcome, PurchaseOutcome::Done);
                let answer = protocol_for("saas-v2").unwrap().answer(&call, &outcome, &keys());
                assert_eq!(answer.result_code, Some("000000"));
            }
            let refusal = with(version, interface, "testFlag", json!(2)).unwrap_err();
            assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("testFlag"));
        }
    }
}
