//! Which request is this? Paths of the webhook listener, by hand: matching them costs nothing.

use crate::event::EventKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Webhook {
        source: &'a str,
        forced_kind: Option<EventKind>,
    },
    /// `GET /healthz`: the process answers.
    Live,
    /// `GET /readyz`: webhooks would be recorded.
    Ready,
    Unknown,
}

impl<'a> Route<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        match path {
            "/healthz" => return Self::Live,
            "/readyz" => return Self::Ready,
            _ => {}
        }
        let Some(rest) = path.strip_prefix("/webhooks/") else {
            return Self::Unknown;
        };
        let Some((source, kind)) = rest.split_once('/') else {
            return Self::Webhook {
                source: rest,
                forced_kind: None,
            };
        };
        match EventKind::parse(kind) {
            Some(kind) => Self::Webhook {
                source,
                forced_kind: Some(kind),
            },
            None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Route<'_>) {
        assert_eq!(Route::of(path), expected, "{path}");
    }

    #[test]
    fn a_webhook_path_names_its_source_and_perhaps_a_kind() {
        let webhook = |forced_kind| Route::Webhook {
            source: "voice",
            forced_kind,
        };
        check("/webhooks/voice", webhook(None));
        check("/webhooks/voice/lead", webhook(Some(EventKind::Lead)));
        check("/webhooks/voice/call", webhook(Some(EventKind::Call)));
        check("/healthz", Route::Live);
        check("/readyz", Route::Ready);
        for unknown in [
            "",
            "/",
            "/webhooks",
            "/webhooks/voice/",
            "/webhooks/voice/Lead",
            "/webhooks/voice/lead/",
            "/webhooks/voice/lead/call",
            "/Webhooks/voice",
            "/healthz/",
        ] {
            check(unknown, Route::Unknown);
        }
    }
}
