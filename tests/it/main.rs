//! The tests that look at callvault from outside, in one program.

mod audio_corpus;
