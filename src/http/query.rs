//! Query parameters: named, at most once each, and no unknown one.

use axum::extract::Query;
use axum::http::Uri;

use super::error::ApiError;

/// The parameters of one request.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads them; only `known` ones are taken.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Self, ApiError> {
        let unreadable = |_| ApiError::invalid("", "the query string cannot be read");
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(unreadable)?;
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let why = match known {
                    [] => "there are no query parameters here; leave them out".to_owned(),
                    _ => format!("there is no such query parameter; known are {}", known.join(", ")),
                };
                return Err(ApiError::invalid(&pointer(name), why));
            }
            if pairs[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(ApiError::invalid(&pointer(name), "the query parameter stands twice"));
            }
        }
        Ok(Self(pairs))
    }

    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter as what it means.
    pub fn get<T>(
        &self,
        name: &str,
        rule: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let wrong = || ApiError::invalid(&pointer(name), rule);
        self.text(name).map(|text| read(text).ok_or_else(wrong)).transpose()
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        Ok(self.get(name, "true or false", |text| text.parse().ok())?.unwrap_or(false))
    }
}

/// A parameter is pointed at as if the query were an object.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
