//! Numbers, times and spans as people read them. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::until;

/// `12,345`.
pub(super) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 {
        text.insert(0, '−');
    }
    text
}

/// `count` of something: `1 event`, `3 events`.
pub(super) fn count_of(number: i64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {one}{ending}", count(number))
}

/// `40 ms`, `2.4 s`, `3 min`, `2 h 10 min`, `4 d 3 h`.
pub(super) fn span(span: Duration) -> String {
    let ms = span.as_millis();
    let (minutes, hours) = (ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..60_000 => format!("{} s", ms / 1000),
        60_000..3_600_000 => format!("{minutes} min"),
        3_600_000..86_400_000 if minutes % 60 == 0 => format!("{hours} h"),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ if hours % 24 == 0 => format!("{} d", hours / 24),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

pub(super) fn span_ms(ms: i64) -> String {
    span(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// How long ago `at` was.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    span(until(at, now))
}

/// A stretch of a text of ours: words, or what stands in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) is_code: bool,
    pub(super) text: String,
}

pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(number, part)| Piece {
            is_code: number % 2 == 1,
            text: part.to_owned(),
        })
        .collect()
}

/// A moment, for `<time>`: machine-readable, in full, and how long ago.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) machine: String,
    /// `2026-08-01 12:00:01 UTC`.
    pub(super) full: String,
    /// `12:00:01`, or with the day where that is another.
    pub(super) short: String,
    pub(super) ago: String,
}

impl Moment {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        let (day, time) = (at.strftime("%F"), at.strftime("%T"));
        let is_today = now.strftime("%F").to_string() == day.to_string();
        let distance = match at.duration_since(now).as_millis() {
            1.. => format!("in {}", age(now, at)),
            -999..=0 => String::from("just now"),
            _ => format!("{} ago", age(at, now)),
        };
        Self {
            machine: format!("{at:.3}"),
            full: format!("{day} {time} UTC"),
            short: if is_today {
                time.to_string()
            } else {
                format!("{day} {time}")
            },
            ago: distance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let of = |number| count(number);
        assert_eq!([of(0), of(999), of(1000)], ["0", "999", "1,000"]);
        assert_eq!([of(-12), of(1_234_567)], ["−12", "1,234,567"]);
        assert_eq!(count_of(1, "event"), "1 event");
        assert_eq!(count_of(2, "event"), "2 events");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (ms, words) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (2_450, "2.4 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (7_800_000, "2 h 10 min"),
            (7_200_000, "2 h"),
            (86_400_000, "1 d"),
            (97_200_000, "1 d 3 h"),
        ] {
            assert_eq!(span_ms(ms), words, "{ms}");
        }
    }

    #[test]
    fn what_stands_in_backticks_is_code() {
        let read: Vec<(bool, String)> = pieces("add to `voice`, or `x`")
            .into_iter()
            .map(|piece| (piece.is_code, piece.text))
            .collect();
        let piece = |is_code, text: &str| (is_code, text.to_owned());
        let expected = [
            piece(false, "add to "),
            piece(true, "voice"),
            piece(false, ", or "),
            piece(true, "x"),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_moment_names_its_day_unless_it_is_today() {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        let today = Moment::new("2026-08-01T11:58:00Z".parse().unwrap(), now);
        assert_eq!(
            (today.short.as_str(), today.ago.as_str()),
            ("11:58:00", "2 min ago")
        );
        let before = Moment::new("2026-07-31T12:00:00Z".parse().unwrap(), now);
        assert_eq!(before.short, "2026-07-31 12:00:00");
        let ahead = Moment::new("2026-08-01T12:00:05Z".parse().unwrap(), now);
        assert_eq!(ahead.ago, "in 5.0 s");
    }
}
