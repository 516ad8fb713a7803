//! Training sets: ordered references to recordings, shared with some people.
//!
//! Sharing a set shows which recordings are in it; whoever hears one passes every gate by
//! themselves. What somebody may not hear is not in the set for them, and comes back if they may
//! again; what is erased goes out of it with the recording.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::people::Person;
use super::{free_text, part, seconds};
use crate::index::recordings as rows;
use crate::index::training_sets::{self as sets, Item, Set};
use crate::model::{
    Caller, Cursor, Grant, ItemId, Limit, Page, PrincipalId, Recording, RecordingId, Timestamp,
    TrainingSetId,
};
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::recent::Change;
use crate::vault::view::RecordingView;
use crate::vault::{Vault, must};

/// How many characters a name has at most.
const LONGEST: usize = 100;

/// How many sets a person has at most, how many items a set, with how many it is shared.
const SETS: i64 = 200;
const ITEMS: i64 = 1000;
const SHARES: usize = 100;

/// A set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SetView {
    /// Which one.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// Who made it.
    pub owner: Person,
    /// Whether that is you: then you may change it.
    pub mine: bool,
    /// Whom it is shared with.
    pub shared_with: Vec<Person>,
    /// How many of its items can be heard now.
    pub count: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// What of a set changes.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetChange {
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
    /// Whom it is shared with: these and nobody else.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Uuid>>)]
    pub shared_with: Option<Vec<PrincipalId>>,
}

/// An item to be added.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// Which recording.
    #[schema(value_type = Uuid)]
    pub recording: RecordingId,
    /// From where on, in seconds; its beginning unless said.
    #[serde(default)]
    pub from: Option<f64>,
    /// Up to where; its end unless said.
    #[serde(default)]
    pub to: Option<f64>,
}

/// An item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ItemView {
    /// Which one.
    pub id: Uuid,
    /// The recording, as far as you may see it.
    pub recording: RecordingView,
    /// From where on, in seconds.
    pub from: Option<f64>,
    /// Up to where.
    pub to: Option<f64>,
}

impl Vault {
    /// Makes a set.
    pub async fn make_set(&self, caller: &Caller, name: &str) -> Result<SetView, Error> {
        must(caller, Grant::Annotate)?;
        let set = Set {
            id: TrainingSetId::random(),
            controller: caller.controller,
            owner: caller.id,
            name: free_text("name", name, LONGEST)?,
            created_at: self.0.clock.now(),
        };
        let mut tx = self.change().await?;
        if !sets::insert(&mut tx, &set, SETS).await? {
            return Err(Error::Conflict("somebody has at most 200 sets: drop one first"));
        }
        tx.commit().await?;
        self.sets_shown(caller, &[set]).await?.pop().ok_or(Error::NotFound)
    }

