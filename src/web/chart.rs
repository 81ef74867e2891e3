//! Charts over time, as boxes in a drawing that stretches with the page. Pure geometry.

use jiff::{SignedDuration, Timestamp};

use super::words;

/// The drawing is so many units wide for each slot, and so many high.
const SLOT: f64 = 10.0;
const HEIGHT: f64 = 100.0;

#[derive(Debug, Default)]
pub(super) struct Chart {
    pub(super) width: String,
    pub(super) boxes: Vec<Block>,
    /// From the top.
    pub(super) lines: Vec<Tick>,
    /// From the left.
    pub(super) times: Vec<Tick>,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) class: &'static str,
    pub(super) title: String,
}

#[derive(Debug)]
pub(super) struct Tick {
    /// In percent.
    pub(super) at: String,
    pub(super) text: String,
    /// `start`, `middle` or `end`.
    pub(super) anchor: &'static str,
}

/// The slots of a chart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slots {
    pub(super) since: Timestamp,
    pub(super) slot_ms: i64,
    pub(super) number: usize,
}

impl Slots {
    fn start(&self, slot: usize) -> Timestamp {
        let ms = i64::try_from(slot)
            .unwrap_or(0)
            .saturating_mul(self.slot_ms);
        let ahead = SignedDuration::from_millis(ms);
        self.since.checked_add(ahead).unwrap_or(self.since)
    }

    fn is_of_days(&self) -> bool {
        self.slot_ms >= 86_400_000
    }

    fn label(&self, slot: usize) -> String {
        let format = if self.is_of_days() {
            "%-d %b"
        } else if self.slot_ms >= 3_600_000 {
            "%a %H:%M"
        } else {
            "%H:%M"
        };
        self.start(slot).strftime(format).to_string()
    }

    /// The first, the last, and what lies between.
    fn times(&self) -> Vec<Tick> {
        let parts: usize = 4;
        let ticks = (0..=parts).map(|part| {
            let slot = self.number * part / parts;
            Tick {
                at: format!("{:.2}", 100.0 * part as f64 / parts as f64),
                text: self.label(slot),
                anchor: match part {
                    0 => "start",
                    _ if part == parts => "end",
                    _ => "middle",
                },
            }
        });
        ticks.collect()
    }

    fn left(slot: usize) -> f64 {
        slot as f64 * SLOT
    }

    fn width(&self) -> String {
        format!("{:.0}", self.number as f64 * SLOT)
    }
}

