//! Secrets that say what they are: `password: …`, a URL with a password in it, the address of a
//! webhook that is its own key, NLPearl's account and secret. Looked for in comments too.

use std::ops::Range;

/// What a secret is called, in small letters without `_`, `-` and blanks.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secretkey",
    "clientsecret",
    "webhooksecret",
    "token",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "bearertoken",
    "apitoken",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "credentials",
];
/// The longest of them, separators included.
const LONGEST_NAME: usize = 20;
/// What it is called in the query of a URL only.
const QUERY_NAMES: &[&str] = &["key", "sig", "signature", "code", "auth"];
const LEAST_VALUE: usize = 6;

/// Addresses that whoever knows them may post to, up to where the secret begins.
const WEBHOOKS: &[&str] = &[
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "hooks.zapier.com/hooks/catch/",
    ".webhook.office.com/webhookb2/",
    "outlook.office.com/webhook/",
    "chat.googleapis.com/v1/spaces/",
    ".make.com/",
    "api.telegram.org/bot",
];

/// NLPearl's account id, which is followed by its secret.
const ACCOUNT_DIGITS: usize = 24;
const LEAST_ACCOUNT_SECRET: usize = 16;

/// Every place in the text.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for (at, sign) in text.match_indices([':', '=', '@', '-']) {
        match sign {
            ":" | "=" => {
                places.extend(named(text, at));
                places.extend(account(text, at));
            }
            "@" => places.extend(in_authority(text, at)),
            _ => {}
        }
    }
    for webhook in WEBHOOKS {
        for (at, _) in text.match_indices(webhook) {
            let start = at + webhook.len();
            let end = start + length_while(&text[start..], is_of_url);
            // `hook.eu1.make.com/<key>`; any other page of that site is none.
            let is_hook = *webhook != ".make.com/" || word_before(text, at).contains("hook");
            if is_hook && end - start >= LEAST_VALUE && has_digit(&text[start..end]) {
                places.push(start..end);
            }
        }
    }
    for (at, opening) in text.match_indices("-----BEGIN ") {
        let start = at + opening.len();
        let line = text[start..].lines().next().unwrap_or_default();
        if let Some(end) = line.find("PRIVATE KEY-----") {
            places.push(at..start + end + "PRIVATE KEY-----".len());
        }
    }
    places
}

/// The value behind the sign, if what stands before it is the name of a secret.
fn named(text: &str, sign: usize) -> Option<Range<usize>> {
    let before = text[..sign].trim_end_matches([' ', '\t', '"', '\'']);
    let name = name_before(before);
    let is_query = text.as_bytes()[sign] == b'=' && {
        let start = before.len() - name.len();
        text[..start].ends_with(['?', '&'])
    };
    let name = spoken(name);
    let is_named = ends_with_name(&name) || is_query && QUERY_NAMES.contains(&name.as_str());
    if !is_named {
        return None;
    }
    let after = &text[sign + 1..];
    // `==` compares.
    if after.starts_with('=') || text[..sign].ends_with(['=', '!', '<', '>', ':']) {
        return None;
    }
    let gap = length_while(after, |character| " \t\"'".contains(character));
    let start = sign + 1 + gap;
    let value = &text[start..];
    let end = start + length_while(value, |character| is_of_value(character, is_query));
    let value = text[start..end].trim_end_matches(['.', ',', ';', ':']);
    let is_tight = gap == 0 && text.as_bytes()[sign] == b'=';
    (value.len() >= LEAST_VALUE && !stands_for_something(value) && is_no_prose(value, is_tight))
        .then(|| start..start + value.len())
}

/// The word before, with the one or two that belong to it: `api key`, `client_secret`.
fn name_before(before: &str) -> &str {
    let start = before
        .char_indices()
        .rev()
        .take(LONGEST_NAME)
        .take_while(|(_, character)| character.is_ascii_alphabetic() || "_- ".contains(*character))
        .last()
        .map_or(before.len(), |(at, _)| at);
    before[start..].trim_start_matches([' ', '-'])
}

/// Whether a member of this name holds a secret.
pub(super) fn is_secret(member: &str) -> bool {
    let name = spoken(member);
    ends_with_name(&name) || QUERY_NAMES.contains(&name.as_str())
}

fn spoken(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_ascii_alphabetic())
        .map(|character| character.to_ascii_lowercase())
        .collect()
}

fn ends_with_name(name: &str) -> bool {
    NAMES.iter().any(|known| name.ends_with(known))
}

/// A placeholder, a reference or a template: no secret, but where one will be.
fn stands_for_something(value: &str) -> bool {
    let mut characters = value.chars();
    let first = characters.next();
    value.starts_with("{{")
        || value.starts_with(['<', '$', '%', '{', '[', '('])
        || characters.all(|character| Some(character) == first)
}

/// Behind a colon may stand anything; a secret has a digit or a sign in it.
fn is_no_prose(value: &str, is_tight: bool) -> bool {
    is_tight
        || has_digit(value) && !is_plain_number(value)
        || value.contains(['!', '@', '#', '$', '%', '^', '&', '*'])
}

/// Dates and times are no secrets; a number of six digits may be.
fn is_plain_number(value: &str) -> bool {
    let is_dated = value.contains(['-', ':', '/', '.']);
    is_dated
        && value
            .chars()
            .all(|character| character.is_ascii_digit() || "-:/.TZ+".contains(character))
}

/// The password before `@` in `https://user:password@host`; a user alone, if it looks like a key.
fn in_authority(text: &str, at: usize) -> Option<Range<usize>> {
    let before = &text[..at];
    let start = before.len()
        - before
            .chars()
            .rev()
            .take_while(|character| is_of_url(*character) && !"/?#".contains(*character))
            .map(char::len_utf8)
            .sum::<usize>();
    if !before[..start].ends_with("://") {
        return None;
    }
    let user = &text[start..at];
    match user.split_once(':') {
        Some((name, password)) if !password.is_empty() && !stands_for_something(password) => {
            Some(start + name.len() + 1..at)
        }
        None if user.len() >= 16 && has_digit(user) => Some(start..at),
        _ => None,
    }
}

/// `{AccountId}:{SecretKey}`.
fn account(text: &str, colon: usize) -> Option<Range<usize>> {
    let start = colon.checked_sub(ACCOUNT_DIGITS)?;
    let account = text.get(start..colon)?;
    let is_id = account.bytes().all(|byte| byte.is_ascii_hexdigit());
    let stands_alone = !text[..start].ends_with(|before: char| before.is_ascii_alphanumeric());
    let end = colon
        + 1
        + length_while(&text[colon + 1..], |character| {
            character.is_ascii_alphanumeric()
        });
    (is_id && stands_alone && end - colon > LEAST_ACCOUNT_SECRET).then_some(start..end)
}

fn word_before(text: &str, at: usize) -> &str {
    let start = text[..at]
        .rfind(|character: char| !(character.is_ascii_alphanumeric() || ".-".contains(character)))
        .map_or(0, |end| {
            end + text[end..].chars().next().map_or(0, char::len_utf8)
        });
    &text[start..at]
}

fn is_of_url(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=:/?#".contains(character)
}

fn is_of_value(character: char, is_query: bool) -> bool {
    let ends_it = character.is_whitespace() || "\"'`,;)]}>|".contains(character);
    !(ends_it || is_query && "&#".contains(character))
}

fn length_while(text: &str, mut belongs: impl FnMut(char) -> bool) -> usize {
    text.find(|character| !belongs(character))
        .unwrap_or(text.len())
}

fn has_digit(text: &str) -> bool {
    text.contains(|character: char| character.is_ascii_digit())
}
