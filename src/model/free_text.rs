//! Free text that people write about calls: whether it holds a number that tells who somebody is.
//!
//! Numbers have a place of their own, sealed and masked; in a note they would be neither. What is
//! looked for is what gets written down in good faith, in the usual forms: groups with spaces, dots
//! and dashes between them, digits of other scripts. Dates are told apart by their form.

use std::fmt;

/// What a text holds that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personal {
    /// Eight or nine digits that pass the eleven-test.
    CitizenNumber,
    /// A telephone number.
    Telephone,
    /// An IBAN.
    BankAccount,
    /// A payment card number.
    Card,
}

impl fmt::Display for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CitizenNumber => "a citizen service number (BSN)",
            Self::Telephone => "a telephone number",
            Self::BankAccount => "a bank account number (IBAN)",
            Self::Card => "a payment card number",
        })
    }
}

/// The first number of somebody that a text seems to hold.
#[must_use]
pub fn personal_number(text: &str) -> Option<Personal> {
    if holds_iban(text) {
        return Some(Personal::BankAccount);
    }
    runs(text).iter().find_map(Run::personal)
}

/// Digits as they stand in a text, in groups, with little between them.
#[derive(Default)]
struct Run {
    /// Whether a plus stands before them.
    plus: bool,
    groups: Vec<String>,
    /// What stands before each group.
    before: Vec<Option<char>>,
}

/// How many characters may stand between two groups of one number.
const BETWEEN: usize = 2;

fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut run = Run::default();
    let mut group = String::new();
    let (mut between, mut gap) = (None, 0);
    for c in text.chars().chain(['\n']) {
        if is_invisible(c) {
            continue;
        }
        if let Some(digit) = digit(c) {
            if group.is_empty() {
                run.before.push(between);
            }
            group.push(digit);
            (between, gap) = (None, 0);
            continue;
        }
        if !group.is_empty() {
            run.groups.push(std::mem::take(&mut group));
        }
        gap += 1;
        if is_between(c) && gap <= BETWEEN && !run.groups.is_empty() {
            between = Some(c);
        } else if c == '(' && run.groups.is_empty() {
            // (020) 123 45 67
        } else {
            if !run.groups.is_empty() {
                runs.push(std::mem::take(&mut run));
            }
            run.plus = c == '+';
            (between, gap) = (None, 0);
        }
    }
    runs
}

/// The digit that a character is, in any of the scripts people have keyboards for.
fn digit(c: char) -> Option<char> {
    const ZEROS: [u32; 7] = [0x30, 0x660, 0x6f0, 0x966, 0xff10, 0x9e6, 0xe50];
    let code = u32::from(c);
    let value =
        ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

const fn is_between(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '.' | '-' | '/' | '(' | ')' | '_' | '\u{2010}'
            ..='\u{2015}' | '\u{b7}' | '\u{2022}' | '\t'
    )
}

impl Run {
    fn personal(&self) -> Option<Personal> {
        let mut from = 0;
        let mut found = None;
        let mut at = 0;
        while at < self.groups.len() {
            if self.is_date(at) {
                found = found.or_else(|| self.within(from, at));
                at += 3;
                from = at;
            } else {
                at += 1;
            }
        }
        found.or_else(|| self.within(from, self.groups.len()))
    }

    /// What any groups that follow each other, between these two places, make together.
    fn within(&self, from: usize, to: usize) -> Option<Personal> {
        (from..to).find_map(|first| {
            let mut digits = String::new();
            (first..to).find_map(|last| {
                digits.push_str(self.groups.get(last)?);
                let groups = self.groups.get(first..=last)?;
                judged(&digits, groups, self.plus && first == 0)
            })
        })
    }

    /// Whether three groups from here on are a date: 1-6-2026, 2026-06-01.
    fn is_date(&self, at: usize) -> bool {
        let number = |place: usize| self.groups.get(at + place)?.parse::<u32>().ok();
        let between = |place: usize| self.before.get(at + place).copied().flatten();
        let (Some(a), Some(b), Some(c)) = (number(0), number(1), number(2)) else { return false };
        let marks = [between(1), between(2)];
        let same = marks[0] == marks[1] && matches!(marks[0], Some('-' | '/' | '.'));
        let year = |n| (1900..2100).contains(&n);
        let day = |n| (1..=31).contains(&n);
        same && (1..=12).contains(&b) && ((year(a) && day(c)) || (day(a) && year(c)))
    }
}

fn judged(digits: &str, groups: &[String], plus: bool) -> Option<Personal> {
    let len = digits.len();
    if len > 19 {
        return None;
    }
    // Short groups alone are a list of small numbers.
    let solid = groups.len() == 1 || groups.iter().any(|group| group.len() >= 3);
    if is_telephone(digits, plus) {
        return Some(Personal::Telephone);
    }
    if solid && matches!(len, 8 | 9) && passes_eleven_test(digits) {
        return Some(Personal::CitizenNumber);
    }
    if solid && (13..=19).contains(&len) && passes_luhn(digits) {
        return Some(Personal::Card);
    }
    None
}

/// Whether digits are dialled like this: abroad, in the Netherlands, or without the first zero.
fn is_telephone(digits: &str, plus: bool) -> bool {
    let len = digits.len();
    let rest = |prefix| digits.strip_prefix(prefix).filter(|rest: &&str| !rest.starts_with('0'));
    (plus && (8..=15).contains(&len))
        || (rest("00").is_some() && (10..=17).contains(&len))
        || (rest("0").is_some() && len == 10)
        || (rest("31").is_some() && len == 11)
        || (digits.starts_with('6') && len == 9)
}

