//! Whatever a rule says in English has its Chinese: every sentence in the rooms where rules are written has a row in
//! `src/http/wording/chinese/`, or stands here with the reason why no reader of answers and pages sees it. And every row is of a text
//! that is there.
//!
//! What is not seen here: a rule of a single word; a text that another crate makes (the tests beside the readers of JSON and TOML
//! provoke those); a value that is formatted in and is English itself (its row says so with `!`, and then it needs a row too).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::literals::{Literal, literals};
use super::product_files;
use super::sources::root;

/// Where rules are written whose words go into an answer.
const RULES: &[&str] = &["src/domain", "src/application", "src/catalog", "src/http"];
/// Files and folders of other rooms whose words become such a rule's, or are what work waits for.
const RULES_ELSEWHERE: &[&str] = &[
    "src/config/document.rs",
    "src/config/files.rs",
    "src/config/nearest.rs",
    "src/config/secret.rs",
    "src/marketplace/koogallery/open_api/",
    "src/marketplace/order_source.rs",
    "src/service/apply.rs",
    "src/webhooks/addresses.rs",
    "src/webhooks/sender.rs",
];
const ROWS: &str = "src/http/wording/chinese/";
/// Rows for what other crates say.
const FOREIGN: &str = "src/http/wording/chinese/json.rs";

/// What is called with a text that is for the log, for programmers, for a signature, or for a header.
const NOT_FOR_READERS: &[&str] = &[
    "trace!",
    "debug!",
    "info!",
    "warn!",
    "error!",
    "error_span!",
    "assert!",
    "debug_assert!",
    "panic!",
    "unreachable!",
    "expect",
    // A failure: logged, and told as "try again later".
    "Failed",
    "turn",
    "digest",
    "chain_update",
    "expand",
    "from_static",
    "headers",
    "inline!",
];

/// Sentences that are no rules of an answer, by file or by the folder it ends with.
struct NotTold {
    place: &'static str,
    /// Which; all of them where none is named.
    texts: &'static [&'static str],
    because: &'static str,
}

const BOTH: &str = "words in both languages, one beside the other";
const PARTS: &str = "no sentence: part of a format";

