//! Every command in `docs/sandbox.md`: the sandbox takes it, and the page names every fault.

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::{client, sandbox};

const PAGE: &str = include_str!("../../docs/sandbox.md");
const ADDRESS: &str = "http://127.0.0.1:8090";

/// `curl -X POST URL -d 'BODY'` in its parts.
fn request(line: &str) -> Option<(&str, &str, Option<&str>)> {
    let rest = line.strip_prefix("$ curl ")?;
    let (method, rest) = match rest.strip_prefix("-X ") {
        Some(rest) => rest.split_once(' ').unwrap(),
        None => ("GET", rest),
    };
    let (url, body) = match rest.split_once(" -d ") {
        Some((url, body)) => {
            let body = body
                .strip_prefix('\'')
                .and_then(|body| body.strip_suffix('\''));
            (url, Some(body.expect(line)))
        }
        None => (rest, None),
    };
    Some((method, url.strip_prefix(ADDRESS).expect(line), body))
}

#[tokio::test]
async fn every_command_of_the_page_is_taken() {
    let sandbox = sandbox();
    let client = client();
    let mut faults = BTreeSet::new();
    let mut scopes = BTreeSet::new();
    let mut taken = 0;
    for line in PAGE.lines().filter(|line| line.starts_with('$')) {
        let (method, path, body) = request(line).expect(line);
        let url = format!("{}{path}", sandbox.base_url());
        let request = client.request(method.parse().unwrap(), url);
        let request = request.body(body.unwrap_or_default().to_owned());
        let answer = request.send().await.unwrap();
        let status = answer.status();
        assert!(
            status.is_success(),
            "{line}: {status} {}",
            answer.text().await.unwrap()
        );
        taken += 1;
        if path == "/_sandbox/faults"
            && let Some(body) = body
        {
            let rule: Value = serde_json::from_str(body).unwrap();
            let fault = &rule["fault"];
            let name = fault
                .as_str()
                .or_else(|| fault.as_object()?.keys().next().map(String::as_str));
            faults.insert(name.unwrap().to_owned());
            scopes.insert(rule["on"].as_str().unwrap().to_owned());
        }
    }
    assert!(taken > 15, "{taken}");
    assert_eq!(scopes, names("FaultScope"));
    assert_eq!(faults, names("Fault"));
}

/// What the sandbox itself lists as possible, from its refusal of another.
fn names(what: &str) -> BTreeSet<String> {
    use leadping_bridge::sandbox::{Fault, FaultScope};
    let refusal = match what {
        "Fault" => serde_json::from_str::<Fault>("\"explode\"").unwrap_err(),
        _ => serde_json::from_str::<FaultScope>("\"explode\"").unwrap_err(),
    };
    let told = refusal.to_string();
    let (_, listed) = told.split_once("expected one of ").expect(&told);
    let quoted = listed.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}
