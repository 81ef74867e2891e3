//! The head of a request as people have it at hand: `Name: value` lines, with or without the request
//! line, and as `curl -v` and the browsers' tools print it.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What `verify` may look at besides the body.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) headers: HeaderMap,
    /// Of the request line, without the question mark.
    pub(super) query: Option<String>,
}

/// Reads it; the number of the first line that is none of these.
pub(super) fn read(text: &str) -> Result<Head, usize> {
    // Then everything else is curl's talk, or the answer.
    let of_curl = text.lines().any(|line| line.starts_with("> "));
    let mut head = Head::default();
    for (number, line) in text.lines().enumerate() {
        let line = match line.strip_prefix('>') {
            Some(rest) if of_curl => rest.trim(),
            None if of_curl => continue,
            _ => line.trim(),
        };
        head.take(line).ok_or(number + 1)?;
    }
    Ok(head)
}

impl Head {
    fn take(&mut self, line: &str) -> Option<()> {
        if line.is_empty() {
            return Some(());
        }
        if let Some(target) = target_of(line) {
            let query = target.split_once('?').map(|(_, query)| query.to_owned());
            self.query = self.query.take().or(query);
            return Some(());
        }
        if line.starts_with(':') {
            // The other pseudo headers of HTTP/2 say nothing that is looked at.
            return Some(());
        }
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.trim().parse().ok()?;
        let value: HeaderValue = value.trim().parse().ok()?;
        self.headers.append(name, value);
        Some(())
    }
}

/// `POST /webhooks/voice?key=… HTTP/1.1`, or HTTP/2's `:path: …`.
fn target_of(line: &str) -> Option<&str> {
    if let Some(path) = line.strip_prefix(":path:") {
        return Some(path.trim());
    }
    let mut words = line.split_ascii_whitespace();
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_method = method.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_method && version.starts_with("HTTP/") && words.next().is_none()).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, query: Option<&str>, headers: &[(&str, &str)]) {
        let head = read(text).unwrap();
        assert_eq!(head.query.as_deref(), query, "{text}");
        let found: Vec<(&str, &str)> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(found, headers, "{text}");
    }

    const SIGNED: &[(&str, &str)] = &[("host", "bridge:8080"), ("x-signature", "sha256=00")];

    #[test]
    fn lines_with_and_without_a_request_line() {
        check("Host: bridge:8080\nX-Signature: sha256=00\n", None, SIGNED);
        check(
            "POST /webhooks/crm HTTP/1.1\r\nHost: bridge:8080\r\nX-Signature: sha256=00\r\n\r\n",
            None,
            SIGNED,
        );
        check(
            "POST /webhooks/voice?key=a%20b HTTP/2\nhost: bridge:8080",
            Some("key=a%20b"),
            &SIGNED[..1],
        );
        check("", None, &[]);
    }

    #[test]
    fn what_curl_and_browsers_print() {
        let curl = "*   Trying 127.0.0.1:8080...\n\
            > POST /webhooks/crm?a=1 HTTP/1.1\n> Host: bridge:8080\n> X-Signature: sha256=00\n> \n\
            } [12 bytes data]\n< HTTP/1.1 202 Accepted\n< content-type: application/json\n{\"id\":1}\n";
        check(curl, Some("a=1"), SIGNED);
        let browser = ":method: POST\n:path: /webhooks/crm?a=1\n:scheme: https\nhost: bridge:8080\n\
            x-signature: sha256=00\n";
        check(browser, Some("a=1"), SIGNED);
    }

    #[test]
    fn what_is_no_header_is_told_by_its_line() {
        #[track_caller]
        fn refused(text: &str, line: usize) {
            assert_eq!(read(text).unwrap_err(), line, "{text}");
        }
        refused("Host: a\nno header\n", 2);
        refused("{\"status\": 100}", 1);
        refused("> POST / HTTP/1.1\n> no header\n", 2);
        refused("post / HTTP/1.1\n", 1);
    }
}
