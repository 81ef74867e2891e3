//! Pages: so many items, and where the next page begins.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bad;
use crate::problem::Problem;

pub(super) const DEFAULT_LIMIT: u32 = 50;
pub(super) const MAX_LIMIT: u32 = 500;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Where the next page begins; absent on the last. A page may hold few items, or none, and yet
    /// not be the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page that holds all there is.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }

    /// One that says itself where the next begins.
    pub(super) fn until(items: Vec<T>, next: Option<i64>) -> Self {
        Self {
            items,
            next_cursor: next.map(|number| number.to_string()),
        }
    }

    /// One that was read with this limit: the next begins behind its last item's number.
    pub(super) fn of(items: Vec<T>, limit: u32, number: impl Fn(&T) -> i64) -> Self {
        let is_full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let last = items.last().filter(|_| is_full);
        Self {
            next_cursor: last.map(|item| number(item).to_string()),
            items,
        }
    }
}

/// The query of a list that has no other.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Items of one page, 1 to 500; 50 unless said.
    limit: Option<u32>,
    /// From the last page's `next_cursor`.
    pub(super) cursor: Option<i64>,
}

impl PageQuery {
    pub(super) fn read(query: Result<Query<Self>, QueryRejection>) -> Result<Self, Problem> {
        let query = query.map_err(|_| bad("the query takes limit and cursor"))?;
        Ok(query.0)
    }

    pub(super) fn limit(&self) -> u32 {
        limit_of(self.limit)
    }
}

pub(super) fn limit_of(given: Option<u32>) -> u32 {
    given.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
}
