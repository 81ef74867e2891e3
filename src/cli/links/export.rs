//! `links export`: every link as CSV on stdout, page by page.

use std::process::ExitCode;

use super::LinksPage;
use super::csv::{HEADER, line_of};
use crate::cli::admin_api::AdminApi;
use crate::cli::print;

pub async fn run(api: &AdminApi) -> anyhow::Result<ExitCode> {
    println!("{HEADER}");
    let mut query = vec![("limit", "500".to_owned())];
    loop {
        let page: LinksPage = match api.get("links", &query).await? {
            Ok(page) => page,
            Err(unanswered) => {
                eprintln!("error: the links on stdout are not all");
                return Ok(unanswered.into());
            }
        };
        let lines = page.items.iter().map(|link| line_of(link) + "\n");
        print::data(&lines.collect::<String>());
        let Some(cursor) = page.next_cursor.filter(|_| print::has_reader()) else {
            return Ok(ExitCode::SUCCESS);
        };
        query.truncate(1);
        query.push(("cursor", cursor));
    }
}
