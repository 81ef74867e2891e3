//! `links list`: one page for people, or as JSON.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::LinksPage;
use crate::admin::LinkView;
use crate::cli::admin_api::AdminApi;

const HEADINGS: [&str; 4] = ["SOURCE", "ITS LEAD ID", "LEADPING", "PEARL"];

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only links of this source
    #[arg(long)]
    source: Option<String>,
    /// Only links of this lead: any of its ids
    #[arg(long, value_name = "ID")]
    lead: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on where the last page ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print the page as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(api: &AdminApi, args: ListArgs) -> anyhow::Result<ExitCode> {
    let mut query = vec![("limit", args.limit.to_string())];
    let given = [
        ("source", args.source),
        ("lead", args.lead),
        ("cursor", args.cursor),
    ];
    query.extend(
        given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let page: LinksPage = match api.get("links", &query).await? {
        Ok(page) => page,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    if args.json {
        let shown = json!({ "items": page.items, "next_cursor": page.next_cursor });
        println!("{shown:#}");
        return Ok(ExitCode::SUCCESS);
    }
    print_table(&page.items);
    if let Some(cursor) = page.next_cursor {
        eprintln!("there may be more: --cursor '{cursor}'");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_table(links: &[LinkView]) {
    if links.is_empty() {
        println!("no links");
        return;
    }
    let rows: Vec<[String; 4]> = links.iter().map(cells).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; 4]| {
        let cells = cells.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        println!("{}", line.trim_end());
    };
    line(HEADINGS);
    for row in &rows {
        line(row.each_ref().map(String::as_str));
    }
}

fn cells(link: &LinkView) -> [String; 4] {
    let who = match (&link.lead_id, &link.same_as) {
        (Some(lead_id), _) => lead_id.clone(),
        (None, Some(other)) => format!("- (is {} {})", other.source, other.source_lead_id),
        (None, None) => "-".to_owned(),
    };
    let pearl = link.pearl_id.clone().unwrap_or_default();
    [link.source.clone(), link.source_lead_id.clone(), who, pearl]
}