const NOT_TOLD: &[NotTold] = &[
    NotTold { place: "src/http/wording.rs", texts: &[], because: BOTH },
    NotTold { place: "src/http/call_wording.rs", texts: &[], because: BOTH },
    NotTold { place: "src/http/check_wording.rs", texts: &[], because: BOTH },
    NotTold { place: "src/http/consequence_wording.rs", texts: &[], because: BOTH },
    NotTold { place: "src/http/explanation_wording.rs", texts: &[], because: BOTH },
    NotTold { place: "src/http/console/words/", texts: &[], because: BOTH },
    NotTold { place: "src/http/portal/words.rs", texts: &[], because: BOTH },
    NotTold { place: "src/http/openapi.rs", texts: &[], because: "the description of the API is English" },
    NotTold { place: "src/http/openapi/", texts: &[], because: "the description of the API is English" },
    NotTold { place: "src/http/docs/", texts: &[], because: "the description of the API is English" },
    NotTold {
        place: "src/http/metrics.rs",
        texts: &[],
        because: "what metrics mean, for who runs the server",
    },
    NotTold { place: "src/http/tls/", texts: &[], because: "refuses the start, or warns in the log" },
    NotTold {
        place: "src/http/qr.rs",
        texts: &[],
        because: "a code that is too long is left out of its page",
    },
    NotTold { place: "src/catalog/sample.rs", texts: &[], because: "a file to write one's own from" },
    NotTold {
        place: "src/domain/refund.rs",
        texts: &[],
        because: "the marketplace's rule as its page says it, with the page's name",
    },
    NotTold { place: "src/domain/ids.rs", texts: &["` and 22 letters or digits"], because: PARTS },
    NotTold {
        place: "src/application/catalog.rs",
        texts: &["the apply file has mistakes: {}"],
        because: "what the log says of a file that is refused",
    },
    NotTold {
        place: "src/application/compare_catalog.rs",
        texts: &[
            "access key {} added",
            "access key {} is called {} now",
            "access key {} is read from {}, not from {}",
            "access key {} retired",
            "access key {} is live again",
            "access key {} removed",
        ],
        because: "what an apply changes: its plan and its events",
    },
    NotTold {
        place: "src/application/continue_after_restore.rs",
        texts: &["the clock shows {}, the backup was taken at {}"],
        because: "ends the restore, on the command line",
    },
    NotTold {
        place: "src/application/erase_customer.rs",
        texts: &["lictor customer"],
        because: "goes into a digest",
    },
    NotTold {
        place: "src/application/export_licenses.rs",
        texts: &["issued by hand"],
        because: "a cell of an export",
    },
    NotTold {
        place: "src/application/push_usage.rs",
        texts: &[
            "it was not taken in time: the marketplace takes no usage that began 21 days ago",
            "the marketplace takes no usage that began so long ago (MKT.9004)",
        ],
        because: "kept with the record that was given up, as it stands",
    },
    NotTold {
        place: "src/application/roll_up_usage.rs",
        texts: &[
            "the instance was not there in this interval",
            "more packages were used than the interval has seconds",
            "its value is no amount",
        ],
        because: "kept with the usage that was given up, as it stands, and logged",
    },
    NotTold {
        place: "src/application/record.rs",
        texts: &["an authorization code"],
        because: "what a job is about, in the log",
    },
    NotTold {
        place: "src/application/record_usage.rs",
        texts: &["{} of the records will not do"],
        because: "the mistakes are told one by one",
    },
    NotTold {
        place: "src/application/use_quota.rs",
        texts: &["{} of the items will not do"],
        because: "the mistakes are told one by one",
    },
    NotTold {
        place: "src/application/reissue_withdrawn.rs",
        texts: &["the key that signed it was revoked"],
        because: "the reason of an event, kept with it",
    },
    NotTold {
        place: "src/application/report_use.rs",
        texts: &["a code could not be queried", "a use could not be reported"],
        because: "the log",
    },
    NotTold {
        place: "src/application/test_webhook.rs",
        texts: &["test event"],
        because: "names the event of a test",
    },
    NotTold {
        place: "src/catalog/product.rs",
        texts: &["Claim code {claim_code}, license at {portal_url}"],
        because: "what buyers are told, with its Chinese beside it",
    },
    NotTold { place: "src/http/docs.rs", texts: &["text/javascript; charset=utf-8"], because: "a header" },
    NotTold {
        place: "src/http/air_gap.rs",
        texts: &["Renew after"],
        because: "a line of a file that a program reads",
    },
    NotTold {
        place: "src/http/backup.rs",
        texts: &["the backup was cut off"],
        because: "ends a stream, with no place for words",
    },
    NotTold { place: "src/http/body.rs", texts: &["missing field `", " at line "], because: PARTS },
    NotTold {
        place: "src/http/console/air_gap.rs",
        texts: &["attachment; filename=\"{}\""],
        because: "a header",
    },
    NotTold {
        place: "src/http/console/preferences.rs",
        texts: &["{}={}; Path=/; Max-Age={}; SameSite=Lax; HttpOnly"],
        because: "a header",
    },
    NotTold { place: "src/http/portal.rs", texts: &["attachment; filename=\"{}\""], because: "a header" },
    NotTold { place: "src/http/reply.rs", texts: &["public, max-age={}"], because: "a header" },
    NotTold {
        place: "src/http/session_cookie.rs",
        texts: &["{}={}; Path=/; HttpOnly; SameSite=Lax{}{}"],
        because: "a header",
    },
    NotTold {
        place: "src/http/sign_in.rs",
        texts: &["{}={}; Path=/; SameSite=Lax; Max-Age={}"],
        because: "a header",
    },
    NotTold {
        place: "src/marketplace/koogallery/open_api/upload.rs",
        texts: &[
            "name=\"file\"; filename=\"{}\"",
            "multipart/form-data; boundary={}",
            "--{}\r\nContent-Disposition: form-data; {}\r\nContent-Type: {}\r\n\r\n{}\r\n",
        ],
        because: "the form that goes to the marketplace",
    },
    NotTold {
        place: "src/service/apply.rs",
        texts: &["open API access key", "open API secret key"],
        because: "what a secret is for, compared and never told",
    },
    NotTold {
        place: "src/webhooks/sender.rs",
        texts: &[
            "no secret signs at present: rotate the endpoint's secrets",
            "it answers with a redirect, which is not followed: give the endpoint its final address",
            "no answer within {} s",
            "the name leads to no address",
        ],
        because: "how an attempt went: kept with it as it stands",
    },
];

impl NotTold {
    fn covers(&self, file: &str, text: &str) -> bool {
        file.starts_with(self.place) && (self.texts.is_empty() || self.texts.contains(&text))
    }
}

/// Every file of the product, and its strings. Tests that stand beside a file by `#[path]` are named so.
static SOURCES: LazyLock<Vec<(String, Vec<Literal>)>> = LazyLock::new(|| {
    let files = product_files("src").into_iter().filter(|(file, _)| !file.ends_with("_tests.rs"));
    files.map(|(file, source)| (file, literals(&source))).collect()
});

/// Each string of these files, with its file.
fn said(is_meant: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static Literal)> {
    let files = SOURCES.iter().filter(|(file, _)| is_meant(file));
    files.flat_map(|(file, said)| said.iter().map(move |it| (file.as_str(), it))).collect()
}

/// A text in English, its Chinese, and the file in which they stand.
struct Row {
    file: &'static str,
    english: &'static str,
}

