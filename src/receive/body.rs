//! Request bodies: read within bounds, drained after an early answer, parsed once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json_borrow::Value;
use tokio::time::timeout;

use super::refusal::Refusal;
use crate::config::ServerConfig;
use crate::problem::Problem;
use crate::systems;

/// Objects and arrays within each other; the body itself is the first.
const MAX_DEPTH: usize = 64;
/// After an early answer so much more is read, so that the sender gets to read the answer.
const DRAIN_BYTES: usize = 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// What a sender merely announces is not reserved beyond this.
const MAX_RESERVED_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    pub max_bytes: usize,
    /// For the whole body.
    pub timeout: Duration,
}

impl From<&ServerConfig> for BodyLimits {
    fn from(server: &ServerConfig) -> Self {
        Self {
            max_bytes: server.max_body_bytes,
            timeout: server.request_timeout,
        }
    }
}

/// The whole body, copied into one piece: hyper's buffer is free for the next request, and a
/// queued event holds no more memory than it has bytes.
pub(super) async fn read(body: &mut Body, limits: BodyLimits) -> Result<Bytes, Refusal> {
    let announced = body.size_hint().lower();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > limits.max_bytes {
        return Err(Refusal::TooLarge(limits.max_bytes));
    }
    match within(limits.timeout, collect(body, announced, limits.max_bytes)).await {
        Some(collected) => collected.map(Bytes::from),
        None => Err(Refusal::TimedOut),
    }
}

async fn collect(body: &mut Body, announced: usize, max_bytes: usize) -> Result<Vec<u8>, Refusal> {
    let mut collected = Vec::with_capacity(announced.min(MAX_RESERVED_BYTES));
    while !body.is_end_stream() {
        match next_chunk(body).await {
            None => break,
            Some(Err(_)) => return Err(Refusal::Interrupted),
            // At most one chunk more than the limit is ever held.
            Some(Ok(chunk)) if collected.len() + chunk.len() > max_bytes => {
                return Err(Refusal::TooLarge(max_bytes));
            }
            Some(Ok(chunk)) => collected.extend_from_slice(&chunk),
        }
    }
    Ok(collected)
}

/// The next data; trailers are passed over.
async fn next_chunk(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

/// `work`, unless it takes longer than `limit`.
///
/// A body is nearly always there at the second look, so no timer is set before that.
async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut looked = false;
    let early = poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if looked => Poll::Ready(None),
        Poll::Pending => {
            looked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
    match early {
        Some(output) => Some(output),
        None => timeout(limit, work).await.ok(),
    }
}

/// Reads on while the answer is sent; then the connection closes. A peer that finds the
/// connection reset while it is still sending may never see the answer.
pub(super) fn drain(mut body: Body) {
    tokio::spawn(timeout(DRAIN_TIME, async move {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = next_chunk(&mut body).await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }));
}

/// A JSON object of bearable depth, or why not.
fn parse(body: &[u8]) -> Result<Value<'_>, Refusal> {
    // Checked as a whole: the parser would check each string of a slice on its own.
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let (line, column) = place(&body[..error.valid_up_to()]);
            return Err(Refusal::NotJson { line, column });
        }
    };
    match serde_json::from_str(text) {
        // The parser gives up at 128 levels; a body that deep is told what is wrong with it.
        Err(_) if is_nested_too_deep(body) => Err(Refusal::TooDeep(MAX_DEPTH)),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(match is_number_at(text, line, column) {
                Some(true) => Refusal::NumberOutOfRange { line, column },
                _ => Refusal::NotJson { line, column },
            })
        }
        Ok(value) if may_be_deep(body) && !fits(&value, MAX_DEPTH) => {
            Err(Refusal::TooDeep(MAX_DEPTH))
        }
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Refusal::NotAnObject),
    }
}

/// Whether a number stands where the parser gave up. As it is one by JSON's grammar, the parser
/// cannot hold it: `1e400`.
fn is_number_at(text: &str, line: usize, column: usize) -> Option<bool> {
    let line = text.split('\n').nth(line.checked_sub(1)?)?.as_bytes();
    let is_of_it = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let place = column.min(line.len());
    let begin = line[..place].iter().rev().take_while(|byte| is_of_it(byte));
    let begin = place - begin.count();
    let end = line[place..].iter().take_while(|byte| is_of_it(byte));
    let number = std::str::from_utf8(&line[begin..place + end.count()]).ok()?;
    // What is ignored may be of any size.
    serde_json::from_str::<IgnoredAny>(number).ok()?;
    Some(serde_json::from_str::<f64>(number).is_err())
}

/// What `read` makes of the body, half a pair in it replaced: see `systems::body`.
pub(super) fn with<R>(body: &[u8], read: impl FnOnce(Result<Value<'_>, Refusal>) -> R) -> R {
    match parse(body) {
        Err(refusal @ Refusal::NotJson { .. }) => match systems::body::mended(body) {
            Some(mended) => read(parse(&mended)),
            None => read(Err(refusal)),
        },
        parsed => read(parsed),
    }
}

/// Why the webhook listener would not take a body, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unfit {
    why: String,
    /// The text is at fault, at one place of it; otherwise the body as a whole.
    pub is_syntax: bool,
}

