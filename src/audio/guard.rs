//! A fence around decoders: a panic on hostile bytes becomes an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::Error;

thread_local! {
    /// How many fences this thread stands in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

static HOOK: Once = Once::new();

/// Runs `f`; a panic in it becomes [`Error::Decoder`] and is not printed.
///
/// A panic message can quote what it choked on, so it must not reach a log. Panics outside are
/// reported by whatever hook was there before.
pub fn guarded<T>(f: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.try_with(Cell::get).unwrap_or(0) == 0 {
                before(info);
            }
        }));
    });
    DEPTH.set(DEPTH.get() + 1);
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    DEPTH.set(DEPTH.get() - 1);
    outcome.unwrap_or(Err(Error::Decoder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_is_an_error_outside() {
        let outcome: Result<(), Error> = guarded(|| panic!("hostile bytes"));
        assert!(matches!(outcome, Err(Error::Decoder)));
    }

    #[test]
    fn fences_nest_and_what_is_returned_passes_through() {
        let outcome = guarded(|| {
            let inner: Result<(), Error> = guarded(|| panic!("hostile bytes"));
            assert!(matches!(inner, Err(Error::Decoder)));
            assert_eq!(DEPTH.get(), 1, "the outer fence still stands");
            Ok(7)
        });
        assert_eq!(outcome.unwrap(), 7);
        assert_eq!(DEPTH.get(), 0);
        assert!(matches!(guarded(|| Err::<(), _>(Error::NotAudio)), Err(Error::NotAudio)));
    }
}
