//! The row that is offered for what no row takes: pasted, it loads without a finding, and decides.

use super::*;
use crate::config::Field;

const VOICE: &str = include_str!("../../../mappings/voice.toml");
const CRM: &str = include_str!("../../../mappings/crm.toml");
const LEADPING: &str = include_str!("../../../mappings/leadping.toml");
const GENERIC: &str = "kind = \"generic\"\n[[row]]\nstatus = \"done\"\nleadping = { type = \"Job\", outcome = \"Done\" }\n";

fn facts_of(kind: SourceKind, body: &Value) -> Facts {
    let mut source = SourceConfig::unconfigured("x", kind);
    if kind == SourceKind::Generic {
        for (field, pointer) in [
            (Field::SourceLeadId, "/lead"),
            (Field::Status, "/status"),
            (Field::SubStatus, "/reason"),
        ] {
            source.fields.point(field, vec![pointer.to_owned()]);
        }
    }
    let reading = systems::read(&source, None, &body.into());
    assert_eq!(reading.standing, Standing::Usable, "{body}");
    reading.facts
}

fn load(kind: SourceKind, text: &str) -> Table {
    let (table, findings) = parse(kind, text);
    assert_eq!(findings, [""; 0], "{text}");
    table.unwrap()
}

/// Offers a row for the body, pastes it, and gives back what was offered.
#[track_caller]
fn paste(kind: SourceKind, text: &str, body: &Value) -> String {
    let facts = facts_of(kind, body);
    let (table, _) = parse(kind, text);
    let table = table.unwrap();
    let given = Given::new(facts.clone());
    assert_eq!(given.evaluate(&table), Mapped::Unmapped, "{body}");
    let row = offer::offer(&table, &facts).unwrap();
    let pasted = load(kind, &format!("{text}\n{row}"));
    let number = pasted.rows().last().unwrap().reference.number;
    match given.evaluate(&pasted) {
        Mapped::Wishes { row, .. } | Mapped::Ignored { row, .. } => assert_eq!(row.number, number),
        other => panic!("{other:?}\n{row}"),
    }
    // So is what is commented out in it.
    let narrowed = row.replace("# sub_status", "sub_status");
    let (table, _) = parse(kind, &format!("{text}\n{narrowed}"));
    assert_ne!(given.evaluate(&table.unwrap()), Mapped::Unmapped);
    row
}

fn voice(status: impl Into<Value>) -> Value {
    json!({ "id": "v1", "pearlId": "p1", "status": status.into(), "callsId": [], "callData": {} })
}

fn crm(status: &str, sub_status: &str) -> Value {
    json!({ "eventId": "e1", "attributes": { "eventName": "leadStatusUpdated", "data": {
        "id": 7, "status": status, "subStatus": sub_status, "extendedFields": {} } } })
}

fn leadping(category: &str) -> Value {
    json!({ "type": "lead.disposition.changed", "data": {
        "leadId": "lead_1", "outcome": "x", "category": category } })
}

