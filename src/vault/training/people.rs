//! Who there is to share with: those of the own controller who keep training sets themselves.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::index::people;
use crate::model::{Caller, Grant, PrincipalId, role_grants};
use crate::vault::error::Error;
use crate::vault::{Vault, must};

/// Somebody: a pseudonym and a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Person {
    /// Their pseudonym.
    #[schema(value_type = uuid::Uuid)]
    pub id: PrincipalId,
    /// What they are called; empty when nobody knows any more.
    pub name: String,
}

/// What people are called, by their pseudonyms.
pub(super) struct Names(HashMap<PrincipalId, String>);

impl Names {
    pub(super) fn person(&self, id: PrincipalId) -> Person {
        Person { id, name: self.0.get(&id).cloned().unwrap_or_default() }
    }
}

impl Vault {
    /// Those of the caller's controller whom a set can be shared with, the caller not among them.
    pub async fn people(&self, caller: &Caller) -> Result<Vec<Person>, Error> {
        must(caller, Grant::Annotate)?;
        let now = self.0.clock.now();
        let found = people::of_controller(&self.0.index, caller.controller, now).await?;
        let annotates = |person: &people::Person| {
            person.id != caller.id
                && person.roles.iter().any(|role| role_grants(*role, Grant::Annotate))
        };
        let shown = |person: people::Person| Person { id: person.id, name: person.name };
        Ok(found.into_iter().filter(annotates).map(shown).collect())
    }

    /// What people of the caller's controller are called.
    pub(super) async fn names(
        &self,
        caller: &Caller,
        ids: impl Iterator<Item = PrincipalId>,
    ) -> Result<Names, Error> {
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Names(HashMap::new()));
        }
        let found = people::names(&self.0.index, caller.controller, &ids).await?;
        Ok(Names(found.into_iter().collect()))
    }
}
