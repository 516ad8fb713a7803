//! Many identifiers, or many rows, as one parameter: the text of a statement then stays the same
//! however many there are, and both databases keep it prepared.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteTypeInfo};
use sqlx::{Encode, Type};
use uuid::Uuid;

use crate::model::RecordingId;

use super::sql::Sql;

/// A set of recordings: a JSON array of hexadecimal texts in SQLite, a `UUID[]` in PostgreSQL.
#[derive(Debug)]
struct Ids(Vec<Uuid>);

impl Sql {
    /// Appends `IN (…)` with these recordings.
    pub(super) fn push_in(self, ids: &[RecordingId]) -> Self {
        self.push_in_ids(ids.iter().map(|id| id.0).collect())
    }

    /// Appends `IN (…)` with these identifiers, of whatever they are.
    pub(super) fn push_in_ids(self, ids: Vec<Uuid>) -> Self {
        self.push_each("IN (SELECT unhex(value) FROM json_each(", "= ANY(")
            .push_bind(Ids(ids))
            .push_each("))", ")")
    }
}

impl Type<Sqlite> for Ids {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Ids {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        let simple: Vec<String> = self.0.iter().map(|id| id.simple().to_string()).collect();
        Encode::<Sqlite>::encode(serde_json::to_string(&simple)?, buffer)
    }
}

impl Type<Postgres> for Ids {
    fn type_info() -> PgTypeInfo {
        <Vec<Uuid> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Ids {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.0, buffer)
    }
}

/// Rows for one statement, as a JSON array: `json_each` reads it in SQLite,
/// `json_array_elements` in PostgreSQL. Times in it are microseconds.
#[derive(Debug)]
pub(super) struct Rows(pub(super) String);

impl Type<Sqlite> for Rows {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Rows {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0.clone(), buffer)
    }
}

impl Type<Postgres> for Rows {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Rows {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<Postgres>>::encode(&self.0, buffer)
    }
}
