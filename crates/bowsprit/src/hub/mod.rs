//! One message for many connections.

mod topic;
mod topics;

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use self::topic::Topic;
pub use self::topics::Topics;
use bowsprit_proto::queue::Offered;

use crate::{Handle, SlowConsumerPolicy, prepared::Offer};

/// The outcome of a publication.
///
/// ```
/// use bowsprit::Server;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = Server::builder().build();
/// let delivery = server.broadcast("is anybody there?").await;
/// assert_eq!((delivery.queued, delivery.dropped, delivery.closed), (0, 0, 0));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// How many connections it was queued for.
    pub queued: usize,
    /// How many messages were dropped in all: this one, or older ones to make room for it.
    pub dropped: usize,
    /// How many slow connections are being closed because of it.
    pub closed: usize,
}

/// A message to many connections. It is sent when it is awaited, or by
/// [`send_now`](Self::send_now).
///
/// It is framed once, and compressed once for each set of parameters, as
/// [`PreparedMessage`](crate::PreparedMessage) says.
///
/// ```no_run
/// use bowsprit::{Server, WebSocket, topics::SlowConsumerPolicy};
///
/// async fn say(server: &Server, ws: &WebSocket, text: &str) {
///     let publication = server.broadcast(text).except(&ws.handle());
///     let delivery = publication.slow_consumers(SlowConsumerPolicy::DropNewest).await;
///     println!("{} others hear it", delivery.queued);
/// }
/// ```
#[must_use = "a publication is sent by awaiting it or calling `send_now`"]
pub struct Publication {
    offer: Offer,
    except: Option<Handle>,
    receivers: Box<dyn Iterator<Item = Handle> + Send + Sync>,
    topic: Option<Arc<Topic>>,
}

impl Publication {
    pub(crate) fn new(
        offer: Offer,
        receivers: impl Iterator<Item = Handle> + Send + Sync + 'static,
    ) -> Self {
        Self { offer, except: None, receivers: Box::new(receivers), topic: None }
    }

    /// With a place in the order of this topic's publications.
    fn of(self, topic: Arc<Topic>) -> Self {
        Self { topic: Some(topic), ..self }
    }

    /// Skips one connection, such as the sender's.
    ///
    /// ```no_run
    /// # use bowsprit::{Topics, WebSocket};
    /// fn say(topics: &Topics, ws: &WebSocket, text: &str) {
    ///     topics.publish("lobby", text).except(&ws.handle()).send_now();
    /// }
    /// ```
    pub fn except(mut self, sender: &Handle) -> Self {
        self.except = Some(sender.clone());
        self
    }

    /// What to do with connections whose queue is full.
    ///
    /// ```no_run
    /// # use bowsprit::Topics;
    /// use bowsprit::topics::SlowConsumerPolicy;
    ///
    /// async fn tick(topics: &Topics, price: &str) {
    ///     topics.publish("prices", price).slow_consumers(SlowConsumerPolicy::KeepLatest).await;
    /// }
    /// ```
    pub const fn slow_consumers(mut self, slow: SlowConsumerPolicy) -> Self {
        self.offer.policy = slow;
        self
    }

    /// Sends the message without waiting. Connections that [`SlowConsumerPolicy::Wait`] would wait
    /// for do not get it.
    #[expect(clippy::must_use_candidate, reason = "what it returns is of interest to few")]
    pub fn send_now(self) -> Delivery {
        self.send(false).0
    }

    /// Offers it to all. Returns those who have no room yet, where somebody can wait for them.
    fn send(mut self, can_wait: bool) -> (Delivery, Offer, Vec<Handle>) {
        match self.topic.take() {
            Some(topic) => topic.in_order(|| self.offer_to_all(can_wait)),
            None => self.offer_to_all(can_wait),
        }
    }

    fn offer_to_all(self, can_wait: bool) -> (Delivery, Offer, Vec<Handle>) {
        let Self { mut offer, except, receivers, .. } = self;
        let (mut delivery, mut waiting) = (Delivery::default(), Vec::new());
        for receiver in receivers.filter(|receiver| Some(receiver) != except.as_ref()) {
            let offered = receiver.publish(&mut offer, can_wait);
            if delivery.count(offered) {
                waiting.push(receiver);
            }
        }
        (delivery, offer, waiting)
    }

    async fn deliver(self) -> Delivery {
        let topic = self.topic.clone().filter(|_| self.offer.policy == SlowConsumerPolicy::Wait);
        let _turn = match &topic {
            Some(topic) => Some(topic.wait_for_others().await),
            None => None,
        };
        let (mut delivery, mut offer, waiting) = self.send(true);
        for receiver in waiting {
            delivery.count(receiver.link().publish_later(&mut offer).await);
        }
        delivery
    }
}

impl Delivery {
    /// Notes what one connection has made of the offer. Whether there is still to be waited for it.
    const fn count(&mut self, offered: Offered) -> bool {
        match offered {
            Offered::Queued { dropped } => {
                self.queued += 1;
                self.dropped += dropped;
            }
            Offered::Dropped => self.dropped += 1,
            Offered::Closed => self.closed += 1,
            Offered::Gone => {}
            Offered::Full => return true,
        }
        false
    }
}

/// Sends it, waiting as [`SlowConsumerPolicy::Wait`] says; with other policies it is ready at once.
///
/// # Cancel safety
///
/// If the future is dropped while it waits, the message was sent to some of the connections or to
/// none. A future that is kept without being polled holds up other waiting publications of its
/// topic.
impl IntoFuture for Publication {
    type Output = Delivery;
    type IntoFuture = Pin<Box<dyn Future<Output = Delivery> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.deliver())
    }
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication")
            .field("slow_consumers", &self.offer.policy)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
