//! What every place promises. A new place is held to it by calling [`keeps`].

use zeroize::Zeroizing;

use super::Memory;
use crate::crypto::keyring::Keyring;
use crate::crypto::{Files, Place, PlaceError, Stored, Version};

/// Fails unless `place`, which is empty, does what [`Place`] says.
pub(in crate::crypto) async fn keeps(place: &dyn Place) {
    assert_eq!(place.head().await.unwrap(), None);
    assert_eq!(place.epochs().await.unwrap(), [] as [i64; 0]);
    assert!(place.read(1).await.unwrap().is_none());

    place.create(&stored(1, 1, 10)).await.unwrap();
    assert_eq!(place.head().await.unwrap(), Some(Version { epoch: 1, seq: 1 }));
    assert!(is(&place.read(1).await.unwrap().unwrap(), &stored(1, 1, 10)));
    for (epoch, seq) in [(1, 1), (1, 2), (2, 1), (0, 5)] {
        let refused = place.create(&stored(epoch, seq, 11)).await;
        assert!(matches!(refused, Err(PlaceError::Conflict)), "epoch {epoch}, seq {seq}");
    }

    let next = stored(1, 2, 10);
    place.update(next.version, 1, &next.sealed).await.unwrap();
    assert!(is(&place.read(1).await.unwrap().unwrap(), &next));
    let refused = place.update(next.version, 1, &next.sealed).await;
    assert!(matches!(refused, Err(PlaceError::Conflict)), "the seq has moved");
    let refused = place.create(&stored(2, 2, 12)).await;
    assert!(matches!(refused, Err(PlaceError::Conflict)), "made from what was there before");

    let second = stored(2, 3, 12);
    place.create(&second).await.unwrap();
    assert_eq!(place.head().await.unwrap(), Some(second.version));
    assert_eq!(place.epochs().await.unwrap(), [1, 2]);
    assert!(is(&place.read(1).await.unwrap().unwrap(), &next), "the old one is whole");
    assert!(is(&place.read(2).await.unwrap().unwrap(), &second));
    let late = stored(1, 3, 10);
    let refused = place.update(late.version, 2, &late.sealed).await;
    assert!(matches!(refused, Err(PlaceError::Conflict)), "the epoch has moved");

    for _ in 0..2 {
        assert!(place.destroy(1).await.unwrap().iter().all(|replica| replica.ok));
        assert_eq!(place.epochs().await.unwrap(), [2]);
        assert!(place.read(1).await.unwrap().is_none());
        assert!(is(&place.read(2).await.unwrap().unwrap(), &second));
    }
    assert!(place.replicas().await.iter().all(|replica| replica.ok));
}

fn stored(epoch: i64, seq: i64, root: u8) -> Stored {
    let mut keyring = Keyring::empty();
    keyring.version = Version { epoch, seq };
    let sealed = keyring.seal_with([root; 32], &[root; 32]).unwrap();
    Stored { version: keyring.version, sealed, root: Zeroizing::new([root; 32]) }
}

fn is(one: &Stored, two: &Stored) -> bool {
    one.version == two.version && one.sealed == two.sealed && *one.root == *two.root
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    keeps(&Memory::default()).await;
}

#[tokio::test]
async fn files_keep_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let roots = ["a/root", "b/root", "b/root2"].map(|path| dir.path().join(path)).to_vec();
    keeps(&Files::new(dir.path().join("keyring"), roots)).await;
}
