//! `[[spec.quota]]`

use super::values::{amount, distinct, filled_line, or, token_word, word};
use crate::config::{Member, Section};
use crate::domain::{Overage, QuotaTemplate, ResetWindow, WindowAlignment};

/// Longest name of a unit, in characters.
const UNIT_CHARS_MAX: usize = 32;

/// Reads the packages of a spec.
pub fn read_all(spec: &Section<'_>) -> Vec<QuotaTemplate> {
    let mut packages: Vec<QuotaTemplate> = Vec::new();
    for section in spec.sections("quota") {
        let Some(package) = read(&section) else { continue };
        if packages.iter().any(|known| known.metric == package.metric) {
            section.mistake(format!("metric `{}` has a package in this spec already", package.metric));
        }
        packages.push(package);
    }
    packages
}

fn read(section: &Section<'_>) -> Option<QuotaTemplate> {
    let metric = section.required("metric", "\"render-minutes\"").and_then(|member| metric(&member));
    let unit = unit(section, metric.as_deref());
    let amount = section.required("amount", "1000").and_then(|member| amount(&member));
    let resets = ["none", "hour", "day", "week", "month", "year"];
    let reset = or(section, "reset", ResetWindow::None, |m| word(m, &resets, ResetWindow::parse));
    let alignments = ["anniversary", "calendar"];
    let window =
        or(section, "window", WindowAlignment::Anniversary, |m| word(m, &alignments, WindowAlignment::parse));
    let overage = or(section, "overage", Overage::Stop, |m| word(m, &["stop", "count"], Overage::parse));
    let alert_percent = or(section, "alert_percent", vec![80, 95], |member| Some(percents(member)));
    section.finish();
    let amount = amount?;
    if amount.ten_thousandths() == 0 {
        section.mistake("an amount of 0 gives nothing; leave the package out");
    }
    Some(QuotaTemplate { metric: metric?, unit, amount, reset, window, overage, alert_percent })
}

/// The metric's own name where the file has no other word for it.
fn unit(section: &Section<'_>, metric: Option<&str>) -> String {
    if let Some(member) = section.member("unit") {
        return filled_line(&member, UNIT_CHARS_MAX).unwrap_or_default();
    }
    let metric = metric.unwrap_or_default();
    if metric.chars().count() > UNIT_CHARS_MAX {
        section.mistake("`unit` is missing; write for example `unit = \"minute\"`");
    }
    metric.to_owned()
}

fn metric(member: &Member<'_>) -> Option<String> {
    let text = token_word(member)?;
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !fits {
        member.mistake("must be letters, digits, dots, underscores and hyphens, such as \"render-minutes\"");
    }
    fits.then_some(text)
}

fn percents(member: &Member<'_>) -> Vec<u8> {
    distinct(member, |item| item.integer(1, 100).and_then(|percent| u8::try_from(percent).ok()))
}