#[test]
fn an_offered_row_is_written_as_its_table_is() {
    insta::assert_snapshot!(paste(SourceKind::Nlpearl, VOICE, &voice("Paused")), @r#"
    [[row]]
    name = "Paused"
    when = "event.status == 'Paused'"
    leadping = { category = "Open", outcome = "Paused" }
    # categories: Open, Qualified, Converted, Lost, Invalid, Duplicate
    # instead of `leadping`, where nothing has to be done: ignore = "why"
    "#);
    insta::assert_snapshot!(paste(SourceKind::Nlpearl, VOICE, &voice(777)), @r#"
    [[row]]
    name = "Status 777"
    when = "event.status == 777"
    leadping = { category = "Open", outcome = "Status 777" }
    # categories: Open, Qualified, Converted, Lost, Invalid, Duplicate
    # instead of `leadping`, where nothing has to be done: ignore = "why"
    "#);
    let without = VOICE.replace("\"NeedRetry\", ", "");
    insta::assert_snapshot!(paste(SourceKind::Nlpearl, &without, &voice("10")), @r#"
    [[row]]
    name = "NeedRetry"
    status = "NeedRetry"
    leadping = { category = "Open", outcome = "NeedRetry" }
    # categories: Open, Qualified, Converted, Lost, Invalid, Duplicate
    # instead of `leadping`, where nothing has to be done: ignore = "why"
    "#);
    let narrowed = CRM.replace(
        "status = \"DELETED\"",
        "status = \"DELETED\"\nsub_status = \"Twice\"",
    );
    let body = crm(" deleted ", " No  \"stock\" ");
    insta::assert_snapshot!(paste(SourceKind::Capillary, &narrowed, &body), @r#"
    [[row]]
    name = "DELETED"
    status = "DELETED"
    # sub_status = "No  \"stock\""    # to take these alone
    leadping = { category = "Open", outcome = "DELETED" }
    # categories: Open, Qualified, Converted, Lost, Invalid, Duplicate
    # instead of `leadping`, where nothing has to be done: ignore = "why"
    "#);
    insta::assert_snapshot!(paste(SourceKind::Capillary, CRM, &crm("\tON HOLD ", "")), @r#"
    [[row]]
    name = "ON HOLD"
    when = "event.status == 'ON HOLD'"
    leadping = { category = "Open", outcome = "ON HOLD" }
    # categories: Open, Qualified, Converted, Lost, Invalid, Duplicate
    # instead of `leadping`, where nothing has to be done: ignore = "why"
    "#);
    let body = json!({ "lead": "l1", "status": 7, "reason": "a'b" });
    insta::assert_snapshot!(paste(SourceKind::Generic, GENERIC, &body), @r#"
    [[row]]
    status = "7"
    # sub_status = "a'b"    # to take these alone
    leadping = { type = "Job", category = "Open", outcome = "7" }
    # categories: Open, Qualified, Converted, Lost, Invalid, Duplicate
    # instead of `leadping`, where nothing has to be done: ignore = "why"
    "#);
    insta::assert_snapshot!(paste(SourceKind::Leadping, LEADPING, &leadping("Weird")), @r#"
    [[row]]
    name = "Weird"
    when = "event.status == 'Weird'"
    # sub_status = "x"    # to take these alone
    ignore = "LeadPing has it already"
    "#);
}

#[test]
fn an_offered_row_takes_whatever_a_sender_may_call_its_status() {
    for word in [
        "Successful",
        "Sucess",
        "it's",
        "\"quoted\"",
        "back\\slash",
        "two\nlines",
        "bell\u{7} \u{7f} \u{202e}turned",
        "{{ lead.id }}",
        "{% if %}",
        "# no comment",
        "*",
        "Émile ✓ 😀",
        "a\u{a0}b",
        "true",
        "x".repeat(61).as_str(),
        "leads, on hold",
    ] {
        paste(SourceKind::Nlpearl, VOICE, &voice(word));
        paste(SourceKind::Capillary, CRM, &crm(word, word));
        paste(SourceKind::Leadping, LEADPING, &leadping(word));
        let body = json!({ "lead": "l1", "status": word, "reason": word });
        paste(SourceKind::Generic, GENERIC, &body);
    }
    for number in [7, 71, 0, -5, i64::MAX, i64::MIN] {
        paste(SourceKind::Nlpearl, VOICE, &voice(number));
        let body = json!({ "lead": "l1", "status": number });
        paste(SourceKind::Generic, GENERIC, &body);
    }
}

#[test]
fn an_offered_row_takes_what_other_rows_of_its_status_leave() {
    for narrow in ["on = \"call\"", "when = \"lead.calls > 3\""] {
        let status = "status = \"Error\"";
        let text = VOICE.replace(status, &format!("{status}\n{narrow}"));
        let row = paste(SourceKind::Nlpearl, &text, &voice(500));
        assert!(row.contains("name = \"Error\""), "{row}");
        let named = text.replace("name = \"error\"", "name = \"Error\"");
        let row = paste(SourceKind::Nlpearl, &named, &voice(500));
        assert!(row.contains("name = \"Error, otherwise\""), "{row}");
    }
    // By its page this status comes in lead webhooks alone.
    let status = "status = \"WrongCountryCode\"";
    let text = VOICE.replace(status, &format!("{status}\non = \"lead\""));
    let facts = Facts {
        kind: Some(EventKind::Call),
        ..voice_facts(30)
    };
    let (table, _) = parse(SourceKind::Nlpearl, &text);
    let row = offer::offer(&table.unwrap(), &facts).unwrap();
    let pasted = load(SourceKind::Nlpearl, &format!("{text}\n{row}"));
    assert_ne!(Given::new(facts).evaluate(&pasted), Mapped::Unmapped);
}

#[test]
fn no_row_is_offered_where_none_can_be_pasted() {
    let inline = "kind = \"nlpearl\"\nrow = [{ status = 70, ignore = \"x\" }]\n";
    let (table, _) = parse(SourceKind::Nlpearl, inline);
    let table = table.unwrap();
    assert_eq!(offer::offer(&table, &voice_facts(777)), None);
    assert_eq!(offer::offer(&table, &Facts::default()), None);
    let (table, _) = parse(SourceKind::Nlpearl, VOICE);
    let facts = Facts {
        status: Some(Status::Name("x".repeat(201))),
        ..Facts::default()
    };
    assert_eq!(offer::offer(&table.unwrap(), &facts), None);
}

#[test]
fn two_odd_statuses_are_pasted_under_names_of_their_own() {
    let mut text = VOICE.to_owned();
    for word in ["{{ one }}", "{{ two }}"] {
        let row = paste(SourceKind::Nlpearl, &text, &voice(word));
        assert!(row.contains("name = \"A status of its own ("), "{row}");
        text = format!("{text}\n{row}");
    }
    load(SourceKind::Nlpearl, &text);
}

#[test]
fn a_status_that_looks_like_a_credential_is_not_offered_nor_shown() {
    let secret = "sk_live_4f9aQ2mV8xTb71LkPz";
    let status = Status::Name(secret.to_owned());
    let facts = Facts {
        status: Some(status.clone()),
        ..Facts::default()
    };
    let (table, _) = parse(SourceKind::Nlpearl, VOICE);
    assert_eq!(offer::offer(&table.unwrap(), &facts), None);
    let instead = offer::instead(&status, "voice").unwrap();
    assert!(instead.contains("looks like a credential"), "{instead}");
    assert!(!instead.contains(&secret[..8]), "{instead}");
    assert_eq!(offer::in_toml(&status), "\"********\"");
    let facts = Facts {
        sub_status: Some(secret.to_owned()),
        ..facts_of(SourceKind::Capillary, &crm("Reopened", "x"))
    };
    let (table, _) = parse(SourceKind::Capillary, CRM);
    let row = offer::offer(&table.unwrap(), &facts).unwrap();
    assert!(!row.contains("sub_status"), "{row}");
}
