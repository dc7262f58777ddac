//! Forms: what was typed stays, and each mistake is told at its field and at the top.

use askama::Template;

use super::blocks::{Html, attribute};

/// How a field is filled in.
pub enum Kind {
    /// One line of at most so many characters.
    Line(usize),
    /// Several lines: so many are shown, so many characters are taken.
    Text(usize, usize),
    /// One of these: value and words.
    Choice(Vec<(String, String)>),
    /// Any of these.
    Boxes(Vec<Tick>),
    /// A file.
    File,
}

/// A box to be ticked.
pub struct Tick {
    pub value: String,
    pub text: String,
    pub is_chosen: bool,
}

/// A field with its label.
#[derive(Template)]
#[template(path = "console/field.html")]
pub struct Field<'a> {
    id: String,
    name: &'a str,
    label: &'a str,
    kind: Kind,
    value: String,
    required: bool,
    hint: Option<String>,
    error: Option<String>,
    described: String,
    is_group: bool,
}

impl<'a> Field<'a> {
    pub fn new(name: &'a str, label: &'a str, kind: Kind) -> Self {
        let is_group = matches!(kind, Kind::Boxes(_));
        Self {
            id: format!("field-{name}"),
            name,
            label,
            kind,
            value: String::new(),
            required: false,
            hint: None,
            error: None,
            described: String::new(),
            is_group,
        }
    }

    /// With what was typed.
    #[must_use]
    pub fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// What is wrong, and with which field; an empty name is none of them.
pub type Mistakes = Vec<(&'static str, String)>;

/// A form that is sent by POST.
pub struct Form<'a> {
    pub action: &'a str,
    pub hidden: Vec<(&'a str, String)>,
    pub fields: Vec<Field<'a>>,
    pub submit: &'a str,
    /// Whether it ends something.
    pub is_grave: bool,
    pub cancel: Option<(&'a str, &'a str)>,
    pub is_upload: bool,
}

#[derive(Template)]
#[template(path = "console/form.html")]
struct FormPart<'a> {
    method: &'a str,
    action: &'a str,
    hidden: Vec<(&'a str, Html)>,
    fields: Vec<Html>,
    submit: &'a str,
    is_grave: bool,
    cancel: Option<(&'a str, &'a str)>,
    is_upload: bool,
}

impl<'a> Form<'a> {
    pub fn new(action: &'a str, submit: &'a str) -> Self {
        let (hidden, fields) = (Vec::new(), Vec::new());
        Self { action, hidden, fields, submit, is_grave: false, cancel: None, is_upload: false }
    }

    #[must_use]
    pub fn field(mut self, field: Field<'a>) -> Self {
        self.fields.push(field);
        self
    }

    #[must_use]
    pub fn hidden(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.hidden.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn grave(self) -> Self {
        Self { is_grave: true, ..self }
    }

    #[must_use]
    pub fn cancel(self, href: &'a str, words: &'a str) -> Self {
        Self { cancel: Some((href, words)), ..self }
    }

    /// The form with its mistakes at their fields.
    pub fn html(self, mistakes: &Mistakes) -> Html {
        self.sent_by("post", mistakes)
    }

    /// The same for a form that only looks something up.
    pub fn looking_up(self, mistakes: &Mistakes) -> Html {
        self.sent_by("get", mistakes)
    }

    fn sent_by(self, method: &'a str, mistakes: &Mistakes) -> Html {
        let with_mistake = |field: Field<'a>| {
            let error = mistakes.iter().find(|(name, _)| *name == field.name).map(|(_, text)| text.clone());
            let parts = [field.hint.is_some().then_some("hint"), error.is_some().then_some("error")];
            let parts = parts.into_iter().flatten().map(|part| format!("{}-{part}", field.id));
            let described = parts.collect::<Vec<_>>().join(" ");
            Html::of(&Field { error, described, ..field })
        };
        let Self { action, hidden, fields, submit, is_grave, cancel, is_upload } = self;
        let fields = fields.into_iter().map(with_mistake).collect();
        let hidden = hidden.iter().map(|(name, value)| (*name, attribute(value))).collect();
        Html::of(&FormPart { method, action, hidden, fields, submit, is_grave, cancel, is_upload })
    }
}

#[derive(Template)]
#[template(path = "console/errors.html")]
struct Errors<'a> {
    title: &'a str,
    errors: Vec<(String, &'a str)>,
}

/// The mistakes at the top of a page, each a link to its field; nothing where there are none.
pub fn summary(title: &str, mistakes: &Mistakes) -> Html {
    if mistakes.is_empty() {
        return Html::default();
    }
    let field = |name: &str| if name.is_empty() { String::new() } else { format!("field-{name}") };
    let errors = mistakes.iter().map(|(name, text)| (field(name), text.as_str())).collect();
    Html::of(&Errors { title, errors })
}
