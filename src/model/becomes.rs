//! A change of something that there need not be: absent, null and a value are three things.

use serde::{Deserialize, Deserializer};

/// What becomes of something that there need not be. With `#[serde(default)]` an absent field leaves
/// it and null takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Becomes<T> {
    /// It stays as it is.
    #[default]
    AsItIs,
    /// It goes.
    Nothing,
    /// It is this.
    This(T),
}

impl<T: PartialEq> Becomes<T> {
    /// Carries it out, and tells whether that changed anything.
    pub fn change(self, what: &mut Option<T>) -> bool {
        let new = match self {
            Self::AsItIs => return false,
            Self::Nothing => None,
            Self::This(value) => Some(value),
        };
        let changed = *what != new;
        *what = new;
        changed
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Becomes<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Nothing, Self::This))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_stays_null_goes_and_a_value_is_taken() {
        #[derive(Deserialize)]
        struct Change {
            #[serde(default)]
            line: Becomes<String>,
        }
        for (json, line, changed) in [
            ("{}", Some("201"), false),
            (r#"{"line":null}"#, None, true),
            (r#"{"line":"201"}"#, Some("201"), false),
            (r#"{"line":"202"}"#, Some("202"), true),
        ] {
            let mut now = Some("201".to_owned());
            let change: Change = serde_json::from_str(json).unwrap();
            assert_eq!(change.line.change(&mut now), changed, "{json}");
            assert_eq!(now.as_deref(), line, "{json}");
        }
    }
}
