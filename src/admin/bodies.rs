//! A body as it came, for an operator who asks: that it was shown is written down before it is.

use bytes::Bytes;

use super::audit::{Change, Told, audited};
use super::auth::Caller;
use super::{Shared, not_found, store_problem};
use crate::event::{EventId, Sequence};
use crate::problem::Problem;

/// A body with the person in it.
pub struct BareBody(pub Bytes);

impl Told for BareBody {
    fn told(&self) -> String {
        String::from("shown")
    }
}

/// The body of the event at this place, as it came.
pub async fn uncover_body(
    admin: &Shared,
    caller: Caller,
    (id, place): (EventId, Sequence),
) -> Result<BareBody, Problem> {
    let change = Change {
        caller,
        what: "events.uncover",
        about: Some(format!("event {id}")),
    };
    let store = admin.store.clone();
    audited(admin, change, async move {
        let recorded = store.recorded(Sequence(place.0 - 1), place, 1).await;
        let recorded = recorded.map_err(|error| store_problem(&error))?;
        let event = recorded.into_iter().find(|event| event.id == id);
        event
            .map(|event| BareBody(event.body))
            .ok_or_else(not_found)
    })
    .await
}
