//! `links list`, `import` and `export`: what people and their spreadsheets see of links.

use serde_json::{Value, json};

use super::place::{Bridge, Place};

/// A fresh bridge; commands find it by its admin address.
async fn started() -> (Place, Bridge) {
    let place = Place::new(None);
    let bridge = place.serve().await;
    let place = place.variable(
        "LEADPING_BRIDGE_ADMIN_URL",
        format!("http://{}", bridge.admin),
    );
    (place, bridge)
}

const LINKS: &str = "\
source,source_lead_id,lead_id,same_as,pearl_id
crm,19,lead_7Q2M4,,
crm,20,,voice:v20,
voice,68c3f1a2,lead_7Q2M4,,66f1a2b3
voice,\"a,\"\"b\"\"\",lead_7Q2M4,,
voice,v20,,crm:20,66f1a2b3
";

#[tokio::test]
async fn what_is_exported_imports_to_the_same() {
    let (place, _bridge) = started().await;
    let empty = place.run(&["links", "export"]).await;
    assert_eq!((empty.code, empty.out.lines().count()), (Some(0), 1));
    let imported = place.run_with_input(&["links", "import", "-"], LINKS).await;
    assert_eq!(imported.code, Some(0), "{}{}", imported.out, imported.err);
    assert_eq!(
        (imported.out.as_str(), imported.err.as_str()),
        (
            "5 lines: 4 new, 1 known, 0 moved, 0 faulty; decided again: 0\n",
            ""
        )
    );
    let exported = place.run(&["links", "export"]).await;
    assert_eq!((exported.out.as_str(), exported.err.as_str()), (LINKS, ""));

    let (other, _other_bridge) = started().await;
    other.write("links.csv", &exported.out);
    assert_eq!(
        other.run(&["links", "import", "links.csv"]).await.code,
        Some(0)
    );
    assert_eq!(other.run(&["links", "export"]).await.out, LINKS);
    // A spreadsheet's dialect of the same file changes nothing.
    let dialect = format!(
        "\u{feff}{}",
        LINKS.replace("\"a,\"\"b\"\"\"", "\"a,\"\"b\"\"\" ")
    );
    let dialect = dialect.replace('\n', "\r\n");
    let again = other
        .run_with_input(&["links", "import", "--json", "-"], &dialect)
        .await;
    let told: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(
        told,
        json!({"lines": 5, "new": 0, "known": 5, "moved": 0, "faulty": 0, "decided": 0, "faults": []})
    );
}

#[tokio::test]
async fn every_faulty_line_is_told_by_its_number_and_the_others_count() {
    let (place, _bridge) = started().await;
    let file = "\
Source;Lead_ID;Source_Lead_ID
voice;lead_1;v1

voice;lead_2
voice;lead_1;v1
voice;lead_2;v1
video;lead_3;v3
voice;lead_4;\"v4
voice;;v5
voice;..;v6
crm;lead_7;c7
";
    place.write("links.csv", file);
    let ended = place.run(&["links", "import", "links.csv"]).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.err,
        "\
links.csv:4: it has 2 fields, and the first line 3
links.csv:6: line 2 names another lead_id for the same id
links.csv:7: no source is named `video`; there are: crm, voice
links.csv:8: a quote is not closed
links.csv:9: neither lead_id nor same_as is given
links.csv:10: lead_id has 1 to 256 characters, and not only dots
"
    );
    assert_eq!(
        ended.out,
        "9 lines: 2 new, 1 known, 0 moved, 6 faulty; decided again: 0\n"
    );
    let listed = place.run(&["links", "list"]).await;
    assert_eq!(
        listed.out,
        "\
SOURCE  ITS LEAD ID  LEADPING  PEARL
crm     c7           lead_7
voice   v1           lead_1
"
    );
    // Mended, only what was faulty is new; a line may also correct what is known.
    let mended = "source,source_lead_id,lead_id\nvoice,v1,lead_9\nvoice,v4,lead_4\n";
    let ended = place
        .run_with_input(&["links", "import", "-"], mended)
        .await;
    assert_eq!(
        ended.out,
        "2 lines: 1 new, 0 known, 1 moved, 0 faulty; decided again: 0\n"
    );
}

