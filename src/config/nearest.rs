//! "Did you mean …?"

/// The candidate that differs least from `text`, if it differs little: by at most two fifths of its characters.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let distances = candidates.into_iter().map(|candidate| {
        let contained =
            candidate.len() > 2 && text.len() > 2 && (text.contains(candidate) || candidate.contains(&text));
        let distance = distance(&text, &candidate.to_lowercase());
        (if contained { distance.min(2) } else { distance }, candidate)
    });
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    let allowed = (text.chars().count().max(candidate.chars().count()) * 2 / 5).max(1);
    (distance <= allowed).then_some(candidate)
}

/// ` (did you mean …?)`, or the whole list where nothing is near.
pub fn suggestion(text: &str, candidates: &[&str]) -> String {
    const CANDIDATES_MAX: usize = 50;
    let candidates = &candidates[..candidates.len().min(CANDIDATES_MAX)];
    match nearest(text, candidates.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; it is one of: {}", candidates.join(", ")),
    }
}

/// Edits (insert, delete, replace, swap of neighbours) that lead from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    const CHARS_MAX: usize = 64;
    let from: Vec<char> = from.chars().take(CHARS_MAX).collect();
    let to: Vec<char> = to.chars().take(CHARS_MAX).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, &a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in to.iter().enumerate() {
            let mut best = (rows[i][j] + usize::from(a != b)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == to[j - 1] && from[i - 1] == b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_word_and_a_stranger_finds_none() {
        let words = ["machines", "multiply", "entitlements", "term"];
        for (typed, meant) in [
            ("machine", Some("machines")),
            ("mulitply", Some("multiply")),
            ("Term", Some("term")),
            ("entitlement", Some("entitlements")),
            ("colour", None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
    }
}
