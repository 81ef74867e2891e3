//! Lines as people and spreadsheets write them.

use super::*;

const ALL: &str = "source,source_lead_id,lead_id,same_as,pearl_id";

fn link(source: &str, id: &str, lead_id: Option<&str>) -> LinkView {
    LinkView {
        source: source.to_owned(),
        source_lead_id: id.to_owned(),
        lead_id: lead_id.map(str::to_owned),
        same_as: None,
        pearl_id: None,
    }
}

#[test]
fn the_first_line_names_the_columns() {
    #[track_caller]
    fn check(line: &str, expected: Result<char, &str>) {
        let read = Columns::read(line);
        let found = read.as_ref().map(|columns| columns.separator);
        assert_eq!(found, expected.map_err(str::to_owned).as_ref().copied());
    }
    check(ALL, Ok(','));
    check("Lead_ID; source ;\"source_lead_id\"", Ok(';'));
    check("source\tsource_lead_id\tsame_as", Ok('\t'));
    check(
        "source,id,lead_id",
        Err(
            "the first line names the columns, and one of them is not known; there are: source, source_lead_id, lead_id, same_as, pearl_id",
        ),
    );
    check(
        "source,source,lead_id",
        Err("the column source is there twice"),
    );
    check(
        "source,lead_id",
        Err("the columns source and source_lead_id are needed"),
    );
    check(
        "source,source_lead_id",
        Err("the column lead_id, or same_as, is needed"),
    );
    check(
        "source,\"source_lead_id,lead_id",
        Err("a quote is not closed"),
    );
}

#[test]
fn a_line_is_a_link_or_says_what_is_wrong() {
    #[track_caller]
    fn check(line: &str, expected: Result<LinkView, &str>) {
        let columns = Columns::read("source,source_lead_id,lead_id").unwrap();
        assert_eq!(
            columns.link(line),
            expected.map_err(str::to_owned),
            "{line}"
        );
    }
    check("voice,v1,L1", Ok(link("voice", "v1", Some("L1"))));
    check(" voice , v1 , ", Ok(link("voice", "v1", None)));
    check(
        "voice,\"a,\"\"b\"\"\",L1",
        Ok(link("voice", "a,\"b\"", Some("L1"))),
    );
    check("voice,5\"7,L1", Ok(link("voice", "5\"7", Some("L1"))));
    check("voice,v1", Err("it has 2 fields, and the first line 3"));
    check("voice,v1,L1,", Err("it has 4 fields, and the first line 3"));
    check(",v1,L1", Err("source is empty"));
    check("voice,\" \",L1", Err("source_lead_id is empty"));
    check("voice,\"v1,L1", Err("a quote is not closed"));
    check(
        "voice,\"v1\"x,L1",
        Err("text stands behind a closing quote"),
    );
    check("voice,\"v1\" ,L1", Ok(link("voice", "v1", Some("L1"))));
    let columns = Columns::read(ALL).unwrap();
    let told = columns.link("voice,v1,,crm,").unwrap_err();
    assert_eq!(told, "same_as is not source:id");
    let same_as = columns.link("voice,v1,,crm:a:b,").unwrap().same_as;
    assert_eq!(same_as.unwrap().source_lead_id, "a:b");
}

/// Those behind the first line.
fn records(text: &[u8]) -> Vec<(u64, RawLine)> {
    let mut records = Records::new(text);
    let mut found = Vec::new();
    if let Some((_, Ok(header))) = records.next_record().unwrap() {
        records.follow(&Columns::read(&header).unwrap());
    }
    while let Some(record) = records.next_record().unwrap() {
        found.push(record);
    }
    found
}

const THREE: &str = "source,source_lead_id,lead_id";

#[test]
fn records_know_the_line_that_they_begin_in() {
    #[track_caller]
    fn check(lines: &str, expected: &[(u64, &str)]) {
        let found = records(format!("\u{feff}{THREE}\r\n{lines}").as_bytes());
        let expected: Vec<(u64, RawLine)> = expected
            .iter()
            .map(|(line, text)| (*line, Ok((*text).to_owned())))
            .collect();
        assert_eq!(found, expected, "{lines}");
    }
    check("a,b,c\r\n\n  \nd,e,f", &[(2, "a,b,c"), (5, "d,e,f")]);
    check("a,\"b\nc\",d\ne,f,g", &[(2, "a,\"b\nc\",d"), (4, "e,f,g")]);
    // Nobody closes it, or the next quote is another's: each line is what it is.
    check("a,\"b,c\nd,e,f", &[(2, "a,\"b,c"), (3, "d,e,f")]);
    check("a,\"b,c\nd,\"e\",f", &[(2, "a,\"b,c"), (3, "d,\"e\",f")]);
    check(
        "a,\"b,c\nd,e,\"f\"\ng,h,i",
        &[(2, "a,\"b,c"), (3, "d,e,\"f\""), (4, "g,h,i")],
    );
}

#[test]
fn a_line_that_cannot_be_read_is_one_record() {
    let mut bytes = format!("{THREE}\n").into_bytes();
    bytes.extend(b"\xff\xfe\n");
    bytes.extend(vec![b'x'; 3 * MAX_BYTES]);
    bytes.extend(b"\nb\n\"open\n\xff\n");
    assert_eq!(
        records(&bytes),
        [
            (2, Err("it is not UTF-8")),
            (3, Err("it is longer than 64 KiB")),
            (4, Ok("b".to_owned())),
            (5, Ok("\"open".to_owned())),
            (6, Err("it is not UTF-8")),
        ]
    );
}

proptest::proptest! {
    /// What is exported is imported as it was, whatever the ids hold.
    #[test]
    fn a_link_survives_the_way_through_a_file(
        ids in proptest::collection::vec("[ -~äß\n\"',;\t]{1,12}", 1..20),
    ) {
        let links: Vec<LinkView> = ids
            .iter()
            .map(|id| id.trim())
            .filter(|id| !id.is_empty())
            .enumerate()
            .map(|(number, id)| LinkView {
                same_as: (number % 2 == 0).then(|| SameAs {
                    source: "crm".to_owned(),
                    source_lead_id: id.to_owned(),
                }),
                pearl_id: (number % 3 == 0).then(|| id.to_owned()),
                ..link("voice", id, (number % 2 == 1).then_some(id))
            })
            .collect();
        let text: String = std::iter::once(HEADER.to_owned())
            .chain(links.iter().map(line_of))
            .flat_map(|line| [line, "\n".to_owned()])
            .collect();
        let columns = Columns::read(HEADER).unwrap();
        let found = records(text.as_bytes()).into_iter();
        let read: Vec<Line> = found.map(|(_, record)| columns.link(&record.unwrap())).collect();
        let expected: Vec<Line> = links.into_iter().map(Ok).collect();
        proptest::prop_assert_eq!(read, expected);
    }
}