/// Stacks `parts` (class, word, count for each slot) from the bottom.
pub(super) fn stacked(slots: Slots, parts: &[(&'static str, &str, &[i64])]) -> Chart {
    let height_of =
        |slot: usize| -> i64 { parts.iter().map(|(_, _, counts)| counts[slot].max(0)).sum() };
    let highest = (0..slots.number).map(height_of).max().unwrap_or(0);
    let top = round_up(highest);
    let mut boxes = Vec::new();
    for slot in 0..slots.number {
        let mut below = 0;
        for (class, word, counts) in parts {
            let count = counts[slot].max(0);
            if count == 0 {
                continue;
            }
            let height = HEIGHT * count as f64 / top as f64;
            below += count;
            boxes.push(Block {
                x: format!("{:.1}", Slots::left(slot) + SLOT * 0.08),
                y: format!("{:.2}", HEIGHT - HEIGHT * below as f64 / top as f64),
                width: format!("{:.1}", SLOT * 0.84),
                height: format!("{height:.2}"),
                class,
                title: format!("{}: {} {word}", slots.label(slot), words::count(count)),
            });
        }
    }
    Chart {
        width: slots.width(),
        boxes,
        lines: vec![
            level(0.0, words::count(top)),
            level(50.0, half(top)),
            level(100.0, String::from("0")),
        ],
        times: slots.times(),
    }
}

fn half(top: i64) -> String {
    if top % 2 == 0 {
        words::count(top / 2)
    } else {
        String::new()
    }
}

fn level(at: f64, text: String) -> Tick {
    Tick {
        at: format!("{at:.1}"),
        text,
        anchor: "end",
    }
}

/// The next 1, 2, 4, 6, 8 or 10 of its size.
fn round_up(number: i64) -> i64 {
    let mut size = 1;
    while size * 10 < number {
        size *= 10;
    }
    let steps = [1, 2, 4, 6, 8, 10];
    let found = steps.into_iter().map(|step| step * size);
    found
        .into_iter()
        .find(|top| *top >= number)
        .unwrap_or(10 * size)
        .max(2)
}

/// The middle and the slow end of each slot, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub(super) median_ms: i64,
    pub(super) slow_ms: i64,
}

/// From the median to the slow end, on a scale where each step is ten times the one before.
pub(super) fn spreads(slots: Slots, spreads: &[Option<Spread>]) -> Chart {
    let slowest = spreads.iter().flatten().map(|spread| spread.slow_ms).max();
    let mut top_ms = 1_000;
    while slowest.is_some_and(|slowest| slowest > top_ms) {
        top_ms *= 10;
    }
    let (least, top) = (10_f64.ln(), (top_ms as f64).ln());
    let height_of = |ms: i64| {
        let share = ((ms.max(10) as f64).ln() - least) / (top - least);
        HEIGHT * share.clamp(0.0, 1.0)
    };
    let mut boxes = Vec::new();
    for (slot, spread) in spreads.iter().enumerate() {
        let Some(spread) = spread else {
            continue;
        };
        let (low, high) = (height_of(spread.median_ms), height_of(spread.slow_ms));
        let title = format!(
            "{}: half within {}, 95 % within {}",
            slots.label(slot),
            words::span_ms(spread.median_ms),
            words::span_ms(spread.slow_ms),
        );
        for (class, y, height) in [
            ("range", HEIGHT - high, (high - low).max(1.0)),
            ("median", HEIGHT - low - 1.0, 2.0),
        ] {
            boxes.push(Block {
                x: format!("{:.1}", Slots::left(slot) + SLOT * 0.08),
                y: format!("{y:.2}"),
                width: format!("{:.1}", SLOT * 0.84),
                height: format!("{height:.2}"),
                class,
                title: title.clone(),
            });
        }
    }
    let mut lines = Vec::new();
    let mut ms = top_ms;
    while ms >= 100 {
        lines.push(level(HEIGHT - height_of(ms), words::span_ms(ms)));
        ms /= 10;
    }
    Chart {
        width: slots.width(),
        boxes,
        lines,
        times: slots.times(),
    }
}

/// Where `share` of the counted lie, between the ends of its class: classes by their upper end,
/// rising.
pub(super) fn quantile(classes: &[(i64, i64)], share: f64) -> Option<i64> {
    let total: i64 = classes.iter().map(|(_, count)| count).sum();
    if total <= 0 {
        return None;
    }
    let wanted = share * total as f64;
    let (mut below, mut lower) = (0.0, 0_i64);
    for (upper, count) in classes {
        let count = *count as f64;
        // The last class has no end of its own.
        let upper = if *upper == i64::MAX {
            lower.saturating_mul(2)
        } else {
            *upper
        };
        if count > 0.0 && below + count >= wanted {
            let part = ((wanted - below) / count).clamp(0.0, 1.0);
            return Some(lower + ((upper - lower) as f64 * part) as i64);
        }
        below += count;
        lower = upper;
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Slots = Slots {
        since: Timestamp::UNIX_EPOCH,
        slot_ms: 60_000,
        number: 3,
    };

    #[test]
    fn a_scale_ends_on_a_round_number() {
        for (number, top) in [
            (0, 2),
            (1, 2),
            (3, 4),
            (5, 6),
            (9, 10),
            (11, 20),
            (61, 80),
            (100, 100),
            (101, 200),
        ] {
            assert_eq!(round_up(number), top, "{number}");
        }
    }

    #[test]
    fn parts_are_stacked_without_overlap() {
        let chart = stacked(SLOTS, &[("a", "as", &[1, 0, 4]), ("b", "bs", &[3, 2, 0])]);
        let boxes: Vec<String> = chart
            .boxes
            .iter()
            .map(|block| {
                format!(
                    "{} {}+{} {}",
                    block.class, block.y, block.height, block.title
                )
            })
            .collect();
        insta::assert_snapshot!(boxes.join("\n"), @r"
        a 75.00+25.00 00:00: 1 as
        b 0.00+75.00 00:00: 3 bs
        b 50.00+50.00 00:01: 2 bs
        a 0.00+100.00 00:02: 4 as
        ");
    }

    #[test]
    fn a_quantile_lies_within_its_class() {
        let classes = [(100, 0), (250, 8), (500, 2), (i64::MAX, 0)];
        assert_eq!(quantile(&classes, 0.5), Some(193));
        assert_eq!(quantile(&classes, 0.9), Some(375));
        assert_eq!(quantile(&classes, 1.0), Some(500));
        assert_eq!(quantile(&[(100, 0)], 0.5), None);
        assert_eq!(quantile(&[(100, 0), (i64::MAX, 4)], 0.5), Some(150));
    }

    #[test]
    fn slow_deliveries_stand_higher() {
        let spread = |median_ms, slow_ms| Some(Spread { median_ms, slow_ms });
        let chart = spreads(SLOTS, &[spread(100, 1_000), None, spread(1_000, 10_000)]);
        let tops: Vec<(&str, &str)> = chart
            .boxes
            .iter()
            .map(|block| (block.class, block.y.as_str()))
            .collect();
        let expected = [
            ("range", "33.33"),
            ("median", "65.67"),
            ("range", "0.00"),
            ("median", "32.33"),
        ];
        assert_eq!(tops, expected);
    }
}
