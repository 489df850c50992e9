//! Randomness from the operating system: masking keys and nonces, RFC 6455 §5.3, §10.3.

use std::cell::RefCell;

/// Bytes drawn from the operating system at a time: a system call serves this many / 4 frames.
const BATCH_LEN: usize = 4096;

struct Batch {
    bytes: Box<[u8; BATCH_LEN]>,
    used: usize,
}

thread_local! {
    static BATCH: RefCell<Batch> =
        RefCell::new(Batch { bytes: Box::new([0; BATCH_LEN]), used: BATCH_LEN });
}

/// A fresh masking key for one frame.
pub(crate) fn masking_key() -> [u8; 4] {
    random()
}

/// `N` bytes that nobody can predict.
///
/// # Panics
///
/// If the operating system has no randomness to give: then no key would be safe to use.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    BATCH.with_borrow_mut(|batch| {
        if batch.used + N > BATCH_LEN {
            getrandom::fill(&mut batch.bytes[..]).unwrap_or_else(|error| {
                panic!("the operating system gives no randomness: {error}")
            });
            batch.used = 0;
        }
        let mut bytes = [0; N];
        let drawn = &mut batch.bytes[batch.used..batch.used + N];
        bytes.copy_from_slice(drawn);
        // What was used once must not be read back from memory later.
        drawn.fill(0);
        batch.used += N;
        bytes
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// RFC: 5.3-2, 10.3-1
    #[test]
    fn masking_keys_do_not_repeat_beyond_chance() {
        let keys: HashSet<[u8; 4]> = (0..100_000).map(|_| masking_key()).collect();
        // Among 100,000 draws of 2^32 about 1.2 pairs are expected to be equal.
        assert!(keys.len() > 99_980, "{} different keys", keys.len());
    }
}
