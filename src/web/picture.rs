//! The picture of the flow: statuses on the left, what became of them on the right, ribbons between,
//! as thick as there are events. Pure geometry, in the pixels of an SVG that stretches in width only.

use std::collections::BTreeMap;

/// A name is readable at this height, however few events it has.
const LEAST: f64 = 22.0;
/// What all nodes of a column share by their counts.
const SHARED: f64 = 300.0;
const GAP: f64 = 5.0;
const HEADING: f64 = 26.0;
/// Nodes of a column; the rest are drawn as one.
const MOST_FROM: usize = 18;
const MOST_TO: usize = 16;

/// How many events of one status became one thing.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) source: String,
    pub(super) status: String,
    pub(super) to: Ending,
    pub(super) count: i64,
}

/// What events become, as the picture groups and colours it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ending {
    /// Written first, then what needs nothing, then what waits.
    pub(super) group: Group,
    pub(super) word: String,
    /// The colour's class.
    pub(super) class: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Group {
    Written,
    Calm,
    Waiting,
}

#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) height: String,
    pub(super) headings: Vec<Heading>,
    pub(super) from: Vec<Node>,
    pub(super) to: Vec<Node>,
    pub(super) ribbons: Vec<Ribbon>,
}

#[derive(Debug)]
pub(super) struct Heading {
    pub(super) y: String,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) y: String,
    pub(super) height: String,
    /// Where its text stands.
    pub(super) middle: String,
    pub(super) text: String,
    /// The vendor's number of a status that has a name.
    pub(super) code: String,
    pub(super) class: &'static str,
    pub(super) count: i64,
}

#[derive(Debug)]
pub(super) struct Ribbon {
    pub(super) path: String,
    pub(super) class: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) count: i64,
}

/// Where a node is, while ribbons are fastened to it.
struct Place {
    y: f64,
    height: f64,
    total: f64,
    used: f64,
}

impl Place {
    /// The next part of it, for so many events.
    fn take(&mut self, count: f64) -> (f64, f64) {
        let part = self.height * count / self.total;
        let from = self.y + self.used;
        self.used += part;
        (from, from + part)
    }
}

/// Lays the edges out. Sources come in the order of their names, statuses and endings by how many
/// they are.
pub(super) fn lay_out(edges: &[Edge]) -> Picture {
    let edges = lump(edges);
    let total: i64 = edges.iter().map(|edge| edge.count).sum();
    if total <= 0 {
        return Picture::default();
    }
    let per_event = SHARED / total as f64;
    let mut picture = Picture::default();
    let (mut from, left) = left_column(&edges, per_event, &mut picture);
    let (mut to, right) = right_column(&edges, per_event, left, &mut picture);
    let mut drawn: Vec<&Edge> = edges.iter().collect();
    // In the order of the right column, so that ribbons leave a status without crossing.
    drawn.sort_by(|a, b| to[&a.to].y.total_cmp(&to[&b.to].y));
    let mut starts = Vec::new();
    for edge in &drawn {
        let place = from.get_mut(&(edge.source.clone(), edge.status.clone()));
        starts.push(place.map(|place| place.take(edge.count as f64)));
    }
    let mut ribbons: Vec<(&Edge, (f64, f64))> = drawn
        .into_iter()
        .zip(starts)
        .filter_map(|(edge, start)| Some((edge, start?)))
        .collect();
    ribbons.sort_by(|a, b| a.1.0.total_cmp(&b.1.0));
    for (edge, start) in ribbons {
        if let Some(place) = to.get_mut(&edge.to) {
            let end = place.take(edge.count as f64);
            picture.ribbons.push(ribbon(edge, start, end));
        }
    }
    picture.height = pixels(left.max(right));
    picture
}

/// Rare statuses and endings become one.
fn lump(edges: &[Edge]) -> Vec<Edge> {
    let mut by_status: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut by_ending: BTreeMap<&Ending, i64> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.count > 0) {
        *by_status.entry((&edge.source, &edge.status)).or_default() += edge.count;
        *by_ending.entry(&edge.to).or_default() += edge.count;
    }
    let statuses = most(by_status, MOST_FROM);
    let endings = most(by_ending, MOST_TO);
    let mut lumped: BTreeMap<(String, String, Ending), i64> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.count > 0) {
        let status = if statuses.contains(&(&edge.source, &edge.status)) {
            edge.status.clone()
        } else {
            String::from("other statuses")
        };
        let to = if endings.contains(&&edge.to) {
            edge.to.clone()
        } else {
            Ending {
                group: edge.to.group,
                word: String::from("other"),
                class: edge.to.class,
            }
        };
        *lumped.entry((edge.source.clone(), status, to)).or_default() += edge.count;
    }
    lumped
        .into_iter()
        .map(|((source, status, to), count)| Edge {
            source,
            status,
            to,
            count,
        })
        .collect()
}

