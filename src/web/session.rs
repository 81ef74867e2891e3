//! Signing in: a token typed into a form opens a session, which a cookie carries. Without tokens
//! there is nobody to sign in: whoever is on this machine may look.

use askama::Template;
use axum::extract::{Form, Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;

use super::Shared;
use super::page::{Shell, Trouble, render};
use crate::admin::auth::{Refusal, SESSION_COOKIE};

const LOGIN: &str = "/login";

/// Lets a request in with the name of who asks, or leads to the form.
pub(super) async fn admit(
    State(dashboard): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let admin = &dashboard.admin;
    let admitted = admin
        .doorman
        .admit(request.method(), request.headers(), admin.clock.now());
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(Refusal::Stranger) if request.method() == Method::GET => {
            let path = request.uri().path_and_query();
            let path = path.map_or("/", |path| path.as_str());
            let encoded = askama::filters::urlencode_strict(path);
            let encoded = encoded.map(|path| path.to_string()).unwrap_or_default();
            Redirect::to(&format!("{LOGIN}?next={encoded}")).into_response()
        }
        Err(Refusal::Stranger) => Trouble::new(
            StatusCode::UNAUTHORIZED,
            "Nobody is signed in, or the session is over. Sign in and try again.",
        )
        .into_response(),
        Err(refusal) => Trouble::from(refusal.problem()).into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct LoginQuery {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    shell: Shell,
    next: String,
    was_wrong: bool,
}

pub(super) async fn show_login(
    State(dashboard): State<Shared>,
    Query(query): Query<LoginQuery>,
) -> Response {
    if !dashboard.asks_for_token() {
        return Redirect::to("/").into_response();
    }
    render(&LoginPage {
        shell: Shell::bare("Sign in"),
        next: own_path(query.next),
        was_wrong: false,
    })
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    token: String,
    next: Option<String>,
}

pub(super) async fn log_in(
    State(dashboard): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    let admin = &dashboard.admin;
    let next = own_path(form.next);
    let Some(session) = admin.doorman.open_session(&form.token, admin.clock.now()) else {
        tracing::warn!("somebody tried to sign in to the dashboard with a wrong token");
        let page = LoginPage {
            shell: Shell::bare("Sign in"),
            next,
            was_wrong: true,
        };
        return (StatusCode::UNAUTHORIZED, render(&page)).into_response();
    };
    tracing::info!(caller.name = %session.caller.name, "somebody signed in to the dashboard");
    let is_behind_tls = headers
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
    let cookie = match is_behind_tls {
        true => format!("{}; Secure", session.set_cookie),
        false => session.set_cookie,
    };
    with_cookie(Redirect::to(&next).into_response(), &cookie)
}

pub(super) async fn log_out(State(dashboard): State<Shared>, headers: HeaderMap) -> Response {
    dashboard.admin.doorman.close_session(&headers);
    let cookie = format!("{SESSION_COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    with_cookie(Redirect::to(LOGIN).into_response(), &cookie)
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A page of ours, whatever an address says.
fn own_path(next: Option<String>) -> String {
    next.filter(|next| {
        let is_of_ours = next.starts_with('/') && !next[1..].starts_with(['/', '\\']);
        is_of_ours && next.bytes().all(|byte| (0x21..0x7f).contains(&byte))
    })
    .unwrap_or_else(|| String::from("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_led_elsewhere() {
        for (next, path) in [
            (Some("/leads/lead_a?before=3"), "/leads/lead_a?before=3"),
            (Some("//elsewhere.example"), "/"),
            (Some("/\\elsewhere.example"), "/"),
            (Some("https://elsewhere.example"), "/"),
            (Some("/a\r\nx: y"), "/"),
            (Some(""), "/"),
            (None, "/"),
        ] {
            assert_eq!(own_path(next.map(str::to_owned)), path, "{next:?}");
        }
    }
}
