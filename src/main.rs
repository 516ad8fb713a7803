//! The callvault program.
fn main() {}
