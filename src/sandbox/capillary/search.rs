//! The search of leads: its parameters, and what it lists. Pure.

use serde_json::Value;

use super::STATUSES;
use super::crm::{Crm, Lead};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum SortBy {
    #[default]
    CreatedOn,
    LastUpdatedOn,
}

/// What a search asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    user_id: Option<i64>,
    status: Option<String>,
    sub_status: Option<String>,
    kind: Option<String>,
    org_source_id: Option<i64>,
    limit: Option<usize>,
    offset: usize,
    sort_by: SortBy,
    is_descending: bool,
}

impl Wanted {
    /// The parameters as documented, and no others; the error names the one that is wrong.
    pub fn from_pairs(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut wanted = Self::default();
        for (name, value) in pairs {
            let is_taken = match name.as_str() {
                "userId" => parsed(value, &mut wanted.user_id),
                "status" => {
                    wanted.status = Some(value.clone());
                    STATUSES.contains(&value.as_str())
                }
                "substatus" => {
                    wanted.sub_status = Some(value.clone());
                    true
                }
                "type" => {
                    wanted.kind = Some(value.clone());
                    ["SKU", "CATEGORY", "BRAND", "CUSTOM"].contains(&value.as_str())
                }
                "orgSourceId" => parsed(value, &mut wanted.org_source_id),
                "limit" => {
                    parsed(value, &mut wanted.limit)
                        && wanted
                            .limit
                            .is_some_and(|limit| (1..=MAX_LIMIT).contains(&limit))
                }
                "offset" => {
                    let mut offset = None;
                    let is_number = parsed(value, &mut offset);
                    wanted.offset = offset.unwrap_or(0);
                    is_number
                }
                "sortBy" => match value.as_str() {
                    "createdon" => true,
                    "lastUpdatedOn" => {
                        wanted.sort_by = SortBy::LastUpdatedOn;
                        true
                    }
                    _ => false,
                },
                "sortOrder" => {
                    wanted.is_descending = value == "DESC";
                    ["ASC", "DESC"].contains(&value.as_str())
                }
                _ => return Err("there is a parameter that the search does not have".to_owned()),
            };
            if !is_taken {
                return Err(format!("{name} is not valid"));
            }
        }
        Ok(wanted)
    }

    fn fits(&self, lead: &Lead) -> bool {
        let same = |wanted: &Option<String>, own: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| own == Some(wanted))
        };
        self.user_id.is_none_or(|id| id == lead.user_id)
            && self.org_source_id.is_none_or(|id| id == lead.org_source_id)
            && same(&self.status, Some(&lead.status))
            && same(&self.sub_status, lead.sub_status.as_deref())
            && same(&self.kind, Some(&lead.kind))
    }
}

fn parsed<T: std::str::FromStr>(text: &str, into: &mut Option<T>) -> bool {
    *into = text.parse().ok();
    into.is_some()
}

impl Crm {
    pub(super) fn search(&self, wanted: &Wanted) -> Vec<Value> {
        let mut found: Vec<&Lead> = self.all().filter(|lead| wanted.fits(lead)).collect();
        found.sort_by_key(|lead| match wanted.sort_by {
            SortBy::CreatedOn => (lead.created_on, lead.id),
            SortBy::LastUpdatedOn => (lead.last_updated_on, lead.id),
        });
        if wanted.is_descending {
            found.reverse();
        }
        let page = found.into_iter().skip(wanted.offset);
        page.take(wanted.limit.unwrap_or(DEFAULT_LIMIT))
            .map(Lead::shown)
            .collect()
    }
}
