//! A customer leaves, and takes along what is its own.
//!
//! - `notice`: notice is given, withdrawn, or confirmed; how it stands
//! - `finish`: everything is erased, the tenant key is destroyed, the service has ended
//! - `export`: a fixed list of recordings to download; `listing` what it says of each, `zip` the
//!   records of the archive, `layout` where everything is in it
//! - `download`: the bytes of a range of the archive, the same every time; `walk` what comes next

mod download;
mod export;
mod finish;
mod layout;
mod listing;
mod notice;
mod walk;

pub use download::Archive;
pub use export::{ExportState, ExportView, NewExport};
pub use finish::EndPass;
pub use notice::{EndOfService, Erasures, Keeper, Notice, Phase, Remaining};
