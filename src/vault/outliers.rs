//! Who hears far more than the others: told to those who check, by a pseudonym, once a day.

use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::{Vault, ledger};
use crate::index::{ledger_entries, playbacks, tellings};
use crate::model::{Event, PrincipalId, Purpose};

/// How many recordings somebody hears on a day before it can be far more than the others.
const MANY: i64 = 15;

/// How many times what the others hear is far more.
const TIMES: i64 = 4;

/// How many others there are to compare with at least.
const OTHERS: usize = 2;

impl Vault {
    /// Compares how many recordings each person heard today for training, and tells of who heard far
    /// more than the others. Returns of how many it told.
    pub async fn watch_listening(&self) -> Result<u64, Error> {
        let now = self.0.clock.now();
        let of = self.0.provider;
        let since = now.midnight(&self.0.settings.schedule.zone);
        let heard = playbacks::listeners(&self.0.index, of, Purpose::Training, since).await?;
        let mut told = 0;
        for (person, count, median) in outliers(&heard) {
            let hash = Sha256::digest(format!("outlier {person} {since}")).into();
            let mut tx = self.addition().await?;
            if !tellings::first(&mut tx, &hash, now, SignedDuration::from_hours(48)).await? {
                continue;
            }
            let body = json!({ "by": person, "n": count, "median": median });
            let entry = ledger::general(of, now, Event::AccessOutlier, &body);
            ledger_entries::append(&mut tx, &[entry]).await?;
            tx.commit().await?;
            metrics::counter!("callvault_listening_outliers_total").increment(1);
            tracing::warn!(count, median, "somebody hears far more recordings than the others");
            told += 1;
        }
        Ok(told)
    }
}

/// Those who heard far more than the median of the others, with both numbers.
fn outliers(heard: &[(PrincipalId, i64)]) -> Vec<(PrincipalId, i64, i64)> {
    let far_more = |(person, count): &(PrincipalId, i64)| {
        let mut others: Vec<_> =
            heard.iter().filter(|(other, _)| other != person).map(|(_, count)| *count).collect();
        if *count < MANY || others.len() < OTHERS {
            return None;
        }
        others.sort_unstable();
        let median = *others.get(others.len() / 2)?;
        (*count > TIMES * median).then_some((*person, *count, median))
    };
    heard.iter().filter_map(far_more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_more_is_many_and_several_times_what_most_others_hear() {
        /// How many each heard; who is told of, with the median.
        type Case = (&'static [i64], &'static [(i64, i64)]);
        let cases: &[Case] = &[
            (&[], &[]),
            (&[40], &[]),
            (&[40, 1], &[]),
            (&[40, 3, 2], &[(40, 3)]),
            (&[14, 1, 1], &[]),
            (&[15, 3, 4, 3], &[(15, 3)]),
            (&[16, 4, 4, 4], &[]),
            (&[17, 4, 4, 4], &[(17, 4)]),
            (&[40, 38, 37, 3], &[]),
            (&[40, 40, 2, 3, 2, 3, 2], &[(40, 3), (40, 3)]),
        ];
        for (counts, expected) in cases {
            let heard: Vec<_> = counts.iter().map(|n| (PrincipalId::random(), *n)).collect();
            let found: Vec<_> = outliers(&heard).into_iter().map(|(_, n, m)| (n, m)).collect();
            assert_eq!(found, *expected, "{counts:?}");
        }
    }
}
