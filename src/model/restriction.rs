//! Restriction of use (GDPR art. 18) and objection (art. 21): the words for why and how it ended.

text_enum! {
    /// Why the use of a recording is restricted (GDPR art. 18(1)).
    pub enum Ground {
        /// The person contests that it is accurate.
        Accuracy => "accuracy",
        /// It is unlawful, and the person wants it kept all the same.
        Unlawful => "unlawful",
        /// The person needs it for a legal claim.
        Claim => "claim",
        /// The person objected, and that is not decided yet.
        ObjectionPending => "objection_pending",
    }
}

impl Ground {
    /// Whether it keeps the recording past its term. Somebody who objects wants it gone.
    #[must_use]
    pub const fn suspends(self) -> bool {
        !matches!(self, Self::ObjectionPending)
    }

    /// The strongest of some grounds: any one that suspends comes before one that does not.
    #[must_use]
    pub fn strongest(grounds: impl IntoIterator<Item = Self>) -> Option<Self> {
        // In the order of their declaration, which ends with the only one that keeps nothing.
        grounds.into_iter().min()
    }
}

text_enum! {
    /// How a restriction or an objection ended.
    pub enum Outcome {
        /// The person got what they asked for.
        Granted => "granted",
        /// They did not: they must have been told before anything is used again (art. 18(3)).
        Refused => "refused",
        /// They took it back.
        Withdrawn => "withdrawn",
        /// The recording was erased meanwhile.
        Erased => "erased",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_suspends_comes_before_what_does_not() {
        for ground in Ground::ALL {
            let all = [Ground::ObjectionPending, *ground];
            let strongest = Ground::strongest(all).unwrap();
            assert_eq!(strongest.suspends(), ground.suspends(), "{ground}");
        }
        assert_eq!(Ground::strongest([]), None);
    }
}
