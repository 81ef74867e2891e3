//! Appending: the duplicate check, the insert and, where nothing older waits, the decision are one
//! transaction.

use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::super::rows::{parse_uuid, to_ms};
use super::super::{Appended, NewEvent, RejectedRequest, StoreError, Undecided};
use super::decide::Sitting;
use super::stored::StoredDecision;
use super::tail::Keys;
use super::writer::{AppendOutcome, Job, Scope};
use super::{SqliteStore, closed};
use crate::event::{EventId, EventKind, EventState, Sequence};
use crate::lead::LEADPING;

/// Rejected requests kept for diagnosis.
const KEPT_REJECTS: i64 = 1000;

impl SqliteStore {
    pub async fn append(&self, event: NewEvent) -> Result<Appended, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Append {
            event: Box::new(event),
            outcome: None,
            reply,
        };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answer.await.map_err(|_| closed())?
    }

    pub fn record_reject(&self, reject: RejectedRequest) {
        let (reply, _nobody_waits) = oneshot::channel();
        let task = super::Task::new(move |scope: &mut Scope| scope.reject(&reject), reply);
        // Under overload a diagnosis is not worth a webhook.
        let _ = self.jobs.try_send(Job::Task(Box::new(task)));
    }
}

/// The index key of a source's lead.
pub(super) fn lead_hash(source: &str, source_lead_id: &str) -> i64 {
    let mut hash = Sha256::new();
    hash.update(source);
    hash.update([0]);
    hash.update(source_lead_id);
    let digest = hash.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(bytes)
}

/// The index key of a duplicate key: both halves folded into one.
fn dedupe_hash(key: [u8; 16]) -> i64 {
    let whole = u128::from_be_bytes(key);
    let folded = (whole >> 64) ^ (whole & u128::from(u64::MAX));
    // The cut is exact: what is left has 64 bits.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half was shifted out"
    )]
    let folded = folded as u64;
    folded.cast_signed()
}

impl Scope {
    /// Appends the event unless it is a duplicate; decides it at once where that can be done.
    pub(super) fn append(
        &mut self,
        event: &mut NewEvent,
        sitting: Option<&mut Sitting<'_>>,
    ) -> Result<AppendOutcome, StoreError> {
        let facts = &event.undecided.reading.facts;
        // Without the sender's own id, by LeadPing's: the lead's events are found by either.
        let lead_hash = match (&facts.source_lead_id, &facts.lead_id) {
            (Some(id), _) => Some(lead_hash(&event.undecided.event.source, id)),
            (None, Some(id)) => Some(lead_hash(LEADPING, id)),
            (None, None) => None,
        };
        if let Some((sequence, of)) = self.duplicate_of(event, lead_hash)? {
            self.connection
                .prepare_cached("UPDATE event SET duplicates = duplicates + 1 WHERE sequence = ?1")?
                .execute([sequence])?;
            let own = &event.undecided.event;
            self.count_duplicate(&own.source, own.received_at)?;
            return Ok(AppendOutcome::Duplicate(of));
        }
        let sequence = self.next_sequence;
        event.undecided.event.sequence = Sequence(sequence);
        // One order: while anything older waits for the decider, so does this.
        let sitting = sitting.filter(|_| self.decided_through == sequence - 1);
        let decided = match sitting {
            Some(sitting) => Some(self.decide_new(&event.undecided, sitting)?),
            None => None,
        };
        self.insert_event(event, lead_hash, decided.as_ref())?;
        self.add_keys(Keys {
            sequence,
            dedupe_hash: dedupe_hash(event.dedupe.key),
            lead_hash,
        });
        self.next_sequence += 1;
        Ok(if decided.is_some() {
            self.decided_through = sequence;
            AppendOutcome::Decided
        } else {
            AppendOutcome::Undecided
        })
    }

    fn insert_event(
        &self,
        event: &NewEvent,
        lead_hash: Option<i64>,
        decided: Option<&StoredDecision>,
    ) -> Result<(), StoreError> {
        let Undecided {
            event: own,
            reading,
            ..
        } = &event.undecided;
        let state = decided.map_or(EventState::Received, |decided| decided.state);
        self.connection
            .prepare_cached(
                "INSERT INTO event (sequence, id, source, forced_kind, source_lead_id, lead_hash,
                                    dedupe_hash, dedupe_key, received_at, state, cause, decision, flow_key)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute((
                own.sequence.0,
                own.id.0.as_bytes(),
                &own.source,
                own.forced_kind.map(EventKind::as_str),
                &reading.facts.source_lead_id,
                lead_hash,
                dedupe_hash(event.dedupe.key),
                event.dedupe.key,
                to_ms(own.received_at),
                state.as_str(),
                decided.and_then(|decided| decided.cause.as_deref()),
                decided.map(|decided| &decided.text),
                decided.map(|decided| decided.flow_key),
            ))?;
        self.connection
            .prepare_cached("INSERT INTO event_body (sequence, body) VALUES (?1, ?2)")?
            .execute((own.sequence.0, &own.body[..]))?;
        Ok(())
    }

    fn duplicate_of(
        &self,
        event: &NewEvent,
        lead_hash: Option<i64>,
    ) -> Result<Option<(i64, EventId)>, StoreError> {
        let oldest = to_ms(event.undecided.event.received_at)
            .saturating_sub(i64::try_from(event.dedupe.within.as_millis()).unwrap_or(i64::MAX));
        let Some(sequence) = self.newest_by_dedupe(dedupe_hash(event.dedupe.key))? else {
            return Ok(None);
        };
        let same = self
            .connection
            .prepare_cached("SELECT id, received_at, dedupe_key FROM event WHERE sequence = ?1")?
            .query_row([sequence], |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, Vec<u8>>(2)?,
                ))
            })
            .optional()?;
        // Retention may have removed it; and equal hashes are not equal keys.
        let Some((id, received_at, _)) = same.filter(|(_, _, key)| *key == event.dedupe.key) else {
            return Ok(None);
        };
        let id = EventId(parse_uuid(&id)?);
        if received_at >= oldest {
            return Ok(Some((sequence, id)));
        }
        let Some(lead_hash) = lead_hash.filter(|_| event.dedupe.or_newest_of_lead) else {
            return Ok(None);
        };
        let newest = self.newest_by_lead(lead_hash)?;
        Ok((newest == Some(sequence)).then_some((sequence, id)))
    }

    fn reject(&mut self, reject: &RejectedRequest) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO reject (source, reason, size_bytes, at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                &reject.source,
                reject.reason,
                i64::try_from(reject.size_bytes).unwrap_or(i64::MAX),
                to_ms(reject.at),
                &reject.body[..],
            ))?;
        let newest = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached("DELETE FROM reject WHERE reject <= ?1")?
            .execute([newest - KEPT_REJECTS])?;
        Ok(())
    }
}
