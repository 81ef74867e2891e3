//! "Try a payload": what it would become by the tables in force, or by one that is typed in. Decides
//! as the daemon does, writes nothing.

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Shared;
use super::page::{Shell, Tab, Trouble, render};
use super::story::{Why, reasons};
use crate::admin::{TryBody, try_payload};
use crate::explain::{Explanation, RequestStory, RowStory};
use crate::systems::mask;

#[derive(Deserialize)]
pub(super) struct TrialForm {
    source: String,
    payload: String,
    #[serde(default)]
    table: String,
}

#[derive(Template)]
#[template(path = "trial.html")]
struct TrialPage {
    shell: Shell,
    source: String,
    sources: Vec<String>,
    payload: String,
    table: String,
    /// Why it could not be tried.
    fault: Option<String>,
    findings: Vec<String>,
    told: Option<Told>,
}

struct Told {
    standing: Option<String>,
    status: String,
    lead: String,
    rows: Vec<RowStory>,
    why: Vec<Why>,
    cause: Option<String>,
    requests: Vec<Request>,
}

struct Request {
    target: String,
    line: String,
    body: Option<String>,
    notes: Vec<&'static str>,
}

pub(super) async fn try_a_payload(
    State(dashboard): State<Shared>,
    Form(form): Form<TrialForm>,
) -> Result<Response, Trouble> {
    let (shell, _) = Shell::load(&dashboard, Tab::Tables, "Try a payload").await?;
    let mut page = TrialPage {
        shell,
        source: form.source,
        sources: dashboard.admin.sources.clone(),
        payload: form.payload,
        table: form.table,
        fault: None,
        findings: Vec::new(),
        told: None,
    };
    match read_body(&dashboard, &page) {
        Ok(body) => match try_payload(&dashboard.admin, body).await {
            Ok(tried) => {
                page.findings = tried.findings;
                page.told = Some(tell(&dashboard, tried.explanation.explanation));
            }
            Err(problem) if problem.status().is_client_error() => {
                page.fault = Some(problem.detail().to_owned());
            }
            Err(problem) => return Err(problem.into()),
        },
        Err(fault) => page.fault = Some(fault),
    }
    let mut response = render(&page);
    if page.fault.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

fn read_body(dashboard: &Shared, page: &TrialPage) -> Result<TryBody, String> {
    // First in the listener's words: what it refuses need not be JSON at all.
    let refusal = (dashboard.admin.refusal_of)(page.payload.as_bytes());
    let why = refusal.map(|refusal| refusal.detail().to_owned());
    let payload = match why {
        None => RawValue::from_string(page.payload.clone()).map_err(|error| error.to_string()),
        Some(why) => Err(why),
    };
    let payload = payload.map_err(|why| format!("The bridge would refuse this payload: {why}"))?;
    Ok(TryBody {
        source: page.source.clone(),
        kind: None,
        payload,
        table: Some(page.table.replace("\r\n", "\n")).filter(|table| !table.trim().is_empty()),
    })
}

fn tell(dashboard: &Shared, told: Explanation) -> Told {
    use crate::event::Standing;
    let status = told.facts.status.as_ref().map(ToString::to_string);
    let advice = told.advice();
    Told {
        standing: match told.standing {
            Standing::Usable => None,
            Standing::Invalid(why) => Some(format!("It cannot be decided: {why}.")),
            Standing::Ignored(why) => Some(format!("Nothing is decided for it: {why}.")),
        },
        status: super::tally::status_label(dashboard, &told.source, &status.unwrap_or_default()),
        lead: match told.lead.lead_id {
            Some(id) => format!("{id}, from the {}", told.lead.lead_id_from),
            None => String::from("no LeadPing lead is known"),
        },
        rows: told.rows,
        why: reasons(&told.decision),
        cause: advice,
        requests: told.requests.into_iter().map(request).collect(),
    }
}

fn request(story: RequestStory) -> Request {
    let mut notes = Vec::new();
    if story.merged {
        notes.push("the record is read first; this is what changes in it");
    }
    if story.withheld {
        notes.push("withheld: the target is in shadow mode");
    }
    Request {
        line: format!("{} {}", story.method, story.url),
        target: story.target,
        body: story
            .body
            .map(|body| serde_json::to_string_pretty(&mask::members(&body)).unwrap_or_default()),
        notes,
    }
}