fn rows() -> Vec<Row> {
    let of = |(file, it): (&'static str, &'static Literal)| {
        it.next.as_ref().map(|_chinese| Row { file, english: it.text.as_str() })
    };
    said(|file| file.starts_with(ROWS)).into_iter().filter_map(of).collect()
}

fn known() -> BTreeSet<&'static str> {
    rows().into_iter().map(|row| row.english).collect()
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

/// Two words at least, and no markup.
fn is_sentence(text: &str) -> bool {
    let has_letters = |word: &&str| word.chars().any(|letter| letter.is_ascii_lowercase());
    !text.starts_with('<') && text.split(' ').filter(has_letters).count() > 1
}

fn may_be_told(literal: &Literal) -> bool {
    let is_attribute = literal.within.iter().any(|name| name == "#");
    let is_error = literal.within.last().is_some_and(|name| name == "error");
    let has_chinese = is_chinese(&literal.text) || literal.next.as_deref().is_some_and(is_chinese);
    let is_inner = literal.within.iter().any(|name| NOT_FOR_READERS.contains(&name.as_str()));
    is_sentence(&literal.text) && !is_inner && !has_chinese && (!is_attribute || is_error)
}

/// What is said where rules are written.
fn said_by_rules() -> Vec<(&'static str, &'static Literal)> {
    let in_room = |file: &str| RULES.iter().any(|room| file.starts_with(&format!("{room}/")));
    said(|file| {
        (in_room(file) && !file.starts_with(ROWS))
            || RULES_ELSEWHERE.iter().any(|place| file.starts_with(place))
    })
}

#[test]
fn every_sentence_where_rules_are_written_has_its_chinese_or_a_reason_to_have_none() {
    let known = known();
    assert!(known.len() > 300, "the rows are read: {}", known.len());
    let mut faults = Vec::new();
    for (file, literal) in said_by_rules().into_iter().filter(|(_, literal)| may_be_told(literal)) {
        let is_excused = NOT_TOLD.iter().any(|not_told| not_told.covers(file, &literal.text));
        if !is_excused && !known.contains(literal.text.as_str()) {
            faults.push(format!("{file}:{}: {:?}", literal.line, literal.text));
        }
    }
    assert!(
        faults.is_empty(),
        "these have no Chinese: give each a row in {ROWS}, or a line in NOT_TOLD with the reason\n{}\n",
        faults.join("\n")
    );
}

#[test]
fn what_can_be_missing_is_named_in_chinese() {
    let (known, mut seen) = (known(), 0);
    for (file, literal) in said_by_rules() {
        if literal.within.last().is_some_and(|name| ["NotFound", "not_found"].contains(&name.as_str())) {
            seen += 1;
            let is_known = known.contains(literal.text.as_str());
            assert!(is_known, "{file}:{}: {:?} has no row", literal.line, literal.text);
        }
    }
    assert!(seen > 50, "the nouns are found: {seen}");
}

#[test]
fn every_row_is_of_a_text_that_is_there_and_so_is_every_reason() {
    let said = said(|file| !file.starts_with(ROWS));
    let texts: BTreeSet<&str> = said.iter().map(|(_, literal)| literal.text.as_str()).collect();
    let names = names_of_ids();
    // Put together of the parts of a macro, or of the name of a type.
    let is_made = |english: &str| english == "`{}` and 22 letters or digits" || names.contains(english);
    let is_unused = |row: &Row| row.file != FOREIGN && !texts.contains(row.english) && !is_made(row.english);
    let unused = rows().into_iter().filter(is_unused).map(|row| format!("{}: {}", row.file, row.english));
    let unused: Vec<String> = unused.collect();
    assert!(unused.is_empty(), "nobody says this any more:\n{}\n", unused.join("\n"));
    for not_told in NOT_TOLD {
        let there =
            |text: &str| said.iter().any(|(file, it)| file.starts_with(not_told.place) && it.text == text);
        for text in not_told.texts {
            assert!(there(text), "{} says {text:?} no more ({})", not_told.place, not_told.because);
        }
        let is_there = said.iter().any(|(file, _)| file.starts_with(not_told.place));
        assert!(is_there, "{} is gone", not_told.place);
    }
}

/// What an error of `id!` calls each type that is made by it, as `IdError` makes it of the name.
fn names_of_ids() -> BTreeSet<String> {
    let source = std::fs::read_to_string(root().join("src/domain/ids.rs")).expect("the ids are there");
    let made = source.split("id!(").skip(1).filter_map(|rest| {
        let line = rest.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("///"))?;
        line.split(',').next().filter(|name| name.chars().all(char::is_alphanumeric))
    });
    made.map(lictor::domain::noun_of_id).collect()
}

#[test]
fn every_id_is_called_something_in_chinese() {
    let (known, names) = (known(), names_of_ids());
    assert!(names.len() > 25 && names.contains("order line id"), "the ids are found: {names:?}");
    let nameless: Vec<&String> = names.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(nameless.is_empty(), "no row for {nameless:?}");
}
