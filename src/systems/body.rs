//! A webhook's body as JSON: the one place where recorded bytes are parsed, whoever reads them.
//!
//! JSON may hold what no Unicode text can: `"\ud83d"`, half of a pair, as senders write it that cut
//! a summary inside an emoji. The parser refuses that. Such a body is read with `\ufffd` in its
//! place, which is as long, so that places in it stay the same; what is kept are the bytes as they
//! came. Only a body that the parser has refused is looked through for this.

use serde::de::DeserializeOwned;

use super::json::Json;

const REPLACEMENT: &[u8; 4] = b"fffd";

/// The body as JSON that owns its texts.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body).or_else(|error| match mended(body) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(error),
    })
}

/// What `read` makes of the body as JSON whose texts are parts of it.
pub fn with<R>(body: &[u8], read: impl FnOnce(serde_json::Result<Json<'_>>) -> R) -> R {
    match serde_json::from_slice(body) {
        Err(error) => match mended(body) {
            Some(mended) => read(serde_json::from_slice(&mended)),
            None => read(Err(error)),
        },
        parsed => read(parsed),
    }
}

/// The same with each half of a pair that stands alone replaced; `None`: there is none.
pub fn mended(body: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let (mut place, mut in_string) = (0, false);
    while let Some(byte) = body.get(place) {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                let next = body.get(place + 6..);
                match (unit(&body[place..]), next.and_then(unit)) {
                    (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => place += 11,
                    (Some(0xD800..=0xDFFF), _) => {
                        let mended = mended.get_or_insert_with(|| body.to_vec());
                        mended[place + 2..place + 6].copy_from_slice(REPLACEMENT);
                        place += 5;
                    }
                    // What is escaped by one character; digits that follow are text to this.
                    _ => place += 1,
                }
            }
            _ => {}
        }
        place += 1;
    }
    mended
}

/// The unit of UTF-16 that `\uXXXX` stands for at the beginning of this.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    // The parser of numbers takes a sign.
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Option<&str>) {
        let mended = mended(body.as_bytes());
        let mended = mended.map(|mended| String::from_utf8(mended).unwrap());
        assert_eq!(mended.as_deref(), expected, "{body}");
    }

    #[test]
    fn only_halves_that_stand_alone_are_replaced() {
        check(r#"{"a":"plain"}"#, None);
        check(r#"{"a":"\ud83d\ude00 \u00e9 \\ud83d \" \n"}"#, None);
        check(r#"{"a":"cut \ud83d"}"#, Some(r#"{"a":"cut \ufffd"}"#));
        check(r#"{"a":"\uDE00\ud83d"}"#, Some(r#"{"a":"\ufffd\ufffd"}"#));
        check(
            r#"{"\ud83d":"\ud83d\ud83d\ude00"}"#,
            Some(r#"{"\ufffd":"\ufffd\ud83d\ude00"}"#),
        );
        check(
            r#"{"a":"\ud83d\n\ud83dA\ud83d\u0041"}"#,
            Some(r#"{"a":"\ufffd\n\ufffdA\ufffd\u0041"}"#),
        );
        check(r#"{"a":"\\\ud83d\\"}"#, Some(r#"{"a":"\\\ufffd\\"}"#));
        // What is no JSON for another reason stays so.
        check(r#"{"a":"\ud83"#, None);
        check(r#"{"a":"\u+83d \u"#, None);
        check(r#"\ud83d"#, None);
    }

    #[test]
    fn what_is_read_is_what_was_meant_but_for_the_half() {
        let body = br#"{"note":"yes \ud83d","x":1}"#;
        let expected = json!({ "note": "yes \u{fffd}", "x": 1 });
        assert_eq!(parse::<Value>(body).unwrap(), expected);
        with(body, |parsed| {
            assert_eq!(Value::from(parsed.unwrap()), expected)
        });
        assert!(parse::<Value>(br#"{"note":"\ud83d"#).is_err());
        assert!(parse::<Value>(br#"{"note":1e400}"#).is_err());
    }

    /// Text in units of UTF-16, each perhaps half of a pair, as a careless sender escapes it.
    fn escaped(units: &[u16]) -> String {
        units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
    }

    proptest! {
        #[test]
        fn any_units_are_read_as_everybody_reads_them(
            units in prop::collection::vec(
                prop_oneof![any::<u16>(), 0xD7F0_u16..0xE010, Just(0x22), Just(0x5C)], 0..12),
            before in "[a-z\\\\\"]{0,4}",
        ) {
            let before = serde_json::to_string(&before).unwrap();
            let body = format!("{{\"a\":{before},\"b\":\"{}\"}}", escaped(&units));
            let read: Value = parse(body.as_bytes()).unwrap();
            prop_assert_eq!(read["b"].as_str().unwrap(), String::from_utf16_lossy(&units));
            if let Some(mended) = mended(body.as_bytes()) {
                prop_assert_eq!(mended.len(), body.len());
                prop_assert_eq!(super::mended(&mended), None);
            }
        }

        #[test]
        fn whatever_comes_is_looked_through(body in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'\\'), Just(b'u'), Just(b'd'), Just(b'8'), Just(b'"')], 0..64)
        ) {
            if let Some(mended) = mended(&body) {
                prop_assert_eq!(mended.len(), body.len());
            }
        }
    }
}
