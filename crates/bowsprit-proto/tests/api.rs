//! The protocol as seen from outside the crate, one file for each part of RFC 6455.
//!
//! A line `RFC: 5.2-2, 5.5-1` in a test's documentation names the requirements that it covers;
//! `scripts/checklist` compares them with `conformance/checklist.tsv`.

#![expect(clippy::unwrap_used, reason = "a test may stop where it is surprised")]

mod api {
    mod buffers;
    mod chunking;
    mod closing;
    mod control;
    mod deflate;
    #[cfg(feature = "zlib")]
    mod deflate_backends;
    mod deflate_blocks;
    mod deflate_bounds;
    mod deflate_chunking;
    mod deflate_codec;
    mod deflate_contexts;
    mod deflate_messages;
    mod deflate_negotiation;
    mod deflate_pauses;
    mod deflate_reasons;
    mod encoded;
    mod exhaustive;
    mod exports;
    mod extended_connect;
    mod first_bytes;
    mod fragment_compression;
    mod fragmentation;
    mod framing;
    mod grammar;
    mod header_lists;
    mod headers;
    mod hosts;
    mod lending;
    mod limits;
    mod masking;
    mod negotiation;
    mod opening_client;
    mod opening_server;
    mod origin;
    mod output;
    mod pair;
    mod policies;
    mod queue;
    mod queue_compression;
    mod queue_model;
    mod queue_properties;
    mod queue_shared;
    mod queue_turns;
    mod queue_waitlist;
    mod reference;
    mod responding;
    mod rfc1951;
    mod sending;
    mod streams;
    mod summary;
    mod timers;
    mod timers_properties;
    mod timers_rates;
    mod url;
    mod utf8;
}
