//! JSON as text, in any order of members and with any blanks.

use serde_json::Value;

use super::dice::Dice;

/// A value whose members have an order.
#[derive(Debug, Clone)]
pub enum Tree {
    Leaf(String),
    List(Vec<Self>),
    Object(Vec<Member>),
}

type Member = (String, Tree);

impl Tree {
    /// Members sorted by name.
    pub fn sorted(value: &Value) -> Self {
        Self::ordered(value, &mut |_| ())
    }

    /// Members in an order that the dice give.
    pub fn shuffled(value: &Value, dice: &mut Dice) -> Self {
        Self::ordered(value, &mut |members| dice.shuffle(members))
    }

    fn ordered(value: &Value, order: &mut dyn FnMut(&mut [Member])) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(|item| Self::ordered(item, order)).collect()),
            Value::Object(members) => {
                let mut members: Vec<_> =
                    members.iter().map(|(name, value)| (name.clone(), Self::ordered(value, order))).collect();
                order(&mut members);
                Self::Object(members)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Self::Leaf(value.to_string())
            }
        }
    }

    /// Without blanks, or with a blank wherever JSON allows one.
    pub fn render(&self, spaced: bool) -> String {
        let blank = if spaced { " " } else { "" };
        let joint = format!("{blank},{blank}");
        match self {
            Self::Leaf(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.render(spaced)).collect();
                format!("[{blank}{}{blank}]", items.join(&joint))
            }
            Self::Object(members) => {
                let member = |(name, value): &Member| {
                    format!("{}{blank}:{blank}{}", Value::from(name.as_str()), value.render(spaced))
                };
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{blank}{}{blank}}}", members.join(&joint))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_in_every_order_and_with_blanks() {
        let value = serde_json::json!({ "b": [1, { "y": null, "x": "ü\"" }], "a": { "d": true, "c": 1.50 } });
        assert_eq!(Tree::sorted(&value).render(false), value.to_string());
        let mut dice = Dice::seeded(7);
        let mut orders = std::collections::BTreeSet::new();
        for _ in 0..40 {
            let tree = Tree::shuffled(&value, &mut dice);
            for spaced in [false, true] {
                assert_eq!(serde_json::from_str::<Value>(&tree.render(spaced)).unwrap(), value);
            }
            orders.insert(tree.render(false));
        }
        assert!(orders.len() > 4, "{orders:?}");
    }
}
