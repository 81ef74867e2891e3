//! `links export`: every link as CSV on stdout, page by page.

use std::io::Write;
use std::process::ExitCode;

use super::LinksPage;
use super::csv::{HEADER, line_of};
use crate::cli::admin_api::AdminApi;

pub async fn run(api: &AdminApi) -> anyhow::Result<ExitCode> {
    let mut out = std::io::BufWriter::new(std::io::stdout());
    writeln!(out, "{HEADER}")?;
    let mut query = vec![("limit", "500".to_owned())];
    loop {
        let page: LinksPage = match api.get("links", &query).await? {
            Ok(page) => page,
            Err(unanswered) => {
                eprintln!("error: the links on stdout are not all");
                return Ok(unanswered.into());
            }
        };
        for link in &page.items {
            writeln!(out, "{}", line_of(link))?;
        }
        let Some(cursor) = page.next_cursor else {
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        };
        query.truncate(1);
        query.push(("cursor", cursor));
    }
}
