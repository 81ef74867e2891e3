//! Two texts, line by line: what went, what came, with a little of what stayed around it. Pure.

/// Lines kept around a change.
const AROUND: usize = 3;
/// Longer middles are shown as gone and come whole, not compared line by line.
const MOST_COMPARED: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Same,
    Gone,
    Come,
    /// Lines left out here.
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) change: Change,
    pub(super) text: String,
}

impl Line {
    /// The class and the sign of it.
    pub(super) fn sign(&self) -> &'static str {
        match self.change {
            Change::Same => " ",
            Change::Gone => "−",
            Change::Come => "+",
            Change::Skipped => "…",
        }
    }

    pub(super) fn class(&self) -> &'static str {
        match self.change {
            Change::Same => "same",
            Change::Gone => "gone",
            Change::Come => "come",
            Change::Skipped => "skipped",
        }
    }
}

/// What changed from `before` to `after`; empty if nothing did.
pub(super) fn diff(before: &str, after: &str) -> Vec<Line> {
    if before == after {
        return Vec::new();
    }
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    let head = before
        .iter()
        .zip(&after)
        .take_while(|(a, b)| a == b)
        .count();
    let rest = before.len().min(after.len()) - head;
    let ends = before.iter().rev().zip(after.iter().rev());
    let tail = ends.take(rest).take_while(|(a, b)| a == b).count();
    let line = |change, text: &str| Line {
        change,
        text: text.to_owned(),
    };
    let mut lines: Vec<Line> = before[..head]
        .iter()
        .map(|text| line(Change::Same, text))
        .collect();
    let (gone, come) = (
        &before[head..before.len() - tail],
        &after[head..after.len() - tail],
    );
    compare(gone, come, &mut lines);
    let last = &before[before.len() - tail..];
    lines.extend(last.iter().map(|text| line(Change::Same, text)));
    shorten(lines)
}

/// The longest lines in common stay.
fn compare(before: &[&str], after: &[&str], lines: &mut Vec<Line>) {
    let mut push = |change, text: &str| {
        lines.push(Line {
            change,
            text: text.to_owned(),
        });
    };
    if before.len() > MOST_COMPARED || after.len() > MOST_COMPARED {
        before.iter().for_each(|text| push(Change::Gone, text));
        after.iter().for_each(|text| push(Change::Come, text));
        return;
    }
    // From the end: how many lines the rests have in common.
    let width = after.len() + 1;
    let mut common = vec![0_u16; (before.len() + 1) * width];
    for (row, own) in before.iter().enumerate().rev() {
        for (column, other) in after.iter().enumerate().rev() {
            common[row * width + column] = if own == other {
                common[(row + 1) * width + column + 1] + 1
            } else {
                common[(row + 1) * width + column].max(common[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < before.len() || column < after.len() {
        if row < before.len() && column < after.len() && before[row] == after[column] {
            push(Change::Same, before[row]);
            row += 1;
            column += 1;
            continue;
        }
        let goes = row < before.len()
            && (column == after.len()
                || common[(row + 1) * width + column] >= common[row * width + column + 1]);
        if goes {
            push(Change::Gone, before[row]);
            row += 1;
        } else {
            push(Change::Come, after[column]);
            column += 1;
        }
    }
}

/// Leaves out what stayed, away from any change.
fn shorten(lines: Vec<Line>) -> Vec<Line> {
    let changed: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.change != Change::Same)
        .map(|(place, _)| place)
        .collect();
    let is_near = |place: usize| {
        let next = changed.partition_point(|changed| *changed < place);
        let near = [next.checked_sub(1), Some(next)];
        let mut near = near
            .into_iter()
            .flatten()
            .filter_map(|index| changed.get(index));
        near.any(|changed| changed.abs_diff(place) <= AROUND)
    };
    let mut short: Vec<Line> = Vec::new();
    for (place, line) in lines.into_iter().enumerate() {
        if is_near(place) {
            short.push(line);
        } else if short
            .last()
            .is_none_or(|last| last.change != Change::Skipped)
        {
            short.push(Line {
                change: Change::Skipped,
                text: String::new(),
            });
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, after: &str) -> String {
        let lines = diff(before, after).into_iter();
        let lines: Vec<String> = lines
            .map(|line| format!("{}{}", line.sign(), line.text))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(told("a\nb", "a\nb"), "");
    }

    #[test]
    fn what_stayed_far_away_is_left_out() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12";
        let after = before.replace("6\n", "six\nsix and a half\n");
        insta::assert_snapshot!(told(before, &after), @r"
        …
         3
         4
         5
        −6
        +six
        +six and a half
         7
         8
         9
        …
        ");
    }

    #[test]
    fn lines_in_common_stay() {
        assert_eq!(
            told("a\nx\nb\ny\nc", "a\nb\nz\nc"),
            " a\n−x\n b\n−y\n+z\n c"
        );
        assert_eq!(told("", "a"), "+a");
        assert_eq!(told("a\na", "a"), " a\n−a");
    }
}
