//! What pages are made of: the same few blocks everywhere, so that headings, labels and captions are done once.

use std::fmt;

use askama::Template;

/// HTML that our templates made, in which every value is escaped.
#[derive(Debug, Clone, Default)]
pub struct Html(String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

impl Html {
    /// What a template makes of its values.
    pub fn of(template: &impl Template) -> Self {
        Self(template.render().unwrap_or_else(|error| {
            tracing::error!(%error, "a part of a page could not be made");
            String::new()
        }))
    }

    /// This and what follows it.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.0.push('\n');
        self.0.push_str(&next.0);
        self
    }

    /// All of them, one after the other.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::default(), Self::then)
    }

    /// A picture that [`crate::http::qr::Qr`] drew.
    pub fn picture(svg: String) -> Self {
        Self(svg)
    }
}

macro_rules! inline {
    ($(#[$doc:meta])* $function:ident($($name:ident),+) = $source:literal) => {
        $(#[$doc])*
        pub fn $function($($name: impl fmt::Display),+) -> Html {
            #[derive(Template)]
            #[template(source = $source, ext = "html")]
            struct Inline { $($name: String),+ }
            Html::of(&Inline { $($name: $name.to_string()),+ })
        }
    };
}

inline!(
    /// Plain text.
    text(value) = "{{ value }}"
);
inline!(
    /// A paragraph.
    paragraph(value) = "<p>{{ value }}</p>"
);
inline!(
    /// A heading within a part.
    minor_heading(value) = "<h3>{{ value }}</h3>"
);
inline!(
    /// An id, a code, an address.
    code(value) = "<code>{{ value }}</code>"
);
inline!(
    /// What a program or the marketplace has said, which is English for every reader.
    english(value) = "<span lang=\"en\">{{ value }}</span>"
);
inline!(
    /// What people typed, which may be long and without a blank.
    anywhere(value) = "<span class=\"anywhere\">{{ value }}</span>"
);
inline!(
    /// Something said beside what matters.
    soft(value) = "<span class=\"soft\">{{ value }}</span>"
);
inline!(
    /// A number in a table.
    number(value) = "<span class=\"number\">{{ value }}</span>"
);
inline!(
    /// How much of something is used, in percent.
    share(percent) =
        "<progress max=\"100\" value=\"{{ percent }}\" aria-label=\"{{ percent }} %\">{{ percent }} %</progress> {{ percent }} %"
);
inline!(
    /// An instant: for programs, and as people read it.
    time(machine, shown) = "<time datetime=\"{{ machine }}\">{{ shown }}</time>"
);
inline!(
    /// Where to go.
    link(href, shown) = "<a href=\"{{ href }}\">{{ shown }}</a>"
);
inline!(
    /// The same with an id, which may be broken anywhere.
    link_code(href, shown) = "<a href=\"{{ href }}\"><code>{{ shown }}</code></a>"
);
inline!(
    /// A link that looks like a button, of a kind: empty or `grave`.
    button_link(href, shown, kind) = "<a class=\"button {{ kind }}\" href=\"{{ href }}\">{{ shown }}</a>"
);
inline!(
    /// How something stands, of a kind: `good`, `warn`, `bad` or empty.
    state(shown, kind) = "<span class=\"state {{ kind }}\">{{ shown }}</span>"
);
inline!(
    /// Something to notice; it was asked for, so it is told politely.
    done(shown) = "<p class=\"notice good\" role=\"status\">{{ shown }}</p>"
);
inline!(
    /// Something to notice.
    warning(shown) = "<p class=\"notice warn\">{{ shown }}</p>"
);
inline!(
    /// What to do where there is nothing.
    empty(shown) = "<p class=\"empty\">{{ shown }}</p>"
);

/// A value in quotation marks; line ends stay what they are, whoever reads it.
pub fn attribute(value: &str) -> Html {
    Html(text(value).0.replace('\r', "&#13;").replace('\n', "&#10;"))
}

/// Things below each other, as in one cell.
pub fn lines(parts: impl IntoIterator<Item = Html>) -> Html {
    Html::all(parts.into_iter().map(|part| Html(format!("<span class=\"line\">{part}</span>"))))
}

/// Things beside each other.
pub fn row(parts: impl IntoIterator<Item = Html>) -> Html {
    let parts: Vec<_> = parts.into_iter().collect();
    if parts.is_empty() {
        return Html::default();
    }
    Html(format!("<div class=\"row\">{}</div>", Html::all(parts)))
}

/// Pictures beside each other.
pub fn tiles(parts: impl IntoIterator<Item = Html>) -> Html {
    Html(format!("<div class=\"tiles\">{}</div>", Html::all(parts)))
}

/// QR codes beside each other; several are numbered, for they are read in order.
pub fn codes(parts: impl IntoIterator<Item = Html>) -> Html {
    let parts: Vec<_> = parts.into_iter().collect();
    let of = parts.len();
    let numbered = parts.into_iter().enumerate().map(|(at, part)| {
        let number = if of > 1 { format!("<figcaption>{}/{of}</figcaption>", at + 1) } else { String::new() };
        Html(format!("<figure>{number}{part}</figure>"))
    });
    Html(format!("<div class=\"codes\">{}</div>", Html::all(numbered)))
}

/// A list of things.
pub fn list(items: impl IntoIterator<Item = Html>) -> Html {
    let items: String = items.into_iter().map(|item| format!("<li>{item}</li>")).collect();
    Html(format!("<ul>{items}</ul>"))
}

/// The same under a heading of a part; nothing where there is none.
pub fn headed_list(title: &str, items: Vec<Html>) -> Html {
    if items.is_empty() {
        return Html::default();
    }
    minor_heading(title).then(list(items))
}

/// A part of a page under its own heading.
#[derive(Template)]
#[template(path = "console/section.html")]
pub struct Section<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub body: Html,
}

/// A part of a page under its own heading.
pub fn section(id: &str, title: &str, body: Html) -> Html {
    Html::of(&Section { id, title, body })
}

/// Names and values.
#[derive(Template)]
#[template(path = "console/facts.html")]
struct Facts<'a> {
    rows: Vec<(&'a str, Html)>,
}

/// Names and values.
pub fn facts(rows: Vec<(&str, Html)>) -> Html {
    Html::of(&Facts { rows })
}

/// Rows under a caption; what to do where there are none.
#[derive(Template)]
#[template(path = "console/table.html")]
struct Table<'a> {
    caption: &'a str,
    columns: &'a [&'a str],
    rows: Vec<Vec<Html>>,
    empty: &'a str,
}

/// Rows under a caption; what to do where there are none.
pub fn table(caption: &str, columns: &[&str], rows: Vec<Vec<Html>>, empty: &str) -> Html {
    Html::of(&Table { caption, columns, rows, empty })
}

/// One event.
pub struct Entry {
    pub title: String,
    pub when: Html,
    pub who: String,
    pub details: Vec<(String, Html)>,
}

#[derive(Template)]
#[template(path = "console/timeline.html")]
struct Timeline<'a> {
    entries: Vec<Entry>,
    empty: &'a str,
}

/// Events, newest first.
pub fn timeline(entries: Vec<Entry>, empty: &str) -> Html {
    Html::of(&Timeline { entries, empty })
}

#[derive(Template)]
#[template(path = "console/text.html")]
struct LongText<'a> {
    id: &'a str,
    label: &'a str,
    rows: usize,
    text: &'a str,
}

/// A text to be copied.
pub fn long_text(id: &str, label: &str, rows: usize, text: &str) -> Html {
    Html::of(&LongText { id, label, rows, text })
}