/// Asks what the listener would say; for those who look at a body that was not sent.
pub fn check_body(body: &[u8], max_bytes: usize) -> Result<(), Unfit> {
    fits_in(body, max_bytes).map_err(|refusal| Unfit {
        is_syntax: matches!(refusal, Refusal::NotJson { .. }),
        why: refusal.to_string(),
    })
}

/// The same as the answer that its sender would get.
pub fn refusal_of(body: &[u8], max_bytes: usize) -> Option<Problem> {
    let refusal = fits_in(body, max_bytes).err()?;
    Some(refusal.problem(None))
}

fn fits_in(body: &[u8], max_bytes: usize) -> Result<(), Refusal> {
    match body.len() > max_bytes {
        true => Err(Refusal::TooLarge(max_bytes)),
        false => with(body, |parsed| parsed.map(drop)),
    }
}

/// Line and column of what follows `before`, as the parser counts them.
fn place(before: &[u8]) -> (usize, usize) {
    let mut lines = before.rsplit(|byte| *byte == b'\n');
    let column = lines.next().map_or(0, <[u8]>::len) + 1;
    (lines.count() + 1, column)
}

/// No body is deeper than it has openings; most have few, and that is counted in no time.
fn may_be_deep(body: &[u8]) -> bool {
    // A piece has at most 255 of them, so that a byte can count them, many places at a time.
    let openings = body.chunks(255).map(|piece| {
        let count = piece.iter().fold(0_u8, |count, byte| {
            // `[` and `{` differ in this bit only.
            count + u8::from(byte | 0x20 == b'{')
        });
        usize::from(count)
    });
    openings.sum::<usize>() > MAX_DEPTH
}

/// Walks the parsed value, which has few nodes, rather than the text, which has many bytes.
fn fits(value: &Value<'_>, levels: usize) -> bool {
    match value {
        Value::Object(members) => {
            levels > 0 && members.iter().all(|(_, member)| fits(member, levels - 1))
        }
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits(item, levels - 1)),
        _ => true,
    }
}

fn is_nested_too_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Option<&'static str>) {
        let outcome = parse(body.as_bytes()).err();
        let reason = outcome.and_then(|refusal| refusal.reject_reason());
        assert_eq!(reason, expected, "{body}");
    }

    #[test]
    fn a_body_must_be_a_json_object_of_at_most_64_levels() {
        let nested = |levels: usize| {
            format!(
                "{{\"a\":{}1{}}}",
                "[".repeat(levels - 1),
                "]".repeat(levels - 1)
            )
        };
        check("{}", None);
        check(r#" {"a":[{"b":"[[[{{{"}]} "#, None);
        check(&nested(64), None);
        check(&nested(65), Some("nested_too_deep"));
        check(&nested(200), Some("nested_too_deep"));
        check(&"[".repeat(100_000), Some("nested_too_deep"));
        check(&format!("{{\"a\":\"{}", "[".repeat(100)), Some("not_json"));
        check(&format!("{{\"\\\"{}", "[".repeat(100)), Some("not_json"));
        check("[]", Some("not_an_object"));
        check("null", Some("not_an_object"));
        check("", Some("not_json"));
        check("{\"a\":1", Some("not_json"));
        check("{\"a\":1} x", Some("not_json"));
        check("a=1&b=2", Some("not_json"));
        check("{\"a\":NaN}", Some("not_json"));
    }

    #[test]
    fn a_number_that_cannot_be_held_is_named_for_what_it_is() {
        for (body, place) in [
            ("{\"a\":1e400}", Some((1, 10))),
            ("{\"a\":[1,\n -1E+999 ]}", Some((2, 8))),
            ("{\"a\":1e}", None),
            ("{\"a\":01}", None),
            ("{\"a\":1e400x", Some((1, 10))),
        ] {
            match (parse(body.as_bytes()), place) {
                (Err(Refusal::NumberOutOfRange { line, column }), Some(place)) => {
                    assert_eq!((line, column), place, "{body}");
                }
                (Err(Refusal::NotJson { .. }), None) => {}
                (other, _) => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_named_by_their_place() {
        match parse(b"{\"a\":1,\n \"b\":\"\xff\"}") {
            Err(Refusal::NotJson { line, column }) => assert_eq!((line, column), (2, 7)),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_in_time_is_given_up() {
        let limit = Duration::from_secs(10);
        assert_eq!(within(limit, async { 1 }).await, Some(1));
        assert_eq!(within(limit, tokio::time::sleep(limit / 2)).await, Some(()));
        assert_eq!(within(limit, std::future::pending::<()>()).await, None);
    }
}
