//! Whose word counts: a terminal category, or a final row, may be left only by a source that
//! stands at or before the one that set it. Pure.

use crate::config::DecideConfig;
use crate::lead::course::{Course, Words};

/// 0 is strongest; every source that is not named is equally weakest.
fn rank(decide: &DecideConfig, source: &str) -> usize {
    let place = decide.authority.iter().position(|named| named == source);
    place.unwrap_or(decide.authority.len())
}

fn is_terminal(decide: &DecideConfig, words: &Words) -> bool {
    let category = words.category.as_ref();
    category.is_some_and(|category| decide.terminal_categories.contains(category))
}

/// Whether not just anybody may lead the course away from where it is.
pub(super) fn is_held(decide: &DecideConfig, course: &Course) -> bool {
    course.is_final || is_terminal(decide, &course.words)
}

/// Whether these words would leave what the course must not be led away from by just anybody.
fn leaves_terminal(decide: &DecideConfig, course: &Course, words: &Words) -> bool {
    (is_terminal(decide, &course.words) && course.words.category != words.category)
        || (course.is_final && course.words != *words)
}

/// Whether `source` is too weak to say these words now.
pub(super) fn is_outranked(
    decide: &DecideConfig,
    course: &Course,
    words: &Words,
    source: &str,
) -> bool {
    leaves_terminal(decide, course, words) && is_weaker(decide, source, &course.source)
}

/// Whether a source stronger than `source` set what only such a one may leave.
pub(super) fn is_held_from(decide: &DecideConfig, course: &Course, source: &str) -> bool {
    is_held(decide, course) && is_weaker(decide, source, &course.source)
}

pub(super) fn is_weaker(decide: &DecideConfig, source: &str, than: &str) -> bool {
    rank(decide, source) > rank(decide, than)
}

/// Who is remembered for these words, and whether they are final: what a stronger source set stays
/// its own when a weaker one says the same again.
pub(super) fn remembered<'s>(
    decide: &DecideConfig,
    course: Option<&'s Course>,
    words: &Words,
    (source, is_final): (&'s str, bool),
) -> (&'s str, bool) {
    match course {
        Some(course) if !leaves_terminal(decide, course, words) => {
            let category_stays =
                course.words.category.is_some() && course.words.category == words.category;
            let words_stay = course.words == *words;
            if !words_stay && !category_stays {
                return (source, is_final);
            }
            let stays_strong = rank(decide, &course.source) < rank(decide, source);
            let remembered = if stays_strong { &course.source } else { source };
            (remembered, is_final || (course.is_final && words_stay))
        }
        _ => (source, is_final),
    }
}
