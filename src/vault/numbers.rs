//! The numbers of a call, sealed into its row and opened for those who may see them.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::error::Error;
use crate::crypto::Keys;
use crate::model::{Class, ControllerId, Day, E164, Numbers, Recording, RecordingId};

/// What the sealing is bound to, beside whose it is and which recording.
pub(super) const LABEL: &str = "numbers";

/// What a number's blind index is bound to, beside whose it is.
const BLIND: &str = "number";

#[derive(Serialize, Deserialize)]
struct Plain {
    caller: Option<String>,
    callee: Option<String>,
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.caller.zeroize();
        self.callee.zeroize();
    }
}

/// Seals the numbers so that they open until the key of `day` is forgotten; `None` when there are none.
pub(super) fn seal(
    keys: &Keys,
    controller: ControllerId,
    recording: RecordingId,
    day: Day,
    numbers: &Numbers,
) -> Result<Option<Vec<u8>>, Error> {
    if numbers.caller.is_none() && numbers.callee.is_none() {
        return Ok(None);
    }
    let text = |number: &Option<E164>| number.as_ref().map(|n| n.reveal().to_owned());
    let plain = Plain { caller: text(&numbers.caller), callee: text(&numbers.callee) };
    let json = Zeroizing::new(serde_json::to_vec(&plain).expect("two texts are always JSON"));
    Ok(Some(keys.seal_row(controller, recording, day, LABEL, &json)?))
}

/// The day whose key seals the numbers of a recording.
///
/// A customer's details live as long as the audio, so they have the day of its key. Those of a
/// support call end at their own term, whatever keeps the audio (I11).
pub(super) fn day(recording: &Recording) -> Day {
    match recording.class {
        Class::Customer => recording.key.day,
        Class::Support => recording.metadata_due_at.day(),
    }
}

/// The numbers of a customer's recording, sealed anew for when its audio key moves to `day`.
pub(super) fn moved(keys: &Keys, recording: &Recording, to: Day) -> Result<Option<Vec<u8>>, Error> {
    match recording.class {
        Class::Support => Ok(None),
        Class::Customer => {
            let numbers = open(keys, recording)?;
            seal(keys, recording.controller, recording.id, to, &numbers)
        }
    }
}

/// The generation of the key that seals the numbers of a recording, if it has any.
pub(super) fn generation(recording: &Recording) -> Option<i32> {
    let (generation, _) = recording.metadata.numbers.as_deref()?.split_first_chunk::<4>()?;
    Some(i32::from_be_bytes(*generation))
}

/// The numbers of a recording, sealed anew under the newest generation of the day they have.
pub(super) fn renewed(keys: &Keys, recording: &Recording) -> Result<Option<Vec<u8>>, Error> {
    let numbers = open(keys, recording)?;
    seal(keys, recording.controller, recording.id, day(recording), &numbers)
}

/// Opens the numbers of a recording. None when its row has none any more, or their key was
/// forgotten before the row was emptied.
pub(super) fn open(keys: &Keys, recording: &Recording) -> Result<Numbers, Error> {
    let Some(sealed) = &recording.metadata.numbers else {
        return Ok(Numbers::default());
    };
    let day = day(recording);
    if day < keys.status().forgotten_before {
        return Ok(Numbers::default());
    }
    let json = keys.open_row(recording.controller, recording.id, day, LABEL, sealed)?;
    let plain: Plain = serde_json::from_slice(&json).map_err(|_| crate::crypto::Error::Open)?;
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    Ok(Numbers { caller: number(&plain.caller), callee: number(&plain.callee) })
}

/// What a number is found by: nobody without the keyring can tell which number it is.
pub(super) fn blind(
    keys: &Keys,
    controller: ControllerId,
    number: &E164,
) -> Result<[u8; 32], Error> {
    Ok(keys.blind(controller, BLIND, number.reveal().as_bytes())?)
}
