//! Totals in one term.

use super::*;

fn total(amount: &str, reset: ResetWindow, term: &str) -> Result<String, NoTotal> {
    let term = Term::parse(term).expect("a test writes valid terms");
    let template = QuotaTemplate {
        metric: "render-minutes".into(),
        unit: "minute".into(),
        amount: Amount::parse(amount).expect("a test writes valid amounts"),
        reset,
        window: WindowAlignment::Anniversary,
        overage: Overage::Stop,
        alert_percent: vec![],
    };
    let start = "2026-01-31T00:00:00Z".parse().expect("valid");
    let validity = Validity::lasting(term, start).expect("in the calendar");
    let package = QuotaPackage::bought(&template, 1, term, validity).expect("small");
    package.total.map(|amount| amount.to_string())
}

#[test]
fn a_year_of_monthly_thousands_is_twelve_thousand() {
    assert_eq!(total("1000", ResetWindow::Month, "P1Y").as_deref(), Ok("12000"));
    assert_eq!(total("0.5", ResetWindow::Month, "P6M").as_deref(), Ok("3"));
    assert_eq!(total("10", ResetWindow::Year, "P36M").as_deref(), Ok("30"));
    assert_eq!(total("10", ResetWindow::Day, "P14D").as_deref(), Ok("140"));
    assert_eq!(total("10", ResetWindow::Week, "P14D").as_deref(), Ok("20"));
    assert_eq!(total("10", ResetWindow::Hour, "P3D").as_deref(), Ok("720"));
}

#[test]
fn a_package_that_never_resets_is_its_own_total_even_for_ever() {
    assert_eq!(total("500", ResetWindow::None, "permanent").as_deref(), Ok("500"));
    assert_eq!(total("500", ResetWindow::None, "P1Y").as_deref(), Ok("500"));
}

#[test]
fn a_package_without_a_whole_number_of_windows_says_so() {
    assert_eq!(total("1", ResetWindow::Year, "P1M"), Err(NoTotal::NotWholeWindows));
    assert_eq!(total("1", ResetWindow::Week, "P1Y"), Err(NoTotal::NotWholeWindows));
    assert_eq!(total("1", ResetWindow::Day, "P1M"), Err(NoTotal::NotWholeWindows));
    assert_eq!(total("1", ResetWindow::Week, "P10D"), Err(NoTotal::NotWholeWindows));
    assert_eq!(total("1", ResetWindow::Month, "permanent"), Err(NoTotal::Permanent));
    assert_eq!(total("800000000000", ResetWindow::Month, "P1Y"), Err(NoTotal::TooLarge));
}
