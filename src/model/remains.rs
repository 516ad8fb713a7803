//! How far an erasure is, and what can be left of what was erased.

text_enum! {
    /// How far an erasure is.
    pub enum ErasureStatus {
        /// Nothing remains, and it was looked for twice.
        Complete => "complete",
        /// The audio is gone from the store; something is left that the list names.
        Partial => "partial",
        /// The audio is not verifiably gone.
        Pending => "pending",
    }
}

text_enum! {
    /// What can remain.
    pub enum Remains {
        /// The key is not destroyed yet.
        Key => "key",
        /// The object is still in the store.
        Object => "object",
        /// Versions of the object are still in the bucket.
        Versions => "versions",
        /// The store did not say whether the object is absent.
        Unverified => "unverified",
        /// It was in the store again after it was absent.
        Reappeared => "reappeared",
        /// It was due in this period and is still there.
        NotErased => "not_erased",
        /// Older backups of index and keyring together still open it.
        Backups => "backups",
        /// It was not looked for again yet.
        SecondLook => "second_look",
        /// Copies that were handed out: the vault cannot reach them.
        HandedOut => "handed_out",
    }
}
