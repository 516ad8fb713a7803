//! The keyring as bytes, sealed by a root: harmless wherever it is copied to.
//!
//! ```text
//! blob    = header(64) ‖ AES-256-GCM(key, nonce = 0x00*12, content, aad = header) ‖ tag(16)
//! header  = magic "CVKEYS\r\n" ‖ version 1 ‖ suite 1 ‖ 6 zero bytes ‖ epoch(8) ‖ seq(8)
//!           ‖ salt(32, random per save)
//! key     = HKDF-SHA-256(ikm = root, salt, "cvault v1 keyring"), used once: the salt is fresh
//! content = forgotten_before(4)
//!           ‖ count(4) ‖ count × (controller(16) ‖ key(32)), ascending
//!           ‖ count(4) ‖ count × (day(4) ‖ generation(4) ‖ key(32)), ascending
//!           ‖ count(4) ‖ count × (day(4) ‖ generation(4) ‖ fingerprint(32)): what went when
//!             this epoch began
//! ```
//!
//! Days count from 1970-01-01 UTC, signed; 2³¹−1 is the bucket of holds.

use std::collections::BTreeMap;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::cipher::{Cipher, NONCE, Small};
use super::derive;
use super::error::Error;
use super::keyring::Keyring;
use super::object::TAG;
use super::place::{Stored, Version};
use super::secret::{Secret, random_public};
use crate::model::{ControllerId, Day};

const MAGIC: &[u8; 8] = b"CVKEYS\r\n";
const VERSION_AND_SUITE: [u8; 2] = [1, 1];

/// Bytes of the header.
pub(super) const HEADER: usize = 64;

/// Every save has a key of its own, so the nonce has nothing to tell apart.
const ONLY_NONCE: [u8; NONCE] = [0; NONCE];

/// Which state a sealed keyring says it is. Only opening it proves that.
pub(super) fn version_of(header: &[u8]) -> Option<Version> {
    let (header, _) = header.split_first_chunk::<32>()?;
    let (magic, rest) = header.split_first_chunk::<8>()?;
    let (fixed, numbers) = rest.split_first_chunk::<8>()?;
    let (epoch, seq) = numbers.split_first_chunk::<8>()?;
    let known = magic == MAGIC && fixed.starts_with(&VERSION_AND_SUITE) && fixed[2..] == [0; 6];
    let version = Version {
        epoch: i64::from_be_bytes(*epoch),
        seq: i64::from_be_bytes(seq.try_into().ok()?),
    };
    known.then_some(version)
}

impl Keyring {
    /// Seals this state under `root`.
    pub(super) fn seal(&self, root: &[u8; 32]) -> Result<Vec<u8>, Error> {
        self.seal_with(random_public()?, root)
    }

    /// As [`Keyring::seal`], with the salt given. It must be as good as fresh.
    pub(super) fn seal_with(&self, salt: [u8; 32], root: &[u8; 32]) -> Result<Vec<u8>, Error> {
        let content_len =
            16 + 48 * self.tenants.len() + 40 * (self.days.len() + self.dropped.len());
        // The whole capacity at once: growing would leave copies of the keys behind.
        let mut blob = Zeroizing::new(Vec::with_capacity(HEADER + content_len + TAG));
        blob.extend_from_slice(MAGIC);
        blob.extend_from_slice(&VERSION_AND_SUITE);
        blob.extend_from_slice(&[0; 6]);
        blob.extend_from_slice(&self.version.epoch.to_be_bytes());
        blob.extend_from_slice(&self.version.seq.to_be_bytes());
        blob.extend_from_slice(&salt);
        self.write_content(&mut blob)?;
        let (header, content) =
            blob.split_first_chunk_mut::<HEADER>().expect("the header was just written");
        let tag = Small::new(key(root, &salt).bytes()).seal(ONLY_NONCE, header, content)?;
        blob.extend_from_slice(&tag);
        // Nothing secret is left in it: taken out, so that it is not wiped.
        Ok(std::mem::take(&mut *blob))
    }

    fn write_content(&self, blob: &mut Vec<u8>) -> Result<(), Error> {
        blob.extend_from_slice(&self.forgotten_before.0.to_be_bytes());
        blob.extend_from_slice(&count(self.tenants.len())?);
        for (controller, key) in &self.tenants {
            blob.extend_from_slice(controller.as_bytes());
            blob.extend_from_slice(key.bytes());
        }
        blob.extend_from_slice(&count(self.days.len())?);
        for ((day, generation), key) in &self.days {
            blob.extend_from_slice(&day.0.to_be_bytes());
            blob.extend_from_slice(&generation.to_be_bytes());
            blob.extend_from_slice(key.bytes());
        }
        blob.extend_from_slice(&count(self.dropped.len())?);
        for (day, generation, fingerprint) in &self.dropped {
            blob.extend_from_slice(&day.0.to_be_bytes());
            blob.extend_from_slice(&generation.to_be_bytes());
            blob.extend_from_slice(fingerprint);
        }
        Ok(())
    }

