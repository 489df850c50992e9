//! What the addon keeps for one environment: a worker thread has its own.

use bowsprit_proto::{Sender, deflate::Decompressor};
use slab::Slab;

use crate::{
    compression::{Compression, Decompression, Pool},
    heartbeat::Heartbeats,
    incoming::Incoming,
    slots::Slots,
};

/// The state of one environment.
#[derive(Default)]
pub(crate) struct Addon {
    /// Receiving halves, by the number that JavaScript knows them by.
    pub(crate) incoming: Slots<Box<Incoming>>,
    /// Sending halves with a fragmented message.
    pub(crate) outgoing: Slab<Sender>,
    pub(crate) heartbeats: Heartbeats,
    pub(crate) compressions: Slots<Compression>,
    pub(crate) decompressions: Slots<Decompression>,
    pub(crate) compressors: Pool,
    /// Contexts of receivers whose messages do not refer to earlier ones.
    pub(crate) decompressors: Vec<Decompressor>,
}
