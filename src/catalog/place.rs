//! Where an object of an apply file stands: for mistakes that show only beside what the server has already.

use toml::de::DeValue;

use crate::config::{Member, Mistake, Section, read_document};

/// A mistake at the object that a pointer such as `/spec/cad-pro` or `/merchant/issuer` names by its id, or at the
/// start of the file when the file has no such object.
pub fn mistake_at(text: &str, pointer: &str, message: &str) -> Mistake {
    let names: Vec<&str> = pointer.split('/').skip(1).collect();
    let noted = read_document(text, |root| note(root, &names, message));
    let nowhere = || Mistake { line: 1, pointer: pointer.to_owned(), message: message.to_owned() };
    noted.err().and_then(|mistakes| mistakes.into_iter().next()).unwrap_or_else(nowhere)
}

fn note(root: &Section<'_>, names: &[&str], message: &str) {
    let [kind, rest @ ..] = names else { return };
    let entries = root.entries();
    let Some((_, member)) = entries.iter().find(|(name, _)| name == kind) else { return };
    let (object, rest) = match (member.value(), rest) {
        (DeValue::Array(_), [id, rest @ ..]) => {
            (member.items().into_iter().find(|item| names_itself(item, id)), rest)
        }
        _ => (Some(member.clone()), rest),
    };
    let Some(object) = object else { return };
    let below = object.section().map(|section| section.entries()).unwrap_or_default();
    match below.iter().find(|(name, _)| rest.first() == Some(name)) {
        Some((_, member)) => member.mistake(message),
        None => object.mistake(message),
    }
}

/// By `id`, or by what stands in its place: the first SKU of a spec, the name of a token.
fn names_itself(object: &Member<'_>, id: &str) -> bool {
    let entries = object.section().map(|section| section.entries()).unwrap_or_default();
    let of = |name| entries.iter().find(|(known, _)| *known == name).map(|(_, member)| member.value());
    match of("id").or(of("name").filter(|_| of("scopes").is_some())).or(of("sku")) {
        Some(DeValue::String(text)) => text == id,
        Some(DeValue::Array(items)) => {
            items.first().is_some_and(|item| matches!(item.get_ref(), DeValue::String(text) if text == id))
        }
        _ => false,
    }
}
