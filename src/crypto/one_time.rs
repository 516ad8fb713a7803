//! Codes of a second factor (RFC 6238): six digits, new every half minute, as every app has them.

use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use super::error::Error;
use super::secret::random;

/// Seconds in which a code is the same.
pub const STEP: u64 = 30;

/// Bytes of the secret: what RFC 4226 recommends.
const LEN: usize = 20;

/// The secret of a second factor, under the name an app shows.
pub struct OneTime(Totp);

impl OneTime {
    /// A fresh one. Its bytes are to be sealed.
    pub fn fresh() -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut bytes = Zeroizing::new(vec![0; LEN]);
        random(&mut bytes)?;
        Ok(bytes)
    }

    /// From its bytes. A colon stands for something in the address, so none may be in the names.
    pub fn new(secret: &[u8], issuer: &str, name: &str) -> Result<Self, Error> {
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(1)
            .with_step_duration(STEP)
            .with_secret(Secret::new(secret.into()))
            .with_issuer(Some(issuer.replace(':', " ")))
            .with_account_name(name.replace(':', " "))
            .build();
        totp.map(Self).map_err(|_| Error::Open)
    }

    /// The step of a code that is right at this time, a step early or late included.
    #[must_use]
    pub fn step_of(&self, code: &str, seconds: u64) -> Option<u64> {
        self.0.check(code, seconds)
    }

    /// The code of a time.
    #[must_use]
    pub fn code(&self, seconds: u64) -> String {
        self.0.generate(seconds).to_string()
    }

    /// The secret as an app takes it typed.
    #[must_use]
    pub fn typed(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.secret().to_base32())
    }

    /// The secret as an app takes it from a picture.
    pub fn uri(&self) -> Result<Zeroizing<String>, Error> {
        self.0.to_url().map(Zeroizing::new).map_err(|_| Error::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard_a_step_early_or_late() {
        // RFC 6238, appendix B: the last six digits of its eight.
        let one = OneTime::new(b"12345678901234567890", "Voorbeeld: X", "anna").unwrap();
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
        {
            assert_eq!(one.code(seconds), code);
            assert_eq!(one.step_of(code, seconds), Some(seconds / 30));
            assert_eq!(one.step_of(code, seconds + 30), Some(seconds / 30));
            assert_eq!(one.step_of(code, seconds + 90), None);
        }
        for wrong in ["", "28708", "2870822", "abcdef", "２８７０８２"] {
            assert_eq!(one.step_of(wrong, 59), None, "{wrong}");
        }
        let uri = one.uri().unwrap();
        assert!(uri.starts_with("otpauth://totp/Voorbeeld%20%20X:anna?"), "{}", *uri);
        assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
        assert!(OneTime::new(b"short", "x", "y").is_err());
    }
}
