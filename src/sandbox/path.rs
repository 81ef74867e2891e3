//! Paths and queries, taken apart. Pure.

/// The path's segments with percent-encoding undone; `None` if that is not possible.
pub(super) fn decoded_segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/')?;
    path.split('/').map(decoded).collect()
}

/// The query's pairs in their order; `None` if one is not `name=value`.
pub(super) fn decoded_pairs(query: &str) -> Option<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((decoded(name)?, decoded(&value.replace('+', " "))?))
    });
    pairs.collect()
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (pair, tail) = rest.split_at_checked(2)?;
        let byte = data_encoding::HEXLOWER_PERMISSIVE.decode(pair).ok()?;
        bytes.extend(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_or_not_taken() {
        let pairs = decoded_pairs("userId=7&status=ON%5FHOLD&&q=a+b").expect("pairs");
        let shown: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        assert_eq!(shown, ["userId:7", "status:ON_HOLD", "q:a b"]);
        assert_eq!(decoded_pairs("userId"), None);
        assert_eq!(decoded_pairs("a=%zz"), None);
    }
}