#[tokio::test]
async fn a_file_of_many_lines_goes_in_whole_and_says_how_far_it_is() {
    let (place, bridge) = started().await;
    let mut file = String::from("source,source_lead_id,lead_id\n");
    for number in 0..11_000 {
        let line = match number % 1000 {
            999 => "voice,broken\n".to_owned(),
            _ => format!("voice,v{number:05},lead_{number:05}\n"),
        };
        file.push_str(&line);
    }
    place.write("links.csv", &file);
    let ended = place.run(&["links", "import", "links.csv"]).await;
    assert_eq!(ended.code, Some(1));
    let (progress, faults): (Vec<&str>, Vec<&str>) =
        ended.err.lines().partition(|line| line.ends_with(" lines"));
    assert!(!progress.is_empty(), "{progress:?}");
    let expected: Vec<String> = (1..=11)
        .map(|number| {
            format!(
                "links.csv:{}: it has 2 fields, and the first line 3",
                number * 1000 + 1
            )
        })
        .collect();
    assert_eq!(faults, expected);
    assert_eq!(
        ended.out,
        "11000 lines: 10989 new, 0 known, 0 moved, 11 faulty; decided again: 0\n"
    );
    let exported = place.run(&["links", "export"]).await;
    assert_eq!(exported.out.lines().count(), 10_990);
    let page = bridge.admin("links?limit=1&lead=lead_00017").await;
    assert_eq!(page["items"][0]["source_lead_id"], "v00017");
}

#[tokio::test]
async fn a_list_is_a_page_with_the_place_of_the_next() {
    let (place, _bridge) = started().await;
    place.run_with_input(&["links", "import", "-"], LINKS).await;
    let list = async |more: &[&str]| place.run(&[&["links", "list"], more].concat()).await;
    let first = list(&["--limit", "2"]).await;
    assert_eq!(
        first.out,
        "\
SOURCE  ITS LEAD ID  LEADPING          PEARL
crm     19           lead_7Q2M4
crm     20           - (is voice v20)
"
    );
    assert_eq!(first.err, "there may be more: --cursor 'crm:20'\n");
    let rest = list(&["--cursor", "crm:20", "--json"]).await;
    let rest: Value = serde_json::from_str(&rest.out).unwrap();
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
    assert_eq!(rest["next_cursor"], Value::Null);
    let of_lead = list(&["--lead", "19", "--source", "voice"]).await;
    assert_eq!(of_lead.out.lines().count(), 3);
    let of_nobody = list(&["--lead", "nobody"]).await;
    assert_eq!(of_nobody.out, "no links\n");
}

#[tokio::test]
async fn a_file_or_a_bridge_that_cannot_be_used_is_told() {
    let (place, bridge) = started().await;
    for (text, told) in [
        ("", "-:1: the file is empty\n"),
        ("voice,v1,lead_1\n", "-:1: the first line names the columns"),
    ] {
        let ended = place.run_with_input(&["links", "import", "-"], text).await;
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.starts_with(told), "{}", ended.err);
    }
    let missing = place.run(&["links", "import", "nothing.csv"]).await;
    assert_eq!(missing.code, Some(2));
    assert!(
        missing
            .err
            .starts_with("error: there is no file nothing.csv; "),
        "{}",
        missing.err
    );
    assert_eq!(bridge.terminate().await.code, Some(0));
    let ended = place.run_with_input(&["links", "import", "-"], LINKS).await;
    assert_eq!(ended.code, Some(69));
    assert!(ended.err.contains("no bridge answers at"), "{}", ended.err);
    assert!(
        ended
            .out
            .contains("stopped: nothing was taught from line 2 on"),
        "{}",
        ended.out
    );
    assert_eq!(place.run(&["links", "export"]).await.code, Some(69));
}
