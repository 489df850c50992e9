//! What memberships in topics take, counted by the allocator.
//!
//! One test, as others in the same process would be counted too.

#![cfg(all(feature = "client", feature = "server"))]

#[path = "../../bowsprit-proto/tests/memory/counting.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod counting;

use bowsprit::{Handle, Topics, testing};
use counting::Growth;

/// How many bytes each membership takes of a connection that joins so many topics.
fn membership_len(topics: &Topics, members: &[Handle], count: usize) -> usize {
    let growth = Growth::begin();
    for topic in 0..count {
        let name = format!("topic {topic}");
        assert!(members.iter().all(|member| topics.join(&name, member)));
    }
    let len = growth.now() / (count * members.len());
    let left =
        |topic: usize| members.iter().all(|member| topics.leave(&format!("topic {topic}"), member));
    assert!((0..count).all(left));
    len
}

#[tokio::test(start_paused = true)]
async fn memberships_take_what_the_documentation_says() {
    let mut pairs = Vec::new();
    for _ in 0..100 {
        pairs.push(testing::pair().await);
    }
    let members: Vec<_> = pairs.iter().map(|(_, server)| server.handle()).collect();
    let topics = Topics::new();
    // The first time brings what connections have only once.
    membership_len(&topics, &members, 1);
    // Tables double, so what one takes depends on how many there are: the most, and the least.
    let shared = [200, 225].map(|count| membership_len(&topics, &members, count));
    let own = [14_000, 15_000].map(|count| membership_len(&topics, &members[..1], count));
    println!("in a shared topic {shared:?} bytes, in one of its own {own:?}");
    assert!(shared.into_iter().all(|len| (20..=60).contains(&len)), "{shared:?}");
    assert!(own.into_iter().all(|len| (100..=200).contains(&len)), "{own:?}");
}
