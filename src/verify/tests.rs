//! Every scheme: what it admits, what it refuses and why. Secrets lie in files of a temporary
//! directory, as they do in a container.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::config::{AuthConfig, HmacConfig, SignatureEncoding, SourceKind};
use crate::secret::Secret;

const BODY: &[u8] = br#"{"id":"1","status":100}"#;
const NOW: i64 = 1_785_578_400;

/// A gate of one scheme or more, its secrets on disk.
struct Fixture {
    directory: tempfile::TempDir,
    auth: Vec<AuthConfig>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            auth: Vec::new(),
        }
    }

    fn secret(&self, value: &str) -> SecretReference {
        let path = self.directory.path().join(self.auth.len().to_string());
        std::fs::write(&path, value).unwrap();
        SecretReference::File(path)
    }

    fn with(self, scheme: AuthScheme) -> Self {
        self.with_until(scheme, None)
    }

    fn with_until(mut self, scheme: AuthScheme, not_after: Option<Timestamp>) -> Self {
        self.auth.push(AuthConfig { scheme, not_after });
        self
    }

    fn load(&self) -> Result<Gate, Vec<CredentialError>> {
        Gate::load(&SourceConfig {
            name: "voice".into(),
            kind: SourceKind::Nlpearl,
            mapping: "voice".into(),
            lead: Vec::new(),
            fields: crate::config::Fields::default(),
            links: BTreeMap::new(),
            events: Vec::new(),
            dedupe_window: Duration::from_secs(3600),
            redelivery: Duration::from_secs(120),
            rate_limit: None,
            resolve: None,
            auth: self.auth.clone(),
        })
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    headers
}

/// Position of the credential that admitted, or why none did.
fn outcome(gate: &Gate, pairs: &[(&str, &str)], query: Option<&str>) -> Result<usize, Refused> {
    let raw = RawWebhook {
        headers: &headers(pairs),
        query,
        body: &Bytes::from_static(BODY),
    };
    verify(raw, gate, now()).map(|webhook| {
        assert_eq!(webhook.body(), BODY);
        webhook.position()
    })
}

#[track_caller]
fn check(gate: &Gate, pairs: &[(&str, &str)], expected: Result<usize, Refused>) {
    assert_eq!(outcome(gate, pairs, None), expected, "{pairs:?}");
}

fn header_scheme(secret: SecretReference) -> AuthScheme {
    AuthScheme::Header {
        header: "Authorization".into(),
        prefix: "Bearer ".into(),
        secret,
    }
}

fn hmac_scheme(
    secret: SecretReference,
    encoding: SignatureEncoding,
    timestamp_header: Option<&str>,
) -> AuthScheme {
    AuthScheme::HmacSha256(HmacConfig {
        header: "X-Signature".into(),
        prefix: "sha256=".into(),
        encoding,
        timestamp_header: timestamp_header.map(str::to_owned),
        tolerance: Duration::from_secs(300),
        secret,
    })
}

#[test]
fn a_header_must_equal_prefix_and_secret() {
    let fixture = Fixture::new();
    let secret = fixture.secret("s3cret\n");
    let gate = fixture.with(header_scheme(secret)).load().unwrap();
    check(&gate, &[("authorization", "Bearer s3cret")], Ok(0));
    check(&gate, &[("authorization", "bearer s3cret")], Ok(0));
    check(&gate, &[], Err(Refused::Missing));
    check(
        &gate,
        &[("authorization", "Bearer S3cret")],
        Err(Refused::Mismatch),
    );
    check(
        &gate,
        &[("authorization", "Bearer s3cret2")],
        Err(Refused::Mismatch),
    );
    check(
        &gate,
        &[("authorization", "Bearer ")],
        Err(Refused::Mismatch),
    );
    check(
        &gate,
        &[("authorization", "s3cret")],
        Err(Refused::Malformed),
    );
    check(
        &gate,
        &[
            ("authorization", "Bearer s3cret"),
            ("authorization", "Bearer s3cret"),
        ],
        Err(Refused::Repeated),
    );
}

