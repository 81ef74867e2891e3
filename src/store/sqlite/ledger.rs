//! Own writes that may come back as a webhook. The ledger is the deliveries themselves: each stands
//! on disk before its call leaves, knows lead, target and value, and when its last try ended; a
//! refused one awaits no echo. `echoed_by` makes it single-use.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::StoreError;
use super::super::rows::{from_ms, parse_uuid, to_ms};
use super::history::Past;
use super::writer::Scope;
use crate::delivery::{DeliveryId, Slot};
use crate::event::Sequence;
use crate::lead::{LeadKey, OwnWrite};

/// Writes of one lead that are awaited at once; a lead's window holds far fewer.
const MOST: i64 = 64;

impl Past<'_> {
    /// Oldest first: whose echo has not come, or is `by`, and whose window was open at `at`.
    pub(super) fn own_writes(
        &self,
        (lead, slot): (LeadKey, Slot<'_>),
        window: Duration,
        (by, at): (Sequence, Timestamp),
    ) -> Result<Vec<OwnWrite>, StoreError> {
        // A try under way, or of unknown fate, has not ended: its window is open. What was looked
        // up in vain to the end (`unsure`) may be there too. What is decided again after it waited
        // for a link is still the echo that it was.
        let mut statement = self.0.prepare_cached(
            r#"SELECT id, event, members, settled_at,
                    (SELECT s.id FROM delivery s WHERE s.delivery = w.entry) FROM
               (SELECT delivery, id, event, members, settled_at, entry FROM delivery
                WHERE lead = ?1 AND target = ?2 AND attempts > 0
                AND (echoed_by IS NULL OR echoed_by = ?7)
                AND (state = 'in_flight' OR (state = 'due' AND fate_unknown = 1)
                     OR ((state = 'delivered' OR (state = 'parked' AND cause GLOB 'unsure:*'))
                         AND settled_at >= ?3))
                AND (?5 IS NULL OR lead_id = ?5) AND (members LIKE '{"lead":%') = ?6
                ORDER BY delivery DESC LIMIT ?4) AS w
             ORDER BY delivery"#,
        )?;
        let window = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
        let since = to_ms(at.checked_sub(window).unwrap_or(Timestamp::MIN));
        let mut rows = statement.query((
            lead.0,
            slot.target,
            since,
            MOST,
            slot.lead_id,
            slot.is_record,
            by.0,
        ))?;
        let mut writes = Vec::new();
        while let Some(row) = rows.next()? {
            let ended: Option<i64> = row.get(3)?;
            let ended = ended.map(from_ms).transpose()?;
            let delivery = DeliveryId(parse_uuid(row.get_ref(0)?.as_blob().unwrap_or_default())?);
            let entry: Option<Vec<u8>> = row.get(4)?;
            writes.push(OwnWrite {
                delivery,
                entry: match entry {
                    Some(id) => DeliveryId(parse_uuid(&id)?),
                    None => delivery,
                },
                event: Sequence(row.get(1)?),
                members: serde_json::from_str(row.get_ref(2)?.as_str().unwrap_or_default())?,
                until: ended.map_or(Timestamp::MAX, |ended| shifted(ended, window)),
            });
        }
        Ok(writes)
    }
}

impl Scope {
    /// This event was the echo of that write.
    pub(super) fn mark_echoed(&self, write: DeliveryId, by: Sequence) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE delivery SET echoed_by = ?2 WHERE id = ?1")?
            .execute((write.0.as_bytes(), by.0))?;
        Ok(())
    }
}

fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
