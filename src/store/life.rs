//! The store's own life: what is old goes, a person is erased, the files are searched and written
//! anew. Each verb is the engine's own.

use super::{
    EraseStep, FileTraces, LeadQuery, Mention, Person, PersonRows, Store, StoreError, Sweep, Swept,
};
use crate::event::{Event, Sequence};

impl Store {
    /// Removes some of what is older than `sweep.before` and final: one short transaction.
    pub async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError> {
        let Self::Sqlite(store) = self;
        store.sweep(sweep).await
    }

    /// Everything that is known to be the same lead as this id.
    pub async fn person(&self, query: LeadQuery) -> Result<Person, StoreError> {
        let Self::Sqlite(store) = self;
        store.person(query).await
    }

    /// Every event and delivery of a person.
    pub async fn rows_of(&self, person: Person) -> Result<PersonRows, StoreError> {
        let Self::Sqlite(store) = self;
        store.rows_of(person).await
    }

    /// Recorded events, by their places in the order.
    pub async fn events_at(&self, places: Vec<i64>) -> Result<Vec<Event>, StoreError> {
        let Self::Sqlite(store) = self;
        store.events_at(places).await
    }

    /// Takes some of these rows out of the list and the store.
    pub async fn erase_some(&self, rows: &mut PersonRows) -> Result<EraseStep, StoreError> {
        let Self::Sqlite(store) = self;
        store.erase_some(rows).await
    }

    /// Removes the person's leads and links, once no delivery is left.
    pub async fn erase_lead(&self, person: Person) -> Result<EraseStep, StoreError> {
        let Self::Sqlite(store) = self;
        store.erase_lead(person).await
    }

    /// Removes rejected requests whose kept bytes hold one of these; how many.
    pub async fn erase_rejects(&self, needles: Vec<String>) -> Result<usize, StoreError> {
        let Self::Sqlite(store) = self;
        store.erase_rejects(needles).await
    }

    /// One page of the recorded bodies that hold one of these, and where the next begins; `None`:
    /// that was all.
    pub async fn mentions(
        &self,
        needles: Vec<String>,
        after: Sequence,
    ) -> Result<(Vec<Mention>, Option<Sequence>), StoreError> {
        let Self::Sqlite(store) = self;
        store.mentions(needles, after).await
    }

    /// Moves everything committed into the file and cuts the log to nothing; `false`: a reader was
    /// in the way.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        let Self::Sqlite(store) = self;
        store.empty_log().await
    }

    /// Writes the whole file anew. Webhooks wait for it.
    pub async fn rewrite(&self) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.rewrite().await
    }

    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        let Self::Sqlite(store) = self;
        store.size_bytes().await
    }

    /// Counts these bytes in the files themselves, free space included.
    pub async fn traces(&self, needles: Vec<String>) -> Result<Vec<FileTraces>, StoreError> {
        let Self::Sqlite(store) = self;
        store.traces(needles).await
    }
}