#[test]
fn a_query_parameter_is_percent_decoded() {
    let fixture = Fixture::new();
    let secret = fixture.secret("a+b/c d");
    let gate = fixture
        .with(AuthScheme::Query {
            parameter: "token".into(),
            secret,
        })
        .load()
        .unwrap();
    for (query, expected) in [
        (Some("token=a%2Bb%2fc%20d"), Ok(0)),
        (Some("x=1&token=a+b/c%20d&y"), Ok(0)),
        (Some("to%6ben=a+b/c%20d"), Ok(0)),
        (None, Err(Refused::Missing)),
        (Some("Token=a+b/c%20d"), Err(Refused::Missing)),
        (Some("token"), Err(Refused::Mismatch)),
        (Some("token=a b"), Err(Refused::Mismatch)),
        (Some("token=%2"), Err(Refused::Malformed)),
        (Some("token=%zz"), Err(Refused::Malformed)),
        (Some("token=%+1"), Err(Refused::Malformed)),
        (Some("token=a+b/c%20d&token=x"), Err(Refused::Repeated)),
    ] {
        assert_eq!(outcome(&gate, &[], query), expected, "{query:?}");
    }
}

#[test]
fn basic_is_rfc_7617() {
    let fixture = Fixture::new();
    let secret = fixture.secret("open sesame");
    let gate = fixture
        .with(AuthScheme::Basic {
            username: "Aladdin".into(),
            password: secret,
        })
        .load()
        .unwrap();
    let right = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    check(&gate, &[("authorization", right)], Ok(0));
    check(
        &gate,
        &[("authorization", right.trim_end_matches('='))],
        Ok(0),
    );
    check(
        &gate,
        &[("authorization", &right.replace("Basic", "basic"))],
        Ok(0),
    );
    check(
        &gate,
        &[("authorization", "Basic QWxhZGRpbjpvcGVu")],
        Err(Refused::Mismatch),
    );
    check(
        &gate,
        &[("authorization", "Basic ????")],
        Err(Refused::Malformed),
    );
    check(
        &gate,
        &[("authorization", "Bearer abc")],
        Err(Refused::Malformed),
    );
    check(
        &gate,
        &[("authorization", right), ("authorization", right)],
        Err(Refused::Repeated),
    );
    check(&gate, &[], Err(Refused::Missing));
}

/// `HMAC-SHA256("key", BODY)`, made with openssl.
const HEX: &str = "822a82ac3a0c71291f0aa4ed0da06f6d61689b12d18a68fe4a3bf2005c7284a1";

#[test]
fn a_signature_may_be_hex_of_either_case_or_base64() {
    let fixture = Fixture::new();
    let secret = fixture.secret("key");
    let gate = fixture
        .with(hmac_scheme(secret, SignatureEncoding::Hex, None))
        .load()
        .unwrap();
    let signature = |text: &str| outcome(&gate, &[("x-signature", text)], None);
    assert_eq!(signature(&format!("sha256={HEX}")), Ok(0));
    assert_eq!(signature(&format!("sha256={}", HEX.to_uppercase())), Ok(0));
    assert_eq!(signature(HEX), Err(Refused::Malformed));
    assert_eq!(
        signature(&format!("sha256={}", &HEX[2..])),
        Err(Refused::Malformed)
    );
    assert_eq!(
        signature(&format!("sha256=0{}", &HEX[1..])),
        Err(Refused::Mismatch)
    );
    assert_eq!(signature("sha256="), Err(Refused::Malformed));

    let raw = data_encoding::HEXLOWER.decode(HEX.as_bytes()).unwrap();
    let base64 = data_encoding::BASE64.encode(&raw);
    let fixture = Fixture::new();
    let secret = fixture.secret("key");
    let gate = fixture
        .with(hmac_scheme(secret, SignatureEncoding::Base64, None))
        .load()
        .unwrap();
    let signature = |text: &str| outcome(&gate, &[("x-signature", text)], None);
    assert_eq!(signature(&format!("sha256={base64}")), Ok(0));
    assert_eq!(
        signature(&format!("sha256={}", base64.trim_end_matches('='))),
        Ok(0)
    );
    assert_eq!(
        signature(&format!("sha256={base64}=")),
        Err(Refused::Malformed)
    );
    assert_eq!(signature(&format!("sha256={HEX}")), Err(Refused::Malformed));
}

