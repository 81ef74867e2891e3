//! Credentials in a table are found, and shown nowhere.

use super::*;
use crate::diagnostic::render;

// Put together here, so that no scanner of this repository takes them for real.
fn stripe() -> String {
    format!("{}_live_51HxTq2eZvKYlo2C", "sk")
}

#[track_caller]
fn check(value: &str, secret: Option<&str>) {
    let text = format!(
        "kind = \"nlpearl\"\n[[row]]\nstatus = \"Sucess\"\nleadping = {{ type = \"a\", outcome = \"b\", notes = \"{value}\" }}\n"
    );
    let (table, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
    assert!(table.is_none());
    let found: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.message == "this looks like a credential")
        .map(|finding| &text[finding.span.clone()])
        .collect();
    assert_eq!(found, Vec::from_iter(secret), "{value}");
    if let Some(secret) = secret {
        let shown = render::render(&findings) + &render::to_json(&findings).to_string();
        assert!(!shown.contains(secret), "{shown}");
        // The other findings stay where they were.
        let errors = || {
            findings
                .iter()
                .filter(|found| found.severity == Severity::Error)
        };
        assert_eq!(errors().next().unwrap().position(), (3, 10));
    }
}

#[test]
fn what_looks_like_a_credential_is_found() {
    let stripe = stripe();
    check(&stripe, Some(&stripe));
    check(&format!("see {stripe}."), Some(&stripe));
    check("Bearer abc123def456", Some("abc123def456"));
    check("lp_live_0123456789", Some("lp_live_0123456789"));
    check(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    );
    check(
        "x 9fK2mQ7xR4tB8vL1nW6zC3pD",
        Some("9fK2mQ7xR4tB8vL1nW6zC3pD"),
    );
    check(
        "3b7f1c9de4a85602b7c1f93d5e8a4f06",
        Some("3b7f1c9de4a85602b7c1f93d5e8a4f06"),
    );
}

