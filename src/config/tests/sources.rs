//! Sources whose bodies are described in the file: what must be pointed out, and what cannot be.

use super::*;

/// The minimal file with one more source, and what is found then.
#[track_caller]
fn check_source(lines: &str, expected: &str) {
    let auth = "[[sources.shop.auth]]\nscheme = \"header\"\nheader = \"X-Token\"\nsecret = { env = \"S\" }\n";
    let text = format!("[sources.shop]\n{lines}\n{auth}{MINIMAL}");
    assert_eq!(findings(&text, &[]), expected, "of {lines}");
}

const SHOP: &str = "kind = \"generic\"\n[sources.shop.fields]\nstatus = \"/state\"";

#[test]
fn a_generic_source_points_out_its_status_and_its_lead() {
    check_source(&format!("{SHOP}\nsource_lead_id = \"/id\""), "");
    let with_lead = SHOP.replace("\n[", "\nlead = [\"/lead\"]\n[");
    check_source(&with_lead, "");
    check_source(
        "kind = \"generic\"",
        "bridge.toml:1:10: error: `sources.shop.fields` is missing (point the status out: [sources.shop.fields] with status = \"/status\")",
    );
    check_source(
        "kind = \"generic\"\nfields = { phone = \"/p\" }",
        "bridge.toml:3:1: error: `sources.shop.fields.status` is missing (such as status = \"/status\")\n\
         bridge.toml:3:1: error: `sources.shop.fields.source_lead_id` is missing (what the webhooks of one lead have in common; or `lead`, if they name LeadPing's id)",
    );
}

#[test]
fn pointers_are_checked_one_by_one() {
    check_source(
        &format!(
            "{SHOP}\nsource_lead_id = [\"/a\", \"b\", 1]\nphone = []\nkind = {{}}\nstate = \"/x\""
        ),
        "bridge.toml:5:25: error: `sources.shop.fields.source_lead_id`: `b` must begin with `/` (a JSON pointer, such as \"/lead/id\")\n\
         bridge.toml:5:30: error: `sources.shop.fields.source_lead_id` must be a string, not an integer\n\
         bridge.toml:6:9: error: `sources.shop.fields.phone` is empty (name a JSON pointer, or remove the key)\n\
         bridge.toml:7:8: error: `sources.shop.fields.kind` must be a JSON pointer or a list of them, not a table\n\
         bridge.toml:8:1: error: unknown key `state` in [sources.shop.fields] (did you mean `status`?)",
    );
}

#[test]
fn fields_belong_to_the_free_form_kinds() {
    check_in(
        "[sources.voice]",
        "fields = { status = \"/x\" }",
        "bridge.toml:6:10: error: `sources.voice.fields` has no meaning for kind `nlpearl`, whose bodies are known (remove it)",
    );
    check_source("kind = \"leadping\"", "");
    check_source(
        "kind = \"leadping\"\nfields = { status = \"/s\", marker = \"/m\", call_id = \"/c\" }",
        "bridge.toml:3:52: error: `sources.shop.fields.call_id` has no meaning for kind `leadping` (remove it)",
    );
    check_source(
        &format!("{SHOP}\nsource_lead_id = \"/id\"\nmarker = \"/m\""),
        "bridge.toml:6:10: error: `sources.shop.fields.marker` has no meaning for kind `generic` (remove it)",
    );
}

#[test]
fn event_names_need_a_place_in_the_body() {
    check_source(
        "kind = \"leadping\"\nevents = [\"lead.changed\"]",
        "bridge.toml:3:10: error: `sources.shop.events` are names that are read nowhere (point the name out: `sources.shop.fields.event_name`)",
    );
    check_source(
        "kind = \"leadping\"\nevents = [\"lead.changed\"]\nfields = { event_name = \"/type\" }",
        "",
    );
}

#[test]
fn ids_of_leadping_are_not_mistaken_for_a_sources() {
    let mistaken = MINIMAL
        .replace("[sources.crm]", "[sources.leadping]")
        .replace("[[sources.crm.auth]]", "[[sources.leadping.auth]]");
    assert_eq!(
        findings(&mistaken, &[]),
        "bridge.toml:11:10: error: a source called `leadping` must be of kind `leadping` (its lead ids would be taken for LeadPing's own)"
    );
    let text = MINIMAL.replace(
        "[sources.voice]\n",
        "[sources.pings]\nkind = \"leadping\"\nauth = [{ scheme = \"header\", header = \"X\", secret = { env = \"S\" } }]\n\
         [sources.voice]\nlinks = { pings = \"/x\" }\n",
    );
    assert_eq!(
        findings(&text, &[]),
        "bridge.toml:9:11: error: `sources.voice.links` names `pings`, whose lead ids are LeadPing's own (add the pointer to `lead` instead)"
    );
}
