//! Passwords: argon2id with the parameters OWASP names (19 MiB, two passes), in PHC strings.
//!
//! Hashing takes some 50 ms and 19 MiB by design: whoever calls this keeps it off the async threads
//! and bounds how many run at once.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use zeroize::Zeroizing;

use super::error::Error;
use super::secret::random;

/// What a generated password is made of: no letters that look like others.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789+";

/// Letters of a generated password, and after how many of them a dash makes it readable: 100 bits.
const LENGTH: usize = 20;
const GROUP: usize = 5;

/// Hashes a password with a salt of its own.
pub fn hash_password(password: &str) -> Result<String, Error> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|_| Error::Random)
}

/// A hash of no password, under the same parameters: the work for a name that nobody has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether this is the password that was hashed. Without a hash it takes as long, and is not.
#[must_use]
pub fn verify_password(password: &str, hash: Option<&str>) -> bool {
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let known = parsed.is_some();
    let Some(hash) = parsed.or_else(|| PasswordHash::new(NOBODY).ok()) else { return false };
    let fits = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    fits && known
}

/// A password that nobody has to think of.
pub fn generate() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0_u8; LENGTH]);
    random(bytes.as_mut_slice())?;
    let mut password = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 && n % GROUP == 0 {
            password.push('-');
        }
        let letter = LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'x');
        password.push(char::from(letter));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_itself_and_no_other_and_nobody_has_none() {
        let hash = hash_password("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hash_password("correct horse battery").unwrap(), "salted");
        assert!(verify_password("correct horse battery", Some(&hash)));
        assert!(!verify_password("correct horse batterx", Some(&hash)));
        assert!(!verify_password("", Some(&hash)));
        assert!(PasswordHash::new(NOBODY).is_ok(), "it takes the same work");
        assert!(!verify_password("correct horse battery", None));
        assert!(!verify_password("correct horse battery", Some("not a hash")));
    }

    #[test]
    fn generated_ones_are_long_and_never_the_same() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(*one, *other);
        assert_eq!(one.len(), 23);
    }
}
