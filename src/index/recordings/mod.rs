//! The table `recordings`: one row from acceptance to tombstone.
//!
//! The table is the queue of the eraser, too: what is due is found by a partial index and claimed
//! by changing its state. `erasing` holds the claims and every step after one, `upkeep` the other
//! changes, `search` the lists, `report` what somebody who checks wants to know.

mod erasing;
mod holding;
mod journal;
mod leaving;
mod moving;
mod provable;
mod report;
mod restore;
mod row;
mod scrub;
mod search;
mod tombstone;
mod upkeep;

pub use erasing::{
    Claimed, Erased, claim_due, claim_due_but, claim_one, claim_stale, destroy_wraps, due,
    fail_attempt, finish_erased, floors, lost_due, release,
};
pub use holding::{Held, Wanted, free, free_released, hold, lock, matching};
pub use journal::{
    Departed, KeyHistory, Renewed, Resealed, key_history, left, numbers_of, renew_numbers,
    renew_wraps, set_journaled, set_journaled_gone, unjournaled, unjournaled_gone, wrapped_before,
};
pub use leaving::{
    ErasedCounts, Holdings, Keeper, claim_leaving, departed, find_each, holdings, keepers,
};
pub use moving::{Glimpse, Movable, Moved, Names, glimpse, movable, move_many};
pub use provable::{provable, rooted, sizes, unprovable};
pub use report::{
    Known, Live, Overdue, STUCK_AFTER, Stuck, count_due, daily_erasures, exists_many, live_in,
    oldest_stored, overdue, stuck, suspended_past_due, unverified,
};
pub use restore::{Mended, mend, openable_after};
pub use row::{Marks, SameCall, digest, find, find_for, insert, same_call};
pub use scrub::{SCRUBBING, claim_scrub, oldest_scrub, release_scrub, scrubbed};
pub use search::{Search, position, search};
pub use tombstone::{LOOKING, Looking, bury, look_again, look_from_now, looked, metadata_due};
pub use upkeep::{
    Suspended, mark_lost, move_suspended, set_held, set_objected, set_restricted, suspended,
};
