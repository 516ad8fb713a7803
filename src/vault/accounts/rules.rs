//! Which passwords there can be, after NIST SP 800-63B: long, not a well-known one, not the name. No
//! digits or marks that nobody remembers.

use super::key_of;
use crate::vault::error::Error;
use crate::vault::fields::bad;

/// Characters of a password.
const SHORTEST: usize = 12;
const LONGEST: usize = 200;

/// What people choose when twelve characters are asked for. Shorter ones are refused anyway.
const COMMON: &[&str] = &[
    "123123123123",
    "1234567890ab",
    "123456789012",
    "1234567890123",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u",
    "adminadminadmin",
    "administrator",
    "administrator1",
    "amsterdam1234",
    "changemeplease",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "footballfootball",
    "geheim123456",
    "hallohallo123",
    "iloveyou1234",
    "letmein123456",
    "password12345",
    "password123456",
    "passw0rd1234",
    "p@ssw0rd1234",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwerty1234567",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "qwertyuiop[]",
    "sunshine1234",
    "superman1234",
    "testtesttest1",
    "trustno1trustno1",
    "wachtwoord12",
    "wachtwoord123",
    "wachtwoord1234",
    "wachtwoord123!",
    "welcome12345",
    "welcome123456",
    "welkom123456",
    "welkom1234567",
    "welkom2025!!",
    "welkom2026!!",
    "zomer2026zomer",
];

/// Words everybody who attacks this vault tries first.
const OURS: &[&str] = &["callvault", "recording", "opname", "password", "wachtwoord", "welkom"];

/// Refuses a password that somebody would guess.
pub(super) fn check(password: &str, name: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(bad("new", "is 12 to 200 characters: a few words that do not belong together"));
    }
    if password.chars().any(char::is_control) {
        return Err(bad("new", "is text without control characters"));
    }
    let lower = password.to_lowercase();
    if COMMON.contains(&lower.as_str()) || is_repeated(&lower) || is_row(&lower) {
        return Err(bad("new", "is one of the first that are tried; choose another"));
    }
    let rest = OURS.iter().fold(lower.clone(), |rest, word| rest.replace(word, ""));
    let name = key_of(name);
    let without_name = if name.chars().count() >= 3 { rest.replace(&name, "") } else { rest };
    if without_name.chars().filter(|letter| letter.is_alphabetic()).count() < 4
        && without_name.len() < lower.len()
    {
        return Err(bad("new", "is little more than a name or a word everybody tries"));
    }
    Ok(())
}

/// Whether it is a piece of at most six characters, over and over.
fn is_repeated(password: &str) -> bool {
    let letters: Vec<char> = password.chars().collect();
    (1..=6).any(|piece| {
        letters.iter().zip(letters.iter().skip(piece)).all(|(letter, later)| letter == later)
    })
}

/// Whether each character is next to the one before it, up or down.
fn is_row(password: &str) -> bool {
    let codes: Vec<u32> = password.chars().map(u32::from).collect();
    let steps = || codes.iter().zip(codes.iter().skip(1));
    steps().all(|(one, next)| one.wrapping_add(1) == *next)
        || steps().all(|(one, next)| next.wrapping_add(1) == *one)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_is_guessed_first_is_refused_and_a_few_words_are_not() {
        for bad in [
            "short",
            "elevenchars",
            "Wachtwoord123",
            "correct horse battery staple",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabc",
            "abcdefghijklm",
            "zyxwvutsrqponm",
            "123456789012",
            "callvault2026",
            "Anna de Vries1",
            "welkom anna de vries",
            "a password\nof lines",
        ] {
            assert!(check(bad, " ANNA  de Vries").is_err(), "{bad}");
        }
        assert!(check(&"x y".repeat(100), "anna").is_err(), "too long");
        for good in
            ["fiets kano tulp 8", "k7wq2-mmp4z-8rtvx-aa9bc", "twaalf tekens", "ééntweeéévier"]
        {
            assert!(check(good, "anna").is_ok(), "{good}");
        }
    }
}
