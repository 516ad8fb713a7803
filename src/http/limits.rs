//! How much one caller may ask for, and how often one address may guess.
//!
//! A token has 256 random bits, so guessing is hopeless; what is limited is the work it makes. An
//! address that failed often is asked to wait before anything is looked up for it, except with a
//! secret that was good a while ago: behind a proxy all clients have one address.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

use super::error::Problem;
use crate::model::{Caller, PrincipalId};
use crate::vault::Error;

/// How often an address may fail at once, and how many of those are forgiven a second.
const FAILURES: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");
const FORGIVEN: NonZeroU32 = NonZeroU32::MIN;

/// How long an address that failed too often waits.
const WAIT: Duration = Duration::from_secs(10);

/// How long a secret that was good is known to have been.
const REMEMBERED: Duration = Duration::from_hours(1);

/// How many challenges of one caller are answered at once; one more every ten seconds.
const CHALLENGES: NonZeroU32 = NonZeroU32::new(6).expect("6 is not 0");

/// The most addresses and secrets that are kept in mind.
const MOST: u64 = 50_000;

/// Where a request came from, as far as limits are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl Peer {
    /// The address, or the first one of its network.
    pub(super) fn address(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for Peer {
    /// All addresses of an IPv6 network are one client's.
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                Self(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into())
            }
        }
    }
}

/// The limits of one server.
pub(super) struct Limits {
    requests: Option<DefaultKeyedRateLimiter<PrincipalId>>,
    challenges: DefaultKeyedRateLimiter<PrincipalId>,
    failures: DefaultKeyedRateLimiter<Peer>,
    waiting: Cache<Peer, ()>,
    /// Hashes, under a key of this process, of secrets that were good.
    good: Cache<u64, ()>,
    hasher: RandomState,
}

impl Limits {
    /// At most so many requests a second of one caller, or as many as it likes.
    pub(super) fn new(requests_per_second: Option<NonZeroU32>) -> Self {
        let failures = Quota::per_second(FORGIVEN).allow_burst(FAILURES);
        Self {
            requests: requests_per_second.map(|most| RateLimiter::keyed(Quota::per_second(most))),
            challenges: RateLimiter::keyed(Quota::per_minute(CHALLENGES)),
            failures: RateLimiter::keyed(failures),
            waiting: Cache::builder().max_capacity(MOST).time_to_live(WAIT).build(),
            good: Cache::builder().max_capacity(MOST).time_to_live(REMEMBERED).build(),
            hasher: RandomState::new(),
        }
    }

    /// Finds out with `look` who sends this secret, unless its address must wait.
    pub(super) async fn admit<T>(
        &self,
        peer: Option<Peer>,
        secret: &str,
        look: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Problem> {
        let hash = self.hasher.hash_one(secret);
        let was_good = self.good.contains_key(&hash);
        if !was_good && peer.is_some_and(|peer| self.waiting.contains_key(&peer)) {
            return Err(Problem::too_many(WAIT));
        }
        let found = look.await;
        match (&found, peer) {
            (Ok(_), _) if !was_good => self.good.insert(hash, ()),
            (Err(Error::Unauthenticated), Some(peer)) => self.failed(peer),
            _ => {}
        }
        Ok(found?)
    }

    fn failed(&self, peer: Peer) {
        if self.failures.check_key(&peer).is_err() {
            self.waiting.insert(peer, ());
        }
        if self.failures.len() as u64 > MOST {
            self.failures.retain_recent();
        }
    }

    /// Counts a request of a caller, or refuses it.
    pub(super) fn count(&self, caller: &Caller) -> Result<(), Problem> {
        let Some(requests) = &self.requests else { return Ok(()) };
        within(requests, caller)
    }

    /// Counts a challenge of a caller, or refuses it: each reads much of the store.
    pub(super) fn count_challenge(&self, caller: &Caller) -> Result<(), Problem> {
        within(&self.challenges, caller)
    }
}

fn within(limit: &DefaultKeyedRateLimiter<PrincipalId>, caller: &Caller) -> Result<(), Problem> {
    limit
        .check_key(&caller.id)
        .map_err(|until| Problem::too_many(until.wait_time_from(DefaultClock::default().now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_network_is_one_client() {
        assert_eq!(peer("2001:db8::1"), peer("2001:db8:0:0:ffff::2"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }

    #[tokio::test]
    async fn who_guesses_waits_and_who_was_known_does_not() {
        let limits = Limits::new(None);
        let (guesser, other) = (Some(peer("192.0.2.1")), Some(peer("192.0.2.2")));
        let good = |peer| limits.admit(peer, "good", async { Ok(()) });
        good(other).await.unwrap();
        for _ in 0..=FAILURES.get() {
            let failed =
                limits.admit(guesser, "guess", async { Err::<(), _>(Error::Unauthenticated) });
            assert_eq!(failed.await.unwrap_err().status(), 401);
        }
        let asked =
            limits.admit(guesser, "another", async { panic!("it was looked up") as Result<(), _> });
        assert_eq!(asked.await.unwrap_err().status(), 429);
        good(guesser).await.unwrap();
        limits.admit(other, "another", async { Ok(()) }).await.unwrap();
    }
}
