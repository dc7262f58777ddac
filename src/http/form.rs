//! What a page sent: fields of a form, some of them perhaps a file.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode;

/// Most fields of any form here, those of no meaning included.
const FIELDS_MAX: usize = 1_024;

/// The fields, in order. Of fields with one name the first counts, except where all are asked for.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

/// The body is no form, or not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoForm;

impl Form {
    /// A form as it stands before anybody fills it in.
    pub fn of<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Reads `application/x-www-form-urlencoded` or `multipart/form-data`; the body is bounded already.
    pub async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, NoForm> {
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut form = Self::default();
        if !kind.starts_with("multipart/form-data") {
            let text = std::str::from_utf8(&body).map_err(|_no_text| NoForm)?;
            for pair in text.split('&').filter(|pair| !pair.is_empty()) {
                let (name, value) = pair.split_once('=').ok_or(NoForm)?;
                form.add(&decoded(name)?, decoded(value)?)?;
            }
            return Ok(form);
        }
        let mut request = Request::new(Body::from(body));
        request.headers_mut().insert(header::CONTENT_TYPE, headers[header::CONTENT_TYPE].clone());
        let mut fields = Multipart::from_request(request, &()).await.map_err(|_no_boundary| NoForm)?;
        while let Some(field) = fields.next_field().await.map_err(|_broken| NoForm)? {
            let name = field.name().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.map_err(|_broken| NoForm)?;
            form.add(&name, String::from_utf8_lossy(&bytes).into_owned())?;
        }
        Ok(form)
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), NoForm> {
        if self.0.len() == FIELDS_MAX {
            return Err(NoForm);
        }
        self.0.push((name.to_owned(), value));
        Ok(())
    }

    /// A field without blanks around it; empty where it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field as it was typed, each line end as one line feed: browsers send two characters. Empty where it was not sent.
    pub fn typed(&self, name: &str) -> String {
        self.raw(name).replace("\r\n", "\n")
    }

    /// Every value that was chosen under a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Name and value of each field.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

fn decoded(text: &str) -> Result<String, NoForm> {
    let blanks = text.replace('+', " ");
    percent_decode(blanks.as_bytes()).decode_utf8().map(|text| text.into_owned()).map_err(|_no_text| NoForm)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(kind: &str, body: &str) -> Result<Form, NoForm> {
        let kind = kind.parse().expect("a test writes valid headers");
        Form::read(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]), Bytes::from(body.to_owned())).await
    }

    const PLAIN: &str = "application/x-www-form-urlencoded";

    #[tokio::test]
    async fn both_kinds_of_forms_are_read() {
        let form = read(PLAIN, "code=+a%0Ab+&code=c&lang=zh").await.expect("a form");
        assert_eq!((form.text("code"), form.text("lang"), form.text("none")), ("a\nb", "zh", ""));
        let body = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\n\r\n--x--\r\n";
        let form = read("multipart/form-data; boundary=x", body).await.expect("a form");
        assert_eq!(form.text("file"), "hello");
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        for (kind, body) in [
            (PLAIN, "code"),
            (PLAIN, "code=%FF"),
            ("multipart/form-data", "--x"),
            ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"),
        ] {
            assert_eq!(read(kind, body).await.err(), Some(NoForm), "{kind} {body}");
        }
        let many: String = (0..FIELDS_MAX + 1).map(|field| format!("f{field}=1&")).collect();
        assert_eq!(read(PLAIN, &many).await.err(), Some(NoForm));
    }
}
