//! Telephone numbers: read from any dialable form, kept as E.164, shown masked.

use std::fmt;
use std::str::FromStr;

use phonenumber::country;

/// Numbers nobody may have recorded: 112, its older and British twins, and 144 and 116xxx lines of
/// the Dutch emergency services are dialled as they are, so they are told by their digits.
const EMERGENCY: &[&str] = &["112", "911", "999", "+31112", "0031112"];

/// A telephone number in E.164 form, `+` and at most 15 digits.
///
/// Its `Debug` and `Display` are masked: a number in a log is a data leak (I12).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164(String);

/// What was given as a number and is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// It cannot be dialled.
    #[error("must be a telephone number, such as +31201234567 or 020 123 4567")]
    NotDialable,
    /// It is an emergency number: such calls are not recorded.
    #[error("is an emergency number; such calls are not recorded")]
    Emergency,
}

impl E164 {
    /// Loads the tables that reading a number needs, so that the first one is not slow. Blocking.
    pub fn warm_up() {
        drop("+31201234567".parse::<Self>());
    }

    /// The number in full. For sealing and for those who may see it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The number as everybody may see it: the country and the last four digits.
    #[must_use]
    pub fn masked(&self) -> String {
        let prefix = self.0.get(..3).unwrap_or("+");
        let tail = self.0.len().saturating_sub(4).max(prefix.len());
        let hidden = tail.saturating_sub(prefix.len());
        format!("{prefix}{}{}", "•".repeat(hidden), self.0.get(tail..).unwrap_or(""))
    }
}

impl FromStr for E164 {
    type Err = NumberError;

    /// Reads a number as dialled in the Netherlands, a SIP or tel URI, or an international form.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let dialled = user_part(text);
        let digits: String = dialled.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        if EMERGENCY.contains(&digits.as_str()) {
            return Err(NumberError::Emergency);
        }
        let number =
            phonenumber::parse(Some(country::NL), dialled).map_err(|_| NumberError::NotDialable)?;
        // A number that is possible but not assigned today is still what was dialled.
        let formatted = number.format().mode(phonenumber::Mode::E164).to_string();
        let dialable = (8..=16).contains(&formatted.len());
        dialable.then_some(Self(formatted)).ok_or(NumberError::NotDialable)
    }
}

/// What stands before the host in `sip:+31201234567@pbx.example;user=phone`.
fn user_part(text: &str) -> &str {
    let text = text.trim();
    let text = ["sip:", "sips:", "tel:"]
        .iter()
        .find_map(|scheme| {
            text.get(..scheme.len())?.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
        })
        .unwrap_or(text);
    text.split(['@', ';']).next().unwrap_or(text)
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_dialable_form_is_the_same_number() {
        let forms = [
            "+31201234567",
            "0201234567",
            "020 123 4567",
            "020-1234567",
            "0031201234567",
            "(020) 123 45 67",
            "sip:+31201234567@pbx.example;user=phone",
            "tel:+31-20-1234567",
            "SIP:0201234567@10.0.0.1",
            " +31 20 123 45 67 ",
        ];
        for form in forms {
            assert_eq!(form.parse::<E164>().unwrap().reveal(), "+31201234567", "{form}");
        }
        assert_eq!("+442079460000".parse::<E164>().unwrap().reveal(), "+442079460000");
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        for text in ["", "anonymous", "+", "12", "+3120123456789012345", "sip:@", "\u{661}\u{662}"]
        {
            assert_eq!(text.parse::<E164>(), Err(NumberError::NotDialable), "{text}");
        }
    }

    #[test]
    fn emergency_numbers_are_told_apart() {
        for text in ["112", "sip:112@pbx", "1-1-2", "+31112", "tel:112"] {
            assert_eq!(text.parse::<E164>(), Err(NumberError::Emergency), "{text}");
        }
    }

    #[test]
    fn a_number_shows_only_its_ends() {
        let number: E164 = "0612344520".parse().unwrap();
        assert_eq!(number.to_string(), "+31•••••4520");
        assert_eq!(format!("{number:?}"), "+31•••••4520");
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_yields_e164(text in "\\PC{0,40}") {
            if let Ok(number) = text.parse::<E164>() {
                prop_assert!(number.reveal().starts_with('+'));
                prop_assert!(number.reveal()[1..].bytes().all(|b| b.is_ascii_digit()));
                prop_assert_eq!(number.reveal().parse::<E164>(), Ok(number.clone()));
            }
        }
    }
}