fn values(digits: &str) -> impl DoubleEndedIterator<Item = u32> {
    digits.chars().filter_map(|c| c.to_digit(10))
}

/// The eleven-test of a citizen service number; with eight digits, a zero stands before them.
fn passes_eleven_test(digits: &str) -> bool {
    let (mut sum, mut all) = (0_i64, 0);
    for (place, value) in (1_i64..).zip(values(digits).rev()) {
        let weight = if place == 1 { -1 } else { place };
        sum += weight * i64::from(value);
        all += value;
    }
    all > 0 && sum % 11 == 0
}

fn passes_luhn(digits: &str) -> bool {
    let mut all = 0;
    let sum: u32 = values(digits)
        .rev()
        .enumerate()
        .map(|(place, value)| {
            all += value;
            match place % 2 {
                0 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum();
    all > 0 && sum.is_multiple_of(10)
}

/// How long an IBAN is, by its country.
const IBANS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("TR", 26),
];

fn holds_iban(text: &str) -> bool {
    let chars: Vec<char> = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| digit(c).unwrap_or_else(|| c.to_ascii_uppercase()))
        .collect();
    (0..chars.len()).any(|at| {
        let starts = at.checked_sub(1).and_then(|before| chars.get(before));
        !starts.is_some_and(char::is_ascii_alphanumeric) && chars.get(at..).is_some_and(is_iban)
    })
}

/// Whether a text begins with an IBAN, with or without spaces in it.
fn is_iban(text: &[char]) -> bool {
    let country: String = text.iter().take(2).collect();
    let Some((_, len)) = IBANS.iter().find(|(name, _)| *name == country) else { return false };
    let mut found = String::new();
    for c in text {
        if c.is_ascii_alphanumeric() {
            found.push(*c);
        } else if !is_between(*c) {
            break;
        }
        if found.len() == *len {
            break;
        }
    }
    let checked = found.get(2..4).is_some_and(|two| two.bytes().all(|b| b.is_ascii_digit()));
    if found.len() < *len || !checked {
        return false;
    }
    // Mod 97 over the digits, letters as two of them, with the first four moved to the end.
    let (head, tail) = found.split_at(4);
    let remainder = tail.chars().chain(head.chars()).try_fold(0_u32, |rest, c| {
        let value = c.to_digit(36)?;
        Some(if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 })
    });
    remainder == Some(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_people_are_found_in_the_forms_people_write() {
        let cases = [
            (Personal::CitizenNumber, "bsn 111222333"),
            (Personal::CitizenNumber, "BSN: 1112.22.333, zegt hij"),
            (Personal::CitizenNumber, "123456782"),
            (Personal::CitizenNumber, "nr 10000008 op de brief"),
            (
                Personal::CitizenNumber,
                "zie\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}\u{ff17}\u{ff18}\u{ff12}",
            ),
            (Personal::CitizenNumber, "123\u{200b}456\u{200b}782"),
            (Personal::CitizenNumber, "5 111222333"),
            (Personal::Telephone, "bel 06-12345678 terug"),
            (Personal::Telephone, "06 12 34 56 78"),
            (Personal::Telephone, "(020) 123 45 67"),
            (Personal::Telephone, "+31 (0)20 123 45 67"),
            (Personal::Telephone, "0031612345678"),
            (Personal::Telephone, "+32 470 12 34 56"),
            (Personal::Telephone, "tel:31612345678"),
            (Personal::Telephone, "612345678"),
            (Personal::Telephone, "\u{660}\u{666}12345678"),
            (Personal::BankAccount, "NL91 ABNA 0417 1643 00"),
            (Personal::BankAccount, "op nl91abna0417164300."),
            (Personal::BankAccount, "IBAN:DE89-3704-0044-0532-0130-00"),
            (Personal::Card, "4111 1111 1111 1111"),
            (Personal::Card, "kaart 5500-0000-0000-0004 gebruikt"),
        ];
        for (expected, text) in cases {
            assert_eq!(personal_number(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn dates_times_amounts_and_references_are_no_numbers_of_people() {
        for text in [
            "",
            "goede uitleg van de opzegtermijn",
            "2026-06-01 10:15, nog eens op 01-06-2026 om 14.30",
            "op 1/6/2026 en 2/6/2026 gebeld",
            "€ 1.250,00 teruggestort, 3 x 14 dagen",
            "ticket 2026-118",
            "op 10 20 30 40 seconden",
            "postcode 1234 AB, huisnummer 12",
            "00000000",
            "versie 10.0.22.1",
            "NL is het land",
            "112 en 0800-1234",
        ] {
            assert_eq!(personal_number(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "\\PC{0,200}") {
            let _: Option<Personal> = personal_number(&text);
        }

        #[test]
        fn a_dutch_number_is_found_wherever_its_spaces_are(
            digits in "[1-9][0-9]{8}", spaces in proptest::collection::vec(any::<bool>(), 9),
        ) {
            let mut text = String::from("terugbellen: 0");
            for (digit, space) in digits.chars().zip(spaces) {
                text.push(digit);
                if space {
                    text.push(' ');
                }
            }
            prop_assert!(personal_number(&text).is_some(), "{text}");
        }
    }
}