#[test]
fn a_signed_timestamp_is_held_to_its_tolerance() {
    let fixture = Fixture::new();
    let secret = fixture.secret("key");
    let scheme = hmac_scheme(secret, SignatureEncoding::Hex, Some("X-Timestamp"));
    let fixture = fixture.with(scheme);
    let gate = fixture.load().unwrap();
    for (away, expected) in [
        (0, Ok(0)),
        (-300, Ok(0)),
        (300, Ok(0)),
        (-301, Err(Refused::OutsideTolerance)),
        (301, Err(Refused::OutsideTolerance)),
    ] {
        let at = Timestamp::from_second(NOW + away).unwrap();
        let signed = sign(&fixture.auth[0], &Secret::new("key"), BODY, at, "").unwrap();
        let raw = RawWebhook {
            headers: &signed.headers.into_iter().collect(),
            query: None,
            body: &Bytes::from_static(BODY),
        };
        let outcome = verify(raw, &gate, now()).map(|webhook| webhook.position());
        assert_eq!(outcome, expected, "{away} s away");
    }
    let untouched = format!("sha256={HEX}");
    check(&gate, &[("x-signature", &untouched)], Err(Refused::Missing));
    for stamp in ["", "+1785578400", "1785578400.0", "1785578400123", "now"] {
        let pairs = [("x-signature", untouched.as_str()), ("x-timestamp", stamp)];
        check(&gate, &pairs, Err(Refused::Malformed));
    }
}

/// The example that the Standard Webhooks libraries share.
const PUBLISHED_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PUBLISHED_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