#[test]
fn what_says_that_it_is_a_secret_is_found() {
    let account = "66f1a2b3c4d5e6f708192a3b:Zk3lQ9xW2mN8pR5tV1yB7cD4fG6hJ0aS";
    for (value, secret) in [
        ("password: hunter2", "hunter2"),
        ("the Password is kept, pwd=letmein for now", "letmein"),
        ("api_key=abcdef12345, then", "abcdef12345"),
        ("API key: abc-12345.", "abc-12345"),
        ("client secret = 's3cr3t!'", "s3cr3t!"),
        ("x-api-token: 998877", "998877"),
        (
            "call https://api.example/leads?id=5&token=abcdefgh&x=1",
            "abcdefgh",
        ),
        ("https://api.example/?sig=a1b2c3d4", "a1b2c3d4"),
        ("https://bob:open%20sesame@crm.example/x", "open%20sesame"),
        (
            "https://0123456789abcdef0123@logs.example/7",
            "0123456789abcdef0123",
        ),
        (account, account),
        (
            "https://hooks.slack.com/services/T012AB/B034CD/x9Y8z7",
            "T012AB/B034CD/x9Y8z7",
        ),
        ("https://hook.eu1.make.com/ab12cd34", "ab12cd34"),
        (
            "-----BEGIN EC PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----",
        ),
    ] {
        check(value, Some(secret));
        let text = format!("kind = \"nlpearl\"\n# {value}\n[[row]]\nignore = \"x\"\n");
        let (table, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        assert!(table.is_none(), "{value}");
        let found = findings
            .iter()
            .find(|found| found.severity == Severity::Error);
        assert_eq!(&text[found.unwrap().span.clone()], secret);
    }
}

#[test]
fn what_only_looks_long_is_left_alone() {
    for value in [
        "Bearer of bad news",
        "Wants a visit on Friday afternoon.",
        "help_desk_2026_summer_campaign",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "66f1a2b3c4d5e6f708192a3b",
        "lead_7Q2M4",
        "Donaudampfschifffahrtsgesellschaftskapitaen2024",
        "Spring-Campaign-2026-Wave-2-DE-Follow-Up",
        "AppointmentBookedByAgent2026",
        "Asked for a password reset: done on 2026-08-01 at 10:30",
        "password: none given",
        "token: 2026-08-01T10:00:00Z",
        "The secret: call before noon",
        "token: {{ event.source }}",
        "password=<yours>, token=$TOKEN",
        "{{ 'x' if collected.password | default('') == 'abc123' else 'y' }}",
        "https://crm.example/leads?key=5&code=12",
        "mail to ops@crm.example or https://crm.example/@ops",
        "see https://www.make.com/en/help/webhooks2024",
        "ratio 12:30, score 5:4",
        "https://crm.example/leads/view?tab=history",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA1",
        "{{ body.callData.leadpingLeadIdentifier | default('') }}",
    ] {
        check(value, None);
    }
}

#[test]
fn comments_names_and_unknown_keys_are_no_hiding_place() {
    let stripe = stripe();
    for text in [
        format!("kind = \"nlpearl\"\n# the old token: {stripe}\n"),
        format!("kind = \"nlpearl\"\n[[row]]\nname = \"{stripe}\"\nignore = \"x\"\n"),
        format!("kind = \"nlpearl\"\n[[row]]\nstatus = \"{stripe}\"\nignore = \"x\"\n"),
        format!("kind = \"nlpearl\"\ntoken = \"{stripe}\"\n"),
        format!("kind = \"nlpearl\"\ntoken = {stripe}\n"),
        format!("kind = \"{stripe}\"\n"),
    ] {
        let (table, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        assert!(table.is_none(), "{text}");
        let shown = render::render(&findings) + &render::to_json(&findings).to_string();
        assert!(shown.contains("looks like a credential"), "{shown}");
        assert!(!shown.contains(&stripe), "{shown}");
    }
}

/// What is taken for a credential in a row with these lines.
fn found_in(lines: &str) -> Vec<String> {
    let text = format!("kind = \"nlpearl\"\n[[row]]\n{lines}\n");
    let (_, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
    findings
        .iter()
        .filter(|finding| finding.message == "this looks like a credential")
        .map(|finding| text[finding.span.clone()].to_owned())
        .collect()
}

#[test]
fn ids_may_look_random() {
    const ID: &str = "user_2NNEqL2nrIRdJ194ndJqAHwEfxC";
    const MD5: &str = "3b7f1c9de4a85602b7c1f93d5e8a4f06";
    const SHA1: &str = "9c41e0f3b7f1c9de4a85602b7c1f93d5e8a4f06a";
    const CLICK: &str = "Cj0KCQjwl8OCBhCzARIsAAwF6DpBzV7-x2QmRk3T9yLs";
    let row = |members: &str| format!("leadping = {{ type = \"a\", outcome = \"b\", {members} }}");
    for lines in [
        row(&format!("assignedToUserId = \"{ID}\"")),
        row(&format!(
            "lead = {{ metadata = {{ externalId = \"{MD5}\" }} }}"
        )),
        row(&format!(
            "lead = {{ metadata = {{ trustedFormUrl = \"https://cert.trustedform.com/{SHA1}\" }} }}"
        )),
        row(&format!(
            "lead = {{ metadata = {{ landingPage = \"https://shop.example/?gclid={CLICK}\" }} }}"
        )),
        row(&format!(
            "lead = {{ metadata = {{ utmContent = \"{CLICK}\" }} }}"
        )),
        row(&format!("lead = {{ tagIds = [\"{MD5}\", \"{ID}\"] }}")),
        row(&format!("notes = \"order id: {MD5}\"")),
        row(&format!(
            "notes = \"{{{{ 'x' if lead.external_id | default('') == '{ID}' else 'y' }}}}\""
        )),
        format!("nlpearl = {{ callData = {{ gclid = \"{CLICK}\", msclkid = \"{MD5}\" }} }}"),
        format!("when = 'lead.id == \"{ID}\"'\nignore = \"x\""),
        format!("when = \"lead.id in ['{ID}', '{SHA1}']\"\nignore = \"x\""),
        format!("when = \"body.campaign == '{MD5}'\"\nignore = \"x\""),
    ] {
        assert_eq!(found_in(&lines), [""; 0], "{lines}");
    }
    let uuid = "F81D4FAE-7dec-11d0-a765-00a0c91e6bf6";
    assert_eq!(found_in(&row(&format!("notes = \"{uuid}\""))), [""; 0]);
    for (lines, secret) in [
        (row(&format!("notes = \"{MD5}\"")), MD5),
        (
            row(&format!(
                "lead = {{ metadata = {{ product = \"{SHA1}\" }} }}"
            )),
            SHA1,
        ),
        (row(&format!("notes = \"paid: {MD5}\"")), MD5),
        (row(&format!("sourceId = \"token={MD5}\"")), MD5),
        (
            format!("when = \"body.token == '{MD5}'\"\nignore = \"x\""),
            MD5,
        ),
        (
            format!("when = \"body.campaign == '{CLICK}'\"\nignore = \"x\""),
            CLICK,
        ),
        (
            format!("nlpearl = {{ callData = {{ apiKey = \"{MD5}\" }} }}"),
            MD5,
        ),
    ] {
        assert_eq!(found_in(&lines), [secret], "{lines}");
    }
}

#[test]
fn all_of_a_signed_token_is_hidden() {
    let head = format!("{}hbGciOiJIUzI1NiJ9", "eyJ");
    let token = format!("{head}.{}zdWIiOiJsZWFkIn0.Sfl5KxwRJSMeKKF2QT4fwp", "eyJ");
    check(&token, Some(&token));
    check(&format!("Bearer {token}."), Some(&token));
    check(&format!("see token={token}, please"), Some(&token));
    check(
        "password: lp_live_0123456789!more",
        Some("lp_live_0123456789!more"),
    );
}
