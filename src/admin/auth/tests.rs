//! Who is let in, over headers alone: tokens, loopback names, foreign pages, sessions.

use std::time::Duration;

use axum::http::HeaderValue;

use super::*;
use crate::clock::after;

const NOON: Timestamp = Timestamp::UNIX_EPOCH;

fn doorman(tokens: &[(&str, &str)]) -> Doorman {
    let token = |(name, secret): &(&str, &str)| Token {
        name: Arc::from(*name),
        digest: digest(secret),
    };
    let reference = |(name, _): &(&str, &str)| {
        let nowhere = SecretReference::Env(String::from("NOT_THERE"));
        (Arc::from(*name), nowhere)
    };
    Doorman {
        references: tokens.iter().map(reference).collect(),
        tokens: ArcSwap::from_pointee(tokens.iter().map(token).collect()),
        sessions: Sessions::default(),
    }
}

fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[track_caller]
fn check(
    doorman: &Doorman,
    method: Method,
    given: &[(&'static str, &str)],
    expected: Result<&str, Refusal>,
) {
    let admitted = doorman.admit(&method, &headers(given), NOON);
    let admitted = admitted.as_ref().map(|caller| &*caller.name);
    assert_eq!(admitted.map_err(|refusal| *refusal), expected, "{given:?}");
}

#[test]
fn a_token_lets_in_under_its_own_name() {
    let doorman = doorman(&[("night", "moon"), ("day", "sun")]);
    let bearer = |value: &'static str| [("authorization", value)];
    check(&doorman, Method::GET, &bearer("Bearer sun"), Ok("day"));
    check(&doorman, Method::GET, &bearer("Bearer moon"), Ok("night"));
    for wrong in ["Bearer sunn", "Bearer su", "Bearer ", "Basic sun", "sun"] {
        check(
            &doorman,
            Method::GET,
            &bearer(wrong),
            Err(Refusal::Stranger),
        );
    }
    let local = [("host", "127.0.0.1")];
    check(&doorman, Method::GET, &local, Err(Refusal::Stranger));
}

#[test]
fn without_tokens_only_a_loopback_name_is_answered() {
    let doorman = doorman(&[]);
    for (host, expected) in [
        ("localhost:8081", Ok(LOOPBACK)),
        ("LOCALHOST", Ok(LOOPBACK)),
        ("127.0.0.1", Ok(LOOPBACK)),
        ("127.8.8.8:1", Ok(LOOPBACK)),
        ("[::1]:8081", Ok(LOOPBACK)),
        ("bridge.example", Err(Refusal::ForeignHost)),
        ("localhost.example", Err(Refusal::ForeignHost)),
        ("10.0.0.1", Err(Refusal::ForeignHost)),
    ] {
        check(&doorman, Method::GET, &[("host", host)], expected);
    }
    check(&doorman, Method::GET, &[], Err(Refusal::ForeignHost));
}

#[test]
fn a_change_asked_for_by_somebody_elses_page_is_refused() {
    let doorman = doorman(&[]);
    let host = ("host", "localhost:8081");
    let ours = ("origin", "http://localhost:8081");
    let theirs = ("origin", "http://evil.example");
    for (also, expected) in [
        (vec![], Ok(LOOPBACK)),
        (vec![ours], Ok(LOOPBACK)),
        (vec![("sec-fetch-site", "same-origin"), ours], Ok(LOOPBACK)),
        (vec![("sec-fetch-site", "none")], Ok(LOOPBACK)),
        (vec![theirs], Err(Refusal::ForeignPage)),
        (vec![("origin", "null")], Err(Refusal::ForeignPage)),
        (
            vec![("origin", "http://localhost:9999")],
            Err(Refusal::ForeignPage),
        ),
        (
            vec![("sec-fetch-site", "cross-site")],
            Err(Refusal::ForeignPage),
        ),
        (
            vec![("sec-fetch-site", "same-site"), ours],
            Err(Refusal::ForeignPage),
        ),
    ] {
        let given = [&[host], also.as_slice()].concat();
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            check(&doorman, method, &given, expected);
        }
        // Reading changes nothing, and other origins cannot see the answer.
        check(&doorman, Method::GET, &given, Ok(LOOPBACK));
    }
}

#[test]
fn a_session_stands_for_the_token_until_it_ends() {
    let doorman = doorman(&[("night", "moon")]);
    assert!(doorman.open_session("sun", NOON).is_none());
    let opened = doorman.open_session("moon", NOON).unwrap();
    assert!(opened.set_cookie.contains("; HttpOnly; SameSite=Strict;"));
    let pair = opened.set_cookie.split(';').next().unwrap();
    let cookies = format!("other=1; {pair}");
    let with = [("cookie", cookies.as_str())];
    check(&doorman, Method::GET, &with, Ok("night"));
    let late = after(NOON, Duration::from_secs(12 * 3600));
    let admitted = doorman.admit(&Method::GET, &headers(&with), late);
    assert_eq!(admitted, Err(Refusal::Stranger));
    let forged = format!("{pair}0");
    let forged = [("cookie", forged.as_str())];
    check(&doorman, Method::GET, &forged, Err(Refusal::Stranger));
    // The token is taken back: so is what was opened with it.
    doorman.tokens.store(Arc::default());
    check(&doorman, Method::GET, &with, Err(Refusal::Stranger));
    doorman.tokens.store(Arc::new(vec![Token {
        name: Arc::from("night"),
        digest: digest("moon"),
    }]));
    check(&doorman, Method::GET, &with, Ok("night"));
    doorman.close_session(&headers(&with));
    check(&doorman, Method::GET, &with, Err(Refusal::Stranger));
}

#[test]
fn sessions_are_bounded_and_the_oldest_gives_way() {
    let doorman = doorman(&[("night", "moon")]);
    let first = doorman.open_session("moon", NOON).unwrap();
    let mut last = first.clone();
    for _ in 0..64 {
        last = doorman.open_session("moon", NOON).unwrap();
    }
    let pair = |opened: &OpenedSession| opened.set_cookie.split(';').next().unwrap().to_owned();
    let (first, last) = (pair(&first), pair(&last));
    check(
        &doorman,
        Method::GET,
        &[("cookie", &first)],
        Err(Refusal::Stranger),
    );
    check(&doorman, Method::GET, &[("cookie", &last)], Ok("night"));
}