#[test]
fn standard_webhooks_follow_the_published_example() {
    let fixture = Fixture::new();
    let secret = fixture.secret(PUBLISHED_SECRET);
    let gate = fixture
        .with(AuthScheme::StandardWebhooks {
            secret,
            tolerance: Duration::from_secs(300),
        })
        .load()
        .unwrap();
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let outcome_at = |seconds: i64, id: &str, signature: &str| {
        let headers = headers(&[
            ("webhook-id", id),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ]);
        let raw = RawWebhook {
            headers: &headers,
            query: None,
            body: &Bytes::from_static(br#"{"test": 2432232314}"#),
        };
        verify(raw, &gate, Timestamp::from_second(seconds).unwrap())
            .map(|webhook| webhook.sender_id().unwrap_or("none").to_owned())
    };
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let right = PUBLISHED_SIGNATURE;
    let at = 1_614_265_330;
    assert_eq!(outcome_at(at, id, right), Ok(id.to_owned()));
    assert_eq!(
        outcome_at(at + 300, id, &format!("v2,x {wrong} {right} nonsense")),
        Ok(id.to_owned())
    );
    assert_eq!(
        outcome_at(at + 301, id, right),
        Err(Refused::OutsideTolerance)
    );
    assert_eq!(
        outcome_at(at - 301, id, right),
        Err(Refused::OutsideTolerance)
    );
    assert_eq!(outcome_at(at, "msg_other", right), Err(Refused::Mismatch));
    assert_eq!(outcome_at(at, id, wrong), Err(Refused::Mismatch));
    assert_eq!(
        outcome_at(at, id, &right.replace("v1", "v2")),
        Err(Refused::Malformed)
    );
    assert_eq!(outcome_at(at, "", right), Err(Refused::Malformed));
    assert_eq!(
        outcome_at(at, &"i".repeat(257), right),
        Err(Refused::Malformed)
    );

    let auth = AuthConfig {
        scheme: AuthScheme::StandardWebhooks {
            secret: SecretReference::Env("UNUSED".into()),
            tolerance: Duration::from_secs(300),
        },
        not_after: None,
    };
    let signed = sign(
        &auth,
        &Secret::new(PUBLISHED_SECRET),
        br#"{"test": 2432232314}"#,
        Timestamp::from_second(at).unwrap(),
        id,
    )
    .unwrap();
    assert_eq!(signed.headers[2].1, right);
}

#[test]
fn every_unexpired_credential_is_tried() {
    let fixture = Fixture::new();
    let (first, end) = (fixture.secret("old"), Some(now()));
    let fixture = fixture.with_until(header_scheme(first), end);
    let second = fixture.secret("current");
    let fixture = fixture.with(header_scheme(second));
    let third = fixture.secret("next");
    let until_later = Timestamp::from_second(NOW + 1).ok();
    let gate = fixture
        .with_until(header_scheme(third), until_later)
        .load()
        .unwrap();
    check(&gate, &[("authorization", "Bearer current")], Ok(1));
    check(&gate, &[("authorization", "Bearer next")], Ok(2));
    check(
        &gate,
        &[("authorization", "Bearer old")],
        Err(Refused::Mismatch),
    );

    let fixture = Fixture::new();
    let only = fixture.secret("old");
    let gate = fixture.with_until(header_scheme(only), Some(now())).load();
    check(
        &gate.unwrap(),
        &[("authorization", "Bearer old")],
        Err(Refused::Expired),
    );
}

#[test]
fn what_sign_makes_verify_admits() {
    let schemes: [fn(SecretReference) -> AuthScheme; 7] = [
        header_scheme,
        |secret| AuthScheme::Query {
            parameter: "to ken".into(),
            secret,
        },
        |password| AuthScheme::Basic {
            username: "till".into(),
            password,
        },
        |secret| hmac_scheme(secret, SignatureEncoding::Hex, None),
        |secret| hmac_scheme(secret, SignatureEncoding::Base64, Some("x-at")),
        |secret| AuthScheme::StandardWebhooks {
            secret,
            tolerance: Duration::from_secs(5),
        },
        |_| AuthScheme::None,
    ];
    for scheme in schemes {
        let fixture = Fixture::new();
        let secret = fixture.secret(PUBLISHED_SECRET);
        let fixture = fixture.with(scheme(secret));
        let auth = &fixture.auth[0];
        let signed = sign(auth, &Secret::new(PUBLISHED_SECRET), BODY, now(), "m1").unwrap();
        let url = signed.url("http://bridge/webhooks/voice");
        let raw = RawWebhook {
            headers: &signed.headers.into_iter().collect(),
            query: url.split_once('?').map(|(_, query)| query),
            body: &Bytes::from_static(BODY),
        };
        let outcome = verify(raw, &fixture.load().unwrap(), now());
        assert_eq!(outcome.map(|it| it.position()), Ok(0), "{auth:?}");
        let open = matches!(auth.scheme, AuthScheme::None);
        let other = Bytes::from_static(b"{}");
        let signs_body = matches!(
            auth.scheme,
            AuthScheme::HmacSha256(_) | AuthScheme::StandardWebhooks { .. }
        );
        let forged = RawWebhook {
            body: &other,
            ..raw
        };
        let outcome = verify(forged, &fixture.load().unwrap(), now());
        assert_eq!(outcome.is_err(), signs_body && !open, "{auth:?}");
    }
}

#[test]
fn every_unusable_credential_is_reported_and_none_is_shown() {
    let fixture = Fixture::new();
    let directory = fixture.directory.path().display().to_string();
    let short = fixture.secret("whsec_c2hvcnQ=");
    let fixture = fixture.with(AuthScheme::StandardWebhooks {
        secret: short,
        tolerance: Duration::from_secs(300),
    });
    let odd = fixture.secret("whsec_not base64!");
    let fixture = fixture.with(AuthScheme::StandardWebhooks {
        secret: odd,
        tolerance: Duration::from_secs(300),
    });
    let empty = fixture.secret("\n");
    let fixture = fixture.with(header_scheme(empty));
    let colon = fixture.secret("x");
    let fixture = fixture.with(AuthScheme::Basic {
        username: "a:b".into(),
        password: colon,
    });
    let faults = fixture.load().unwrap_err();
    let told: Vec<String> = faults
        .iter()
        .map(|fault| fault.to_string().replace(&directory, "D"))
        .collect();
    assert_eq!(
        told,
        [
            "file D/0 is not usable: a standard-webhooks secret holds 24 to 64 bytes in base64",
            "file D/1 is not usable: a standard-webhooks secret is `whsec_` and base64",
            "file D/2 is empty",
            "a basic user name cannot contain a colon",
        ]
    );
}
