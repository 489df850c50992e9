//! One message for many connections.
//!
//! [`Topics`] are named sets of connections. [`Topics::publish`] and
//! [`Server::broadcast`](crate::Server::broadcast) return a [`Publication`]: await it, or send it
//! without waiting. Its [`Delivery`] counts what became of it, and a [`SlowConsumerPolicy`] says
//! what happens to connections that do not keep up.
//!
//! ```
//! use bowsprit::{Topics, topics::SlowConsumerPolicy};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let topics = Topics::new().slow_consumers(SlowConsumerPolicy::DropOldest);
//! let delivery = topics.publish("news", "hello").await;
//! assert_eq!(delivery.queued, 0, "nobody has joined");
//! # }
//! ```

pub use bowsprit_proto::queue::SlowConsumerPolicy;

pub use crate::hub::{Delivery, Publication, Topics};
