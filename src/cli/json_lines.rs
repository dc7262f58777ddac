//! Lines in, lines out: what the checks for integrators read from the standard input.

use std::io::{self, BufRead, Read as _};

/// The next line without its end; none at the end of the input. What is longer than `bytes_max` is cut, and its rest
/// passed over: whoever reads it finds it broken.
pub fn next_line(input: &mut impl BufRead, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    if input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() != Some(&b'\n') && bytes.len() == bytes_max {
        input.skip_until(b'\n')?;
    }
    while bytes.last().is_some_and(|end| [b'\r', b'\n'].contains(end)) {
        bytes.pop();
    }
    Ok(Some(bytes))
}
