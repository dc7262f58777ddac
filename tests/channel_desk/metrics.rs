//! What whoever watches the service sees of calls: no label that a stranger can make up.

use serde_json::json;

use crate::desk::{Desk, OLD_KEY, Sent, dial_test, good, new_instance};

const CAD: &str = "cad-koogallery";

#[test]
fn calls_are_counted_by_channel_activity_code_and_test() {
    let desk = Desk::open();
    desk.harness.apply(
        "[merchant]\nid = \"globex\"\nname = \"Globex\"\nissuer = \"https://license.globex.example\"\n\
         [[product]]\nid = \"acme-cad\"\nname = \"Cad\"\n[[channel]]\nid = \"cad-koogallery\"\nprotocol = \"saas-v2\"\n\
         products = [\"acme-cad\"]\naccess_keys = [\"env:OTHER_KEY\"]\n",
    );
    for _ in 0..3 {
        desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    }
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
    desk.send(&desk.v2(CAD, good(), 0, &json!({ "activity": "made\"up{}\n" })));
    desk.send(&Sent { body: b"{".to_vec(), ..desk.v2(CAD, good(), 0, &json!({})) });
    let elsewhere = desk.v2(CAD, crate::desk::OTHER_KEY, 0, &dial_test());
    desk.send(&Sent { path: elsewhere.path.replace("/acme/", "/globex/"), ..elsewhere });
    desk.harness.anonymous().get("/marketplace/nobody/anything-at-all").expect_problem(404, "not_found");
    let text = desk.harness.anonymous().get("/metrics").text;
    let at = lictor::application::ports::Clock::now(desk.harness.world.clock.as_ref()).timestamp();
    let series = |channel: &str, activity: &str, code: &str, test: u8, count: u64| {
        format!(
            "lictor_callbacks_total{{channel=\"{channel}\",activity=\"{activity}\",result_code=\"{code}\",test=\"{test}\"}} {count}"
        )
    };
    let here = "acme/cad-koogallery";
    for line in [
        series(here, "newInstance", "000000", 1, 3),
        series(here, "newInstance", "000001", 0, 1),
        series(here, "unknown", "000002", 0, 1),
        series(here, "unknown", "400", 0, 1),
        series("globex/cad-koogallery", "newInstance", "000000", 1, 1),
        series("unknown", "unknown", "404", 0, 1),
        format!("lictor_dial_test_last_success_timestamp_seconds{{channel=\"{here}\"}} {at}"),
        "lictor_callback_duration_seconds_count 8".to_owned(),
        "# TYPE lictor_callback_duration_seconds histogram".to_owned(),
        "# TYPE lictor_callbacks_total counter".to_owned(),
        format!("lictor_channel_notices_total{{channel=\"{here}\",kind=\"callback.rejected\"}} 2"),
        "lictor_call_records_dropped_total 0".to_owned(),
    ] {
        assert!(text.lines().any(|written| written == line), "{line} in\n{text}");
    }
    assert!(!text.contains("anything-at-all") && !text.contains("made"), "{text}");
}
