//! The decisions of retention: pure functions of facts and time, carried out by the vault.
//!
//! - [`Schedule`]: when audio and metadata must be gone,
//! - [`Change`]: what another policy does to what is there,
//! - [`guard`]: whether the clock can be trusted to erase by,
//! - [`brake`]: whether a run erases so much that somebody must confirm it,
//! - [`precedence()`]: which of several rules about one recording counts,
//! - [`reconcile`]: which objects no row speaks for.

mod brake;
mod guard;
mod policy;
mod policy_calendar;
mod precedence;
mod reconcile;
mod schedule;

pub use brake::{BRAKE_FLOOR, brake};
pub use guard::{Anomaly, Sighting, TOLERANCE, guard};
pub use policy::{Change, Fate, Kept, Limit, Limits};
pub use policy_calendar::Calendar;
pub use precedence::{Facts, Keep, Verdict, precedence};
pub use reconcile::{StoredObject, orphans};
pub use schedule::{Dates, Refusal, Schedule};
