//! Findings for people and for programs.
//!
//! For people each one begins with `file:line:column`, shows the line with the place underlined,
//! and ends with what to do. The text is styled; printing it through `anstream` takes the colours
//! away wherever there is no terminal.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::{Finding, Severity};

/// Every finding and a last line that counts them; empty for none.
pub fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        text += &render_one(finding);
        text += "\n\n";
    }
    if !findings.is_empty() {
        text += &summary(findings);
        text.push('\n');
    }
    text
}

fn render_one(finding: &Finding) -> String {
    let (line, column) = finding.position();
    let path = finding.file.path.display();
    let (level, severity) = match finding.severity {
        Severity::Error => (Level::ERROR, "error"),
        Severity::Warning => (Level::WARNING, "warning"),
    };
    // Not the renderer's own `-->` line: this form is what editors and scripts read.
    let name = format!("{path}:{line}:{column}: {severity}");
    let title = level.with_name(name).primary_title(&finding.message);
    let mut group = Group::with_title(title);
    if !finding.file.text.is_empty() {
        // Of that one line: the renderer reads all that it is given, for every finding.
        let (shown, span) = shown_line(finding);
        group = group.element(
            Snippet::source(shown)
                .line_start(line)
                .annotation(AnnotationKind::Primary.span(span)),
        );
    }
    if let Some(hint) = &finding.hint {
        group = group.element(Level::HELP.message(hint));
    }
    Renderer::styled().render(&[group])
}

/// The line, and the place on it: more would bury what is meant.
fn shown_line(finding: &Finding) -> (&str, std::ops::Range<usize>) {
    let text = &*finding.file.text;
    let mut start = finding.span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..]
        .find('\n')
        .map_or(text.len(), |length| start + length);
    let line_end = line_end - usize::from(text[start..line_end].ends_with('\r'));
    let mut end = finding.span.end.clamp(start, line_end);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    (
        &text[line_start..line_end],
        start - line_start..end - line_start,
    )
}

/// `2 errors, 1 warning`.
pub fn summary(findings: &[Finding]) -> String {
    let count = |severity, word| {
        let number = findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count();
        match number {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{number} {word}s")),
        }
    };
    let parts: Vec<String> = [
        count(Severity::Error, "error"),
        count(Severity::Warning, "warning"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        "no findings".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The same as a JSON array, one object per finding.
pub fn to_json(findings: &[Finding]) -> Value {
    findings
        .iter()
        .map(|finding| {
            let (line, column) = finding.position();
            let (end_line, end_column) = finding.end_position();
            json!({
                "severity": finding.severity,
                "file": finding.file.path.display().to_string(),
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "message": finding.message,
                "hint": finding.hint,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    fn plain(findings: &[Finding]) -> String {
        anstream::adapter::strip_str(&render(findings)).to_string()
    }

    fn file(text: &str) -> SourceFile {
        SourceFile {
            path: "config/bridge.toml".into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_finding_shows_place_line_and_hint() {
        let file = file("[server]\n# é\nlisén = 1\n\tx = 2\n");
        let findings = [
            Finding::error(&file, 14..20, "unknown key").hint("did you mean `listen`?"),
            Finding::warning(&file, 26..27, "odd"),
        ];
        insta::assert_snapshot!(plain(&findings), @r"
        config/bridge.toml:3:1: error: unknown key
          |
        3 | lisén = 1
          | ^^^^^
          |
          = help: did you mean `listen`?

        config/bridge.toml:4:2: warning: odd
          |
        4 |     x = 2
          |     ^

        1 error, 1 warning
        ");
    }

    #[test]
    fn places_at_the_edges_are_shown_too() {
        for (text, span) in [
            ("", 0..0),
            ("a = \n", 4..4),
            ("a = \n", 5..9),
            ("a\nb\n", 0..3),
        ] {
            let findings = [Finding::error(&file(text), span, "wrong")];
            let (line, column) = findings[0].position();
            let shown = plain(&findings);
            let head = format!("config/bridge.toml:{line}:{column}: error: wrong");
            assert!(shown.starts_with(&head), "{shown}");
        }
    }

    #[test]
    fn json_has_both_ends() {
        let finding = Finding::error(&file("é = 1\nstatus = 2\n"), 7..13, "wrong").hint("mend");
        insta::assert_snapshot!(
            to_json(&[finding]),
            @r#"[{"column":1,"end_column":7,"end_line":2,"file":"config/bridge.toml","hint":"mend","line":2,"message":"wrong","severity":"error"}]"#
        );
    }

    #[test]
    fn the_summary_counts() {
        let error = Finding::error(&file(""), 0..0, "wrong");
        let warning = Finding::warning(&file(""), 0..0, "odd");
        assert_eq!(summary(&[]), "no findings");
        assert_eq!(
            summary(&[error.clone(), warning, error]),
            "2 errors, 1 warning"
        );
    }
}