    /// A page of the sets that the caller made or that are shared with them, the newest first.
    pub async fn sets(
        &self,
        caller: &Caller,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<SetView>, Error> {
        must(caller, Grant::Annotate)?;
        let rows = Limit::new(limit).rows();
        let who = (caller.controller, caller.id);
        let found = sets::list(&self.0.index, who, after, rows).await?;
        let full = found.len() as u64 == rows.unsigned_abs();
        let cursor = |last: &Set| Cursor { started_at: last.created_at, id: last.id.0 }.to_string();
        let next = found.last().filter(|_| full).map(cursor);
        Ok(Page { items: self.sets_shown(caller, &found).await?, next })
    }

    /// One set.
    pub async fn set(&self, caller: &Caller, id: TrainingSetId) -> Result<SetView, Error> {
        let set = self.seen_set(caller, id).await?;
        self.sets_shown(caller, &[set]).await?.pop().ok_or(Error::NotFound)
    }

    /// Names a set of one's own anew, or shares it with others.
    pub async fn change_set(
        &self,
        caller: &Caller,
        id: TrainingSetId,
        change: &SetChange,
    ) -> Result<SetView, Error> {
        let name = change.name.as_deref().map(|name| free_text("name", name, LONGEST));
        let name = name.transpose()?;
        let with = match &change.shared_with {
            Some(with) => Some(self.sharable(caller, with).await?),
            None => None,
        };
        let mut tx = self.own_set(caller, id).await?;
        if let Some(name) = name {
            sets::rename(&mut tx, id, &name).await?;
        }
        if let Some(with) = with {
            sets::share(&mut tx, id, &with).await?;
        }
        tx.commit().await?;
        self.set(caller, id).await
    }

    /// Drops a set of one's own. The recordings in it stay what they are.
    pub async fn drop_set(&self, caller: &Caller, id: TrainingSetId) -> Result<(), Error> {
        let mut tx = self.own_set(caller, id).await?;
        sets::delete(&mut tx, id).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Adds a recording, or a part of it, at the end of a set of one's own.
    pub async fn add_item(
        &self,
        caller: &Caller,
        id: TrainingSetId,
        new: &NewItem,
    ) -> Result<ItemView, Error> {
        self.seen_set(caller, id).await?;
        let heard = self.to_train_with(caller, new.recording).await?;
        let (from_ms, to_ms) = part(("from", new.from), ("to", new.to), &heard.recording)?;
        let item =
            Item { id: ItemId::random(), recording: new.recording, place: 0, from_ms, to_ms };
        let mut tx = self.own_set(caller, id).await?;
        if !sets::add_item(&mut tx, id, &item, ITEMS).await? {
            return Err(Error::Conflict("a set has at most 1000 items: drop some first"));
        }
        tx.commit().await?;
        let shown = self.items_shown(caller, &[item]).await?.pop();
        shown.ok_or(Error::NotFound)
    }

    /// Takes an item out of a set of one's own.
    pub async fn drop_item(
        &self,
        caller: &Caller,
        id: TrainingSetId,
        item: ItemId,
    ) -> Result<(), Error> {
        let mut tx = self.own_set(caller, id).await?;
        if !sets::delete_item(&mut tx, id, item).await? {
            return Err(Error::NotFound);
        }
        tx.commit().await?;
        Ok(())
    }

    /// A page of the items of a set that the caller may hear now, in its order.
    pub async fn items(
        &self,
        caller: &Caller,
        id: TrainingSetId,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<ItemView>, Error> {
        self.seen_set(caller, id).await?;
        let rows = Limit::new(limit).rows();
        let after = after.map(|after| (after.started_at.micros(), ItemId(after.id)));
        let found = sets::items(&self.0.index, id, after, rows).await?;
        let full = found.len() as u64 == rows.unsigned_abs();
        let next = found.last().filter(|_| full).and_then(|last| {
            let started_at = Timestamp::from_micros(last.place)?;
            Some(Cursor { started_at, id: last.id.0 }.to_string())
        });
        Ok(Page { items: self.items_shown(caller, &found).await?, next })
    }

    /// Puts the items of a set of one's own in this order. What is not named comes after it, as it
    /// was: that is what the caller may not hear now.
    pub async fn order_items(
        &self,
        caller: &Caller,
        id: TrainingSetId,
        order: &[ItemId],
    ) -> Result<(), Error> {
        let mut tx = self.own_set(caller, id).await?;
        let there: Vec<_> = sets::items(&mut *tx, id, None, ITEMS).await?;
        let known: HashSet<_> = there.iter().map(|item| item.id).collect();
        let named: HashSet<_> = order.iter().copied().collect();
        if named.len() < order.len() {
            return Err(bad("items", "names an item twice"));
        }
        if !named.is_subset(&known) {
            return Err(bad("items", "names something that is not in this set: read it again"));
        }
        let rest = there.iter().map(|item| item.id).filter(|item| !named.contains(item));
        sets::set_places(&mut tx, id, order.iter().copied().chain(rest)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A set that the caller made or that is shared with them.
    async fn seen_set(&self, caller: &Caller, id: TrainingSetId) -> Result<Set, Error> {
        must(caller, Grant::Annotate)?;
        let who = (caller.controller, caller.id);
        sets::find(&self.0.index, who, id).await?.ok_or(Error::NotFound)
    }

    /// A transaction in which a set of the caller's own stays as it is.
    async fn own_set(&self, caller: &Caller, id: TrainingSetId) -> Result<Change, Error> {
        let set = self.seen_set(caller, id).await?;
        if set.owner != caller.id {
            return Err(Error::NotYours);
        }
        let mut tx = self.change().await?;
        if !sets::lock(&mut tx, caller.id, id).await? {
            return Err(Error::NotFound);
        }
        Ok(tx)
    }

    async fn sharable(
        &self,
        caller: &Caller,
        with: &[PrincipalId],
    ) -> Result<Vec<PrincipalId>, Error> {
        if with.len() > SHARES {
            return Err(bad("shared_with", "are at most 100 people"));
        }
        let people = self.people(caller).await?;
        let known: HashSet<_> = people.iter().map(|person| person.id).collect();
        let with: BTreeSet<_> = with.iter().copied().collect();
        if !with.iter().all(|person| known.contains(person)) {
            return Err(bad("shared_with", "names somebody who is not among /v1/people"));
        }
        Ok(with.into_iter().collect())
    }

    async fn sets_shown(&self, caller: &Caller, found: &[Set]) -> Result<Vec<SetView>, Error> {
        let ids: Vec<_> = found.iter().map(|set| set.id).collect();
        let now = self.latest();
        let counts: HashMap<_, _> =
            sets::counts(&self.0.index, &ids, now).await?.into_iter().collect();
        let shares = sets::shares(&self.0.index, &ids).await?;
        let people = shares.iter().map(|(_, person)| *person);
        let names = self.names(caller, people.chain(found.iter().map(|set| set.owner))).await?;
        let mut with: HashMap<_, Vec<Person>> = HashMap::new();
        for (set, person) in shares {
            with.entry(set).or_default().push(names.person(person));
        }
        let view = |set: &Set| SetView {
            id: set.id.0,
            name: set.name.clone(),
            owner: names.person(set.owner),
            mine: set.owner == caller.id,
            shared_with: with.get(&set.id).cloned().unwrap_or_default(),
            count: counts.get(&set.id).copied().unwrap_or(0),
            created_at: set.created_at,
        };
        Ok(found.iter().map(view).collect())
    }

    /// The items whose recordings the caller may hear now.
    async fn items_shown(&self, caller: &Caller, items: &[Item]) -> Result<Vec<ItemView>, Error> {
        let ids: Vec<_> = items.iter().map(|item| item.recording).collect();
        let mut found = rows::find_each(&self.0.index, &ids).await?;
        found.retain(|recording| self.may_read_notes(caller, recording).is_some());
        let calls = self.views(caller, &found).await?;
        let calls: HashMap<_, _> = calls.into_iter().map(|call| (call.id, call)).collect();
        let view = |item: &Item| {
            let recording = calls.get(&item.recording.0)?.clone();
            let (from, to) = (item.from_ms.map(seconds), item.to_ms.map(seconds));
            Some(ItemView { id: item.id.0, recording, from, to })
        };
        Ok(items.iter().filter_map(view).collect())
    }

    /// What the caller is shown of recordings.
    pub(in crate::vault) async fn views(
        &self,
        caller: &Caller,
        found: &[Recording],
    ) -> Result<Vec<RecordingView>, Error> {
        self.catch_up(found).await?;
        let views: Result<Vec<_>, _> = found.iter().map(|found| self.view(caller, found)).collect();
        let mut views = views?;
        self.with_notes(caller, found, &mut views).await?;
        Ok(views)
    }
}