    /// Opens a stored state.
    pub(super) fn open(stored: &Stored) -> Result<Self, Error> {
        let version = version_of(&stored.sealed).ok_or(Error::Keyring)?;
        let (header, rest) = stored.sealed.split_first_chunk::<HEADER>().ok_or(Error::Keyring)?;
        let (content, tag) = rest.split_last_chunk::<TAG>().ok_or(Error::Keyring)?;
        if version != stored.version {
            return Err(Error::Keyring);
        }
        let mut content = Zeroizing::new(content.to_vec());
        Small::new(key(&stored.root, &header[32..]).bytes())
            .open(ONLY_NONCE, header, &mut content, tag)
            .map_err(|_| Error::Keyring)?;
        parse(version, &content).ok_or(Error::Keyring)
    }
}

fn key(root: &[u8; 32], salt: &[u8]) -> Secret {
    derive::key(&[root], Some(salt), &[b"cvault v1 keyring"])
}

fn count(len: usize) -> Result<[u8; 4], Error> {
    u32::try_from(len).map(u32::to_be_bytes).map_err(|_| Error::TooLong)
}

fn parse(version: Version, content: &[u8]) -> Option<Keyring> {
    let mut content = Content(content);
    let forgotten_before = content.day()?;
    let mut tenants = BTreeMap::new();
    for _ in 0..content.count()? {
        let controller = ControllerId(Uuid::from_bytes(*content.take()?));
        tenants.insert(controller, Secret::copy_of(content.take()?));
    }
    let mut days = BTreeMap::new();
    for _ in 0..content.count()? {
        let day = (content.day()?, content.number()?);
        days.insert(day, Secret::copy_of(content.take()?));
    }
    let mut dropped = Vec::new();
    for _ in 0..content.count()? {
        dropped.push((content.day()?, content.number()?, *content.take()?));
    }
    content.0.is_empty().then_some(Keyring { version, forgotten_before, tenants, days, dropped })
}

/// The part of the content that is still to be read.
struct Content<'a>(&'a [u8]);

impl<'a> Content<'a> {
    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<i32> {
        self.take().map(|bytes| i32::from_be_bytes(*bytes))
    }

    fn day(&mut self) -> Option<Day> {
        self.number().map(Day)
    }

    fn count(&mut self) -> Option<u32> {
        self.take().map(|bytes| u32::from_be_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        let mut keyring = Keyring::empty();
        keyring.version = Version { epoch: 3, seq: 9 };
        keyring.add(&[ControllerId::random()], &[Day(1), Day(20_000), Day::HOLD]).unwrap();
        keyring.drop_before(Day(5));
        keyring
    }

    #[test]
    fn a_keyring_comes_back_as_it_was_sealed() {
        let before = keyring();
        let sealed = before.seal(&[1; 32]).unwrap();
        assert_eq!(version_of(&sealed), Some(before.version));
        let stored = Stored { version: before.version, sealed, root: Zeroizing::new([1; 32]) };
        let after = Keyring::open(&stored).unwrap();
        let controllers: Vec<_> = before.tenants.keys().copied().collect();
        assert!(before.agrees(&after, &controllers, &[Day(20_000), Day::HOLD]));
        assert_eq!(after.forgotten_before, Day(5));
        assert_eq!(after.dropped, before.dropped);
        assert_eq!(after.dropped.len(), 1);
        assert_eq!(after.days.len(), 2);
    }

    #[test]
    fn a_keyring_that_was_touched_or_cut_does_not_open() {
        let keyring = keyring();
        let sealed = keyring.seal(&[1; 32]).unwrap();
        let open = |sealed: Vec<u8>, root: u8, version| {
            Keyring::open(&Stored { version, sealed, root: Zeroizing::new([root; 32]) })
        };
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            let version = version_of(&touched).unwrap_or(keyring.version);
            assert!(matches!(open(touched, 1, version), Err(Error::Keyring)), "byte {at}");
            let cut = sealed[..at].to_vec();
            assert!(matches!(open(cut, 1, keyring.version), Err(Error::Keyring)), "cut at {at}");
        }
        assert!(open(sealed.clone(), 2, keyring.version).is_err());
        assert!(open(sealed.clone(), 1, Version { epoch: 3, seq: 10 }).is_err());
        assert!(open(sealed, 1, keyring.version).is_ok());
    }

    #[test]
    fn content_that_counts_wrongly_is_no_keyring() {
        let mut blob = Vec::new();
        keyring().write_content(&mut blob).unwrap();
        let version = Version { epoch: 3, seq: 9 };
        assert!(parse(version, &blob).is_some());
        assert!(parse(version, &[blob.clone(), vec![0]].concat()).is_none());
        blob[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(parse(version, &blob).is_none());
    }
}
