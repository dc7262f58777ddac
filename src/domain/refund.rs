//! What a marketplace does with an order that is not delivered.

use chrono::TimeDelta;

use super::{Instant, ProtocolName};

/// When an order that is not delivered is paid back, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundRule {
    /// Hours from the first call to the refund; none where nobody pays back without being asked.
    pub after_hours: Option<u32>,
    /// What happens, in words.
    pub words: &'static str,
    /// The page that says so.
    pub source: &'static str,
}

impl RefundRule {
    /// When an order that came then is paid back.
    pub fn refund_at(&self, received_at: Instant) -> Option<Instant> {
        self.after_hours.map(|hours| received_at + TimeDelta::hours(i64::from(hours)))
    }
}

impl ProtocolName {
    /// The rule of the family that a channel speaks.
    pub fn refund_rule(&self) -> RefundRule {
        match self.0.as_str() {
            "saas-v2" => RefundRule {
                after_hours: Some(3),
                words: "the marketplace repeats newInstance for 3 hours, then the order fails and is paid back",
                source: "KooGallery zh-cn_topic_0070649414",
            },
            "license-online" => RefundRule {
                after_hours: Some(2),
                words: "the marketplace repeats newInstance every 2 minutes for 2 hours (another sentence of the page says 3), then the order is paid back",
                source: "KooGallery zh-cn_topic_0070649282",
            },
            "saas-v1" => RefundRule {
                after_hours: Some(3),
                words: "the marketplace repeats newInstance for 3 hours, then the order fails and is paid back",
                source: "KooGallery zh-cn_topic_0182376880",
            },
            "license-v1" => RefundRule {
                after_hours: None,
                words: "the marketplace repeats getLicense every hour for 3 hours, then waits until it is restarted or delivered by hand in the seller console; it does not pay back by itself, and delists after 5 such orders a month",
                source: "KooGallery zh-cn_topic_0000001353181669",
            },
            "license-code" => RefundRule {
                after_hours: None,
                words: "the buyer has the code already and waits for it to be redeemed; nothing is paid back unless it is negotiated",
                source: "KooGallery zh-cn_topic_0070649173",
            },
            _ => RefundRule {
                after_hours: None,
                words: "the shop pays back when it decides to; it does not ask by itself",
                source: "Standard Webhooks",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_whose_marketplace_pays_back_say_when() {
        let hours = |name: &str| ProtocolName(name.into()).refund_rule().after_hours;
        assert_eq!(["saas-v2", "license-online", "saas-v1"].map(hours), [Some(3), Some(2), Some(3)]);
        assert_eq!(["license-v1", "license-code", "standard-webhooks"].map(hours), [None; 3]);
        let rule = ProtocolName("saas-v2".into()).refund_rule();
        assert_eq!(rule.refund_at(Instant::UNIX_EPOCH), Some(Instant::UNIX_EPOCH + TimeDelta::hours(3)));
    }
}
