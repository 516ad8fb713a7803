//! The tables `policies`, `policy_rules` and `customer_lines`: how long customers keep their
//! recordings, every version of it, and how far a change has come.

mod applying;
mod brake;
mod lines;
mod versions;

pub use applying::{Cursor, activate, claim, finish, open_changes, progress};
pub use brake::{Braked, brake, braked, confirm_braked, count_erased, shortened_due};
pub use lines::{lines, set_lines, unknown};
pub use versions::{
    Version, cancel, find, insert, list, lock_customer, next_version, policy, version_in_force,
};
