//! What was used of an instance in all.

use super::{Amount, AmountError, InstanceId, Instant, Marketplace, MerchantId};

/// Most pay-per-use instances that share one package: what queryInstance shows of it stays short.
const SHARERS_MAX: usize = 100;

/// A part of a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedFor {
    /// Of a package: the pay-per-use instance that used it.
    pub related: Option<InstanceId>,
    /// How much.
    pub amount: Amount,
}

/// What was used of one instance in all: a counter that is written with each record of usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSum {
    /// Whose.
    pub merchant: MerchantId,
    /// Where it was bought.
    pub marketplace: Marketplace,
    /// The pay-per-use instance, or the package.
    pub instance: InstanceId,
    /// How much, by what used it.
    pub used: Vec<UsedFor>,
    /// Up to when something is known.
    pub as_of: Instant,
}

/// What the buyer is shown of a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceUsage {
    /// Of a package: the pay-per-use instance.
    pub related_instance_id: Option<String>,
    /// How much.
    pub value: Amount,
    /// Up to when it was measured.
    pub as_of: Instant,
    /// Where the buyer sees more. At most 512 characters.
    pub dashboard_url: String,
}

impl UsageSum {
    /// Nothing was used yet.
    pub fn new(merchant: MerchantId, marketplace: Marketplace, instance: InstanceId, as_of: Instant) -> Self {
        Self { merchant, marketplace, instance, used: Vec::new(), as_of }
    }

    /// Adds what was measured up to `end`.
    pub fn add(
        &mut self,
        related: Option<&InstanceId>,
        amount: Amount,
        end: Instant,
    ) -> Result<(), AmountError> {
        let is_full = self.used.len() >= SHARERS_MAX;
        match self.used.iter_mut().find(|part| part.related.as_ref() == related) {
            Some(part) => part.amount = part.amount.plus(amount)?,
            None if is_full => return Err(AmountError::TooLarge),
            None => self.used.push(UsedFor { related: related.cloned(), amount }),
        }
        self.as_of = self.as_of.max(end);
        Ok(())
    }

    /// Takes back what the marketplace will never count.
    pub fn take_back(&mut self, related: Option<&InstanceId>, amount: Amount) {
        if let Some(part) = self.used.iter_mut().find(|part| part.related.as_ref() == related) {
            part.amount = part.amount.less(amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_summed_by_the_instances_that_use_it() {
        let id = |text: &str| InstanceId::parse(text).expect("valid");
        let amount = |text: &str| Amount::parse(text).expect("valid");
        let at = |secs| Instant::from_timestamp(secs, 0).expect("valid");
        let merchant = MerchantId::parse("acme").expect("valid");
        let mut sum = UsageSum::new(merchant, Marketplace::KooGallery, id("package"), at(0));
        sum.add(Some(&id("sms")), amount("100"), at(20)).expect("room");
        sum.add(Some(&id("mms")), amount("0.5"), at(10)).expect("room");
        sum.add(Some(&id("sms")), amount("0.0001"), at(30)).expect("room");
        sum.take_back(Some(&id("mms")), amount("0.4"));
        let shown: Vec<_> = sum.used.iter().map(|part| part.amount.to_string()).collect();
        assert_eq!((shown, sum.as_of), (vec!["100.0001".to_owned(), "0.1".to_owned()], at(30)));
    }
}
