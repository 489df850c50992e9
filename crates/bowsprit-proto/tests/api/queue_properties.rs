//! Whatever is done to a queue in whatever order, against a model.

use proptest::{collection::vec, prelude::*};

use super::queue_model::play;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// What was accepted arrives in order, but for what was reported as left out; nothing follows
    /// the close frame; limits hold; and what has an owner is never dropped by the queue.
    ///
    /// RFC: 5.4-4, 5.5.1-3
    #[test]
    fn what_was_accepted_arrives_in_order(bytes in vec(any::<u8>(), 1..400)) {
        play(&bytes);
    }
}
