//! What holds for both families that call by GET, whatever their activities.

use chrono::Duration;
use lictor::marketplace::{CallRefusal, Protocol, RefusalCause};

use crate::v1::*;

/// A complete call of each activity.
pub type Complete = fn(&str) -> Vec<(&'static str, String)>;

/// A family under test.
pub struct Family {
    pub protocol: &'static dyn Protocol,
    pub activities: &'static [&'static str],
    pub complete: Complete,
}

impl Family {
    /// A complete call with one parameter changed; an empty value takes it away.
    pub fn query_with(&self, activity: &str, name: &str, value: &str) -> String {
        let mut parameters = (self.complete)(activity);
        parameters.retain(|(known, _)| *known != name);
        let mut parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if !value.is_empty() {
            parameters.push((name, value));
        }
        signed(&parameters)
    }

    pub fn query(&self, activity: &str) -> String {
        self.query_with(activity, "unknownMember", "ignored")
    }

    pub fn read(&self, query: &str) -> Result<lictor::marketplace::Call, CallRefusal> {
        read_as(self.protocol, "GET", "", query)
    }

    pub fn with(
        &self,
        activity: &str,
        name: &str,
        value: &str,
    ) -> Result<lictor::marketplace::Call, CallRefusal> {
        self.read(&self.query_with(activity, name, value))
    }

    fn cause(&self, query: &str) -> RefusalCause {
        self.read(query).unwrap_err().cause
    }

