//! Who there is to share with: those of the own controller who keep training sets themselves.

use serde::Serialize;
use utoipa::ToSchema;

use crate::index::tokens;
use crate::model::{Caller, Grant, PrincipalId};
use crate::vault::error::Error;
use crate::vault::{Vault, must};

/// Somebody a set can be shared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Person {
    /// Their pseudonym.
    #[schema(value_type = uuid::Uuid)]
    pub id: PrincipalId,
    /// What they are called.
    pub name: String,
}

impl Vault {
    /// Those of the caller's controller whom a set can be shared with, the caller not among them.
    pub async fn people(&self, caller: &Caller) -> Result<Vec<Person>, Error> {
        must(caller, Grant::Annotate)?;
        let now = self.0.clock.now();
        let found = tokens::of_controller(&self.0.index, caller.controller, now).await?;
        let shares = |person: &Caller| person.has(Grant::Annotate) && person.id != caller.id;
        let people = found.into_iter().filter_map(|token| {
            let name = token.name.clone();
            let person = crate::vault::tokens::caller(token, now).filter(shares)?;
            Some(Person { id: person.id, name })
        });
        Ok(people.collect())
    }
}
