//! What a channel says is to be filled in passes when it is filled in.

use serde_json::{Map, Value, json};

use crate::desk::{Desk, ONLINE_KEY, OTHER_KEY, V1_KEY};
use crate::support::{ACCESS_KEY, channel_speaking};

#[test]
fn every_activity_passes_with_what_the_channel_says_to_fill_in() {
    let desk = Desk::open();
    desk.harness.apply(&channel_speaking("license-code", "cad-codes", &desk.harness.world.sandbox));
    let channels = [
        ("cad-other", OTHER_KEY, 8),
        ("cad-online", ONLINE_KEY, 8),
        ("cad-codes", ACCESS_KEY, 5),
        ("cad-old", V1_KEY, 7),
        ("cad-license", V1_KEY, 4),
    ];
    for (channel, key, count) in channels {
        let shown = desk.show(channel);
        let activities = shown["activities"].as_array().expect("a list").clone();
        assert_eq!(activities.len(), count, "{channel}");
        for activity in &activities {
            assert_eq!(activity["passed"], json!(null));
            let name = activity["activity"].as_str().expect("a name");
            let fields = activity["fill_in"].as_object().expect("fields").clone();
            assert!(!fields.is_empty() && fields.values().all(|value| value != ""), "{channel} {name}");
            let sent = match shown["protocol"].as_str() {
                Some("saas-v1" | "license-v1") => {
                    let mut parameters = vec![("activity", name), ("testFlag", "1")];
                    parameters.extend(
                        fields.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))),
                    );
                    desk.v1(channel, key, &parameters)
                }
                _ => desk.v2(channel, key, 0, &Value::Object(body(name, fields))),
            };
            let answer = desk.send(&sent);
            let code = answer.text_at("/resultCode");
            assert!(code == "000000" || code == "000004", "{channel} {name}: {answer:?}");
        }
        let shown = desk.show(channel);
        let passed =
            |activity: &Value| activity["passed"] == json!(true) && activity["last_test_success"].is_string();
        assert!(shown["activities"].as_array().expect("a list").iter().all(passed), "{shown}");
    }
}

fn body(activity: &str, fields: Map<String, Value>) -> Map<String, Value> {
    let mut body = fields;
    if let Some(Value::String(text)) = body.get("productInfo") {
        let product = serde_json::from_str(text).expect("an object");
        body.insert("productInfo".to_owned(), product);
    }
    body.insert("activity".to_owned(), activity.into());
    body.insert("testFlag".to_owned(), "1".into());
    body
}