    /// The rows of the tables: activity, parameter, length, mandatory, a value that has no documented form.
    pub fn rows_are_held(&self, rows: &[(&str, &'static str, usize, bool, Option<&str>)]) {
        for (activity, name, limit, mandatory, odd) in rows {
            let cause = |value: &str| self.with(activity, name, value).err().map(|refusal| refusal.cause);
            let missing = mandatory.then_some(RefusalCause::ParameterMissing(name));
            assert_eq!(cause(""), missing, "{activity} {name}");
            let too_long = RefusalCause::ParameterTooLong { name, limit: *limit };
            assert_eq!(cause(&"1".repeat(limit + 1)), Some(too_long), "{activity} {name}");
            match odd {
                Some(odd) => {
                    let malformed = Some(RefusalCause::ParameterMalformed(name));
                    assert_eq!(cause(odd), malformed, "{activity} {name} {odd}");
                }
                None => {
                    let longest = if *limit <= 512 { "码" } else { "A" }.repeat(*limit);
                    assert_eq!(cause(&longest), None, "{activity} {name}");
                    let malformed = Some(RefusalCause::ParameterMalformed(name));
                    assert_eq!(cause("a\nb"), malformed, "{activity} {name}");
                }
            }
        }
    }

    pub fn flags_are_absent_or_zero_or_one(&self, flags: &[(&str, &'static str)]) {
        for (activity, flag) in flags {
            for fine in ["", "0", "1"] {
                assert!(self.with(activity, flag, fine).is_ok(), "{activity} {flag} {fine}");
            }
            for odd in ["2", "true", "01", " 1"] {
                let refusal = self.with(activity, flag, odd).unwrap_err();
                assert_eq!(refusal.cause, RefusalCause::ParameterMalformed(flag), "{activity} {odd}");
            }
        }
    }

    pub fn a_probe_is_marked_and_leaves_no_identity(&self) {
        for activity in self.activities {
            assert!(!self.with(activity, "testFlag", "0").unwrap().test);
            let probe = self.with(activity, "testFlag", "1").unwrap();
            assert!(probe.test && probe.replay.is_none());
        }
    }

    pub fn tokens_are_checked(&self, activity: &str) {
        let query = self.query(activity);
        let whole = self.read(&query).unwrap();
        assert_eq!((whole.activity, whole.signed_by), (activity, 0));
        let (rest, token) = query.rsplit_once("&authToken=").unwrap();
        assert_eq!(self.cause(rest), RefusalCause::SignatureMissing);
        assert_eq!(self.cause(&format!("{rest}&authToken=")), RefusalCause::SignatureMissing);
        let other = self.query_with(activity, "unknownMember", "another");
        let foreign_call = other.rsplit_once("&authToken=").unwrap().1;
        for odd in [&token[..token.len() - 4], "AAAA", "no+base64!", foreign_call, &"A".repeat(43)] {
            let query = format!("{rest}&authToken={odd}");
            assert_eq!(self.cause(&query), RefusalCause::SignatureWrong, "{odd}");
        }
        let time = time_stamp(now());
        let parameters = (self.complete)(activity);
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let by = |key: &str| self.read(&signed_with(key, &parameters, &time));
        assert_eq!(by(OLD_KEY).unwrap().signed_by, 1);
        assert_eq!(by("another channel's key").unwrap_err().cause, RefusalCause::SignatureWrong);
        let refusal = by("another channel's key").unwrap_err();
        assert_eq!((refusal.signed_by, refusal.activity), (None, Some(whole.activity)));
        assert_eq!(self.protocol.refuse(&refusal, &keys()).result_code, Some("000001"));
    }

    /// As it comes over the wire: encoded, decoded once too often, or read as a form on its way.
    pub fn a_token_may_have_been_decoded_on_its_way(&self, activity: &str) {
        let mut seen = 0;
        for number in 0..200 {
            let query = self.query_with(activity, "unknownMember", &number.to_string());
            let (rest, token) = query.rsplit_once("&authToken=").unwrap();
            let bare = percent_encoding::percent_decode_str(token).decode_utf8().unwrap().into_owned();
            if !bare.contains('+') {
                continue;
            }
            seen += 1;
            for arrives in [bare.clone(), bare.replace('+', "%20"), bare.replace('=', "%3D")] {
                assert!(self.read(&format!("{rest}&authToken={arrives}")).is_ok(), "{arrives}");
            }
        }
        assert!(seen > 10, "{seen}");
    }

    pub fn a_blank_may_be_a_plus_on_the_wire(&self, activity: &str) {
        let query = self.query_with(activity, "unknownMember", "a blank, a+plus");
        assert!(self.read(&query).is_ok());
        let as_form = query.replace("%20", "+");
        assert_ne!(query, as_form);
        assert!(self.read(&as_form).is_ok(), "as java.net.URLEncoder writes a blank");
        let never = query.replace("%2B", "%20");
        assert_eq!(self.cause(&never), RefusalCause::SignatureWrong);
    }

    pub fn time_stamps_are_checked(&self, activity: &str) {
        let parameters = (self.complete)(activity);
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for millis in [-300_000, 0, 300_000] {
            assert!(self.read(&signed_at(&parameters, Duration::milliseconds(millis))).is_ok(), "{millis}");
        }
        for (millis, skew_secs) in [(-300_001, -301), (300_001, 301), (8 * 3_600_000, 28_800)] {
            let refusal = self.read(&signed_at(&parameters, Duration::milliseconds(millis))).unwrap_err();
            assert_eq!(refusal.cause, RefusalCause::StaleTimestamp { skew_secs });
            assert_eq!(self.protocol.refuse(&refusal, &keys()).result_code, Some("000002"));
        }
        let query = signed(&parameters);
        let without = query.replace("timeStamp=", "otherStamp=");
        assert_eq!(self.cause(&without), RefusalCause::ParameterMissing("timeStamp"));
        for odd in ["2025", "201706211855321", "2025-07-25 02:51", "20250725025113409000000"] {
            let query = signed_with(KEY, &parameters, odd);
            assert_eq!(self.cause(&query), RefusalCause::ParameterMalformed("timeStamp"), "{odd}");
        }
        assert!(self.read(&signed_with(KEY, &parameters, "20250725025113")).is_ok(), "without milliseconds");
    }

    /// Ten thousand single bits, over queries of all activities. Only the letter case of a percent escape's hex
    /// digits carries no meaning.
    pub fn no_single_bit_can_be_changed(&self) {
        let mut changed = 0;
        for round in 0.. {
            for activity in self.activities {
                let original = self.query_with(activity, "unknownMember", &format!("é {round}"));
                let call = self.read(&original).unwrap();
                for bit in 0..original.len() * 8 {
                    let mut bytes = original.clone().into_bytes();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    let mutant = String::from_utf8_lossy(&bytes).into_owned();
                    changed += 1;
                    match self.read(&mutant) {
                        Err(refusal) => assert_eq!(refusal.signed_by, None, "bit {bit}: {refusal}"),
                        Ok(accepted) => {
                            assert_eq!(accepted, call, "bit {bit}");
                            assert!(mutant.eq_ignore_ascii_case(&original), "bit {bit}: {mutant}");
                        }
                    }
                }
            }
            if changed >= 10_000 {
                break;
            }
        }
    }

    pub fn bad_queries_and_methods_are_told_apart(&self) {
        let query = self.query(self.activities[0]);
        for (method, tail, status) in
            [("POST", "", 405), ("get", "", 405), ("GET", "x", 404), ("GET", "produceAPI", 404)]
        {
            let refusal = read_as(self.protocol, method, tail, &query).unwrap_err();
            assert_eq!(self.protocol.refuse(&refusal, &keys()).status, status, "{method} {tail}");
        }
        let twice = format!("{query}&activity={}", self.activities[0]);
        for unreadable in [twice.as_str(), "a=%", "a=%zz", "a=%ff", &"a".repeat(16 * 1024 + 1)] {
            let refusal = self.read(unreadable).unwrap_err();
            assert!(matches!(refusal.cause, RefusalCause::UnreadableQuery(_)), "{refusal}");
            assert_eq!(self.protocol.refuse(&refusal, &keys()).result_code, Some("000002"));
        }
        let none = lictor::marketplace::RawRequest {
            method: "GET",
            path_tail: "",
            query: &query,
            headers: &|_| None,
            body: b"",
        };
        let refusal = self.protocol.read(&none, &[], now()).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::NoAccessKey);
    }

    pub fn an_unknown_activity_is_an_invalid_parameter(&self) {
        for (name, cause) in [
            ("orderCoffee", RefusalCause::UnknownActivity),
            ("NEWINSTANCE", RefusalCause::UnknownActivity),
            ("", RefusalCause::ParameterMissing("activity")),
        ] {
            let refusal = self.with(self.activities[0], "activity", name).unwrap_err();
            assert_eq!((refusal.cause.clone(), refusal.signed_by, refusal.activity), (cause, Some(0), None));
            assert_eq!(self.protocol.refuse(&refusal, &keys()).result_code, Some("000002"));
        }
    }

    pub fn the_token_is_the_identity_of_a_call_that_changes_something(&self, activity: &str) {
        let identity = |value: &str| self.with(activity, "unknownMember", value).unwrap().replay.unwrap();
        assert_eq!(identity("a"), identity("a"));
        assert_ne!(identity("a").digest, identity("b").digest);
        assert_ne!(identity("a").request, identity("b").request);
        let parameters = (self.complete)(activity);
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for skew in [-300, 0, 300].map(Duration::seconds) {
            let kept = self.read(&signed_at(&parameters, skew)).unwrap().replay.unwrap().keep_until;
            assert!(kept >= now() + Duration::seconds(600) && kept > now() + skew + Duration::seconds(300));
        }
    }
}
