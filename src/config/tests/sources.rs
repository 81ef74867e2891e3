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

/// The minimal file with these lines for its voice source and an NLPearl target.
#[track_caller]
fn check_resolve(lines: &str, expected: &str) {
    let target = "[targets.nlpearl]\nkind = \"nlpearl\"\ntoken = { env = \"N\" }\noutbound_ids = { p1 = \"o1\" }\n";
    let text = MINIMAL.replace("[sources.voice]\n", &format!("[sources.voice]\n{lines}\n"));
    assert_eq!(
        findings(&format!("{text}{target}"), &[]),
        expected,
        "of {lines}"
    );
}

#[test]
fn who_is_asked_must_be_there_and_able_to_answer() {
    check_resolve("resolve = { target = \"nlpearl\" }", "");
    check_resolve(
        "resolve = { target = \"nlpear\" }",
        "bridge.toml:6:22: error: `sources.voice.resolve.target` names no target: `nlpear` (did you mean `nlpearl`?)",
    );
    check_resolve(
        "resolve = { target = \"leadping\" }",
        "bridge.toml:6:22: error: `sources.voice.resolve.target` cannot be asked whose lead it is: `leadping` is not of kind nlpearl",
    );
    check_resolve(
        "resolve = { nothing_for_seconds = 0 }",
        "bridge.toml:6:1: error: `sources.voice.resolve.target` is missing (target = \"nlpearl\", the target that is asked)\n\
         bridge.toml:6:35: error: `sources.voice.resolve.nothing_for_seconds` must be 1 to 31536000",
    );
    check_resolve(
        "resolve = { target = \"nlpearl\", pearls = [\"p1\"] }",
        "bridge.toml:6:42: error: `sources.voice.resolve.pearls` is for sources of other kinds: NLPearl's webhooks name the pearl (remove it)",
    );
}

#[test]
fn a_source_of_another_kind_is_asked_for_through_one_of_nlpearl_s() {
    #[track_caller]
    fn check_crm(resolve: &str, voice: &str, expected: &str) {
        let text = MINIMAL
            .replace(
                "[sources.crm]\n",
                &format!("[sources.crm]\nresolve = {resolve}\n"),
            )
            .replace("[sources.voice]\n", &format!("[sources.voice]\n{voice}\n"));
        let target =
            "[targets.nlpearl]\nkind = \"nlpearl\"\napi = \"v2\"\ntoken = { env = \"N\" }\n";
        assert_eq!(findings(&format!("{text}{target}"), &[]), expected);
    }
    let linked = "links = { crm = \"/externalId\" }";
    let asking = "{ target = \"nlpearl\", pearls = [\"p1\"] }";
    check_crm(asking, linked, "");
    check_crm(
        asking,
        "links = { crm = \"/callData/crm\" }",
        "bridge.toml:13:22: error: `sources.crm.resolve.target` is asked by external id, and no source says that this is an id of `crm` (a source of kind nlpearl with links = { crm = \"/externalId\" })",
    );
    check_crm(
        "{ target = \"nlpearl\" }",
        linked,
        "bridge.toml:13:1: error: `sources.crm.resolve.pearls` is missing (the pearls whose leads are looked through)",
    );
    check_crm(
        "{ target = \"nlpearl\", pearls = [\"a/b\"] }",
        linked,
        "bridge.toml:13:43: error: `sources.crm.resolve.pearls` is a list of pearl ids",
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