fn most<K: Ord + Clone>(counts: BTreeMap<K, i64>, limit: usize) -> Vec<K> {
    let mut counts: Vec<(K, i64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(limit);
    counts.into_iter().map(|(key, _)| key).collect()
}

type LeftPlaces = BTreeMap<(String, String), Place>;

fn left_column(edges: &[Edge], per_event: f64, picture: &mut Picture) -> (LeftPlaces, f64) {
    let mut sources: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
    for edge in edges {
        let statuses = sources.entry(&edge.source).or_default();
        *statuses.entry(&edge.status).or_default() += edge.count;
    }
    let mut places = LeftPlaces::new();
    let mut y = 0.0;
    for (source, statuses) in sources {
        picture.headings.push(Heading {
            y: pixels(y + 14.0),
            text: source.to_owned(),
        });
        y += HEADING;
        let mut statuses: Vec<(&str, i64)> = statuses.into_iter().collect();
        statuses.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (status, count) in statuses {
            let height = (count as f64 * per_event).max(LEAST);
            picture.from.push(node(status, "", (y, height), count));
            let key = (source.to_owned(), status.to_owned());
            places.insert(key, place(y, height, count));
            y += height + GAP;
        }
        y += GAP;
    }
    (places, y)
}

fn right_column(
    edges: &[Edge],
    per_event: f64,
    left: f64,
    picture: &mut Picture,
) -> (BTreeMap<Ending, Place>, f64) {
    let mut endings: BTreeMap<&Ending, i64> = BTreeMap::new();
    for edge in edges {
        *endings.entry(&edge.to).or_default() += edge.count;
    }
    let mut endings: Vec<(&Ending, i64)> = endings.into_iter().collect();
    endings.sort_by_key(|(ending, count)| (ending.group, std::cmp::Reverse(*count)));
    let heights: Vec<f64> = endings
        .iter()
        .map(|(_, count)| (*count as f64 * per_event).max(LEAST))
        .collect();
    // The shorter column is spread over the height of the other one, within reason.
    let needed: f64 = heights.iter().sum::<f64>() + HEADING;
    let spare = (left - needed) / heights.len().max(1) as f64;
    let gap = spare.clamp(GAP, 26.0);
    let mut places = BTreeMap::new();
    let mut y = HEADING;
    for ((ending, count), height) in endings.into_iter().zip(heights) {
        picture
            .to
            .push(node(&ending.word, ending.class, (y, height), count));
        places.insert(ending.clone(), place(y, height, count));
        y += height + gap;
    }
    (places, y)
}

fn place(y: f64, height: f64, count: i64) -> Place {
    Place {
        y,
        height,
        total: count as f64,
        used: 0.0,
    }
}

fn node(text: &str, class: &'static str, (y, height): (f64, f64), count: i64) -> Node {
    let named = text.rsplit_once(' ');
    let named = named.filter(|(_, code)| code.bytes().all(|digit| digit.is_ascii_digit()));
    let (text, code) = named.unwrap_or((text, ""));
    Node {
        y: pixels(y),
        height: pixels(height),
        middle: pixels(y + height.min(2.0 * LEAST) / 2.0),
        text: text.to_owned(),
        code: code.to_owned(),
        class,
        count,
    }
}

/// From 0 to 100 across.
fn ribbon(edge: &Edge, (top, bottom): (f64, f64), (end_top, end_bottom): (f64, f64)) -> Ribbon {
    let path = format!(
        "M0,{top:.1}C50,{top:.1} 50,{end_top:.1} 100,{end_top:.1}L100,{end_bottom:.1}C50,{end_bottom:.1} 50,{bottom:.1} 0,{bottom:.1}Z"
    );
    Ribbon {
        path,
        class: edge.to.class,
        from: edge.status.clone(),
        to: edge.to.word.clone(),
        count: edge.count,
    }
}

fn pixels(length: f64) -> String {
    format!("{length:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(status: &str, word: &str, count: i64) -> Edge {
        Edge {
            source: String::from("voice"),
            status: status.to_owned(),
            to: Ending {
                group: Group::Calm,
                word: word.to_owned(),
                class: "k-quiet",
            },
            count,
        }
    }

    #[test]
    fn nothing_is_no_picture() {
        assert!(lay_out(&[]).ribbons.is_empty());
        assert!(
            lay_out(&[edge("a", "b", 0), edge("a", "c", -1)])
                .to
                .is_empty()
        );
    }

    #[test]
    fn every_event_is_in_one_ribbon() {
        let edges: Vec<Edge> = (0..60)
            .map(|number| {
                edge(
                    &format!("s{}", number % 40),
                    &format!("e{}", number % 25),
                    number,
                )
            })
            .collect();
        let picture = lay_out(&edges);
        let total: i64 = (0..60).sum();
        let sum = |nodes: &[Node]| nodes.iter().map(|node| node.count).sum::<i64>();
        assert_eq!(picture.ribbons.iter().map(|r| r.count).sum::<i64>(), total);
        assert_eq!((sum(&picture.from), sum(&picture.to)), (total, total));
        assert_eq!(picture.from.len(), MOST_FROM + 1);
        assert_eq!(picture.to.len(), MOST_TO + 1);
    }

    #[test]
    fn nodes_of_a_column_never_overlap() {
        let edges = [
            edge("a", "x", 100_000),
            edge("b", "x", 1),
            edge("c", "y", 1),
        ];
        let picture = lay_out(&edges);
        for column in [&picture.from, &picture.to] {
            let number = |text: &str| text.parse::<f64>().unwrap();
            for pair in column.windows(2) {
                let end = number(&pair[0].y) + number(&pair[0].height);
                assert!(end < number(&pair[1].y), "{pair:?}");
            }
            let last = column.last().unwrap();
            assert!(number(&last.y) + number(&last.height) <= number(&picture.height));
        }
    }
}
