//! The receiving half: from input bytes to events, RFC 6455 §5 and §6.2.
//!
//! All state is in the struct, so a driver may stop anywhere and continue later; the events do not
//! depend on how the input is split. A violation is reported as soon as the first two bytes of its
//! frame, or else its header, show it; invalid UTF-8 is reported at its first invalid byte.

mod answering;
mod controlling;
mod decompressing;
mod header;
mod policy;

use alloc::boxed::Box;

use self::policy::Policy;
use super::{
    Block, Progress, ReceiveBuffer, Received, ReceivedData, Respond, Role,
    buffer::{Pending, Source},
    incoming::{Frame, InMessage, Step, bounded, phase},
    inflation::Inflation,
};
use crate::{
    Close, FrameHeader, Limits, MessageKind, Opcode, ProtocolError,
    deflate::{Deflate, Parameters},
    handshake::Version,
    utf8,
};

/// Decodes input into events.
#[derive(Debug)]
pub struct Receiver {
    role: Role,
    version: Version,
    limits: Limits,
    frame: Option<Frame>,
    message: Option<InMessage>,
    /// Set if compression was negotiated.
    inflation: Option<Box<Inflation>>,
    end: End,
    policy: Policy,
}

/// Why receiving has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Failed(ProtocolError),
}

impl Receiver {
    /// Creates the receiver for one end of a connection.
    #[must_use]
    pub const fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            version: Version::V13,
            limits,
            frame: None,
            message: None,
            inflation: None,
            end: End::Open,
            policy: Policy::new(),
        }
    }

    /// Sets the version that was negotiated in the handshake.
    #[must_use]
    pub const fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Enables the compression that was negotiated in the handshake. Only the backend of `deflate`
    /// is used.
    #[must_use]
    pub fn with_deflate(mut self, parameters: &Parameters, deflate: &Deflate) -> Self {
        let peer = match self.role {
            Role::Server => &parameters.client,
            Role::Client => &parameters.server,
        };
        self.inflation = Some(Box::new(Inflation::new(peer, deflate.backend)));
        self
    }

    /// Reads from `input` until a message or control frame is complete.
    ///
    /// A message that was begun by [`receive_chunk`](Self::receive_chunk) continues in chunks to
    /// its end. After the peer's close frame all further input is dropped.
    ///
    /// Control frames and protocol violations are passed to `peer`, which answers them. After a
    /// violation nothing more is received, and further calls return the same error.
    #[inline]
    pub fn receive<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        peer: &mut impl Respond,
    ) -> Received {
        self.receive_as(input, false, peer)
    }

    /// Reads from `input` until there is a chunk of a message, or a control frame.
    ///
    /// Messages are returned as [`Event::Chunk`](crate::Event::Chunk) as their bytes arrive,
    /// without waiting for whole frames. As no message is buffered whole, [`Limits`] do not apply,
    /// unless they are enabled by [`with_limits_in_chunks`](Self::with_limits_in_chunks).
    #[inline]
    pub fn receive_chunk<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        peer: &mut impl Respond,
    ) -> Received {
        self.receive_as(input, true, peer)
    }

    /// Whether nothing more will be received: the peer's close frame was received, or the
    /// connection has failed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        !matches!(self.end, End::Open)
    }

    /// Whether a message in progress has been returned in part, in chunks.
    #[must_use]
    pub fn is_in_chunks(&self) -> bool {
        self.message.is_some_and(|message| message.begun)
    }

    /// How many payload bytes of the frame in progress have not been received yet.
    #[must_use]
    pub fn frame_rest_len(&self) -> u64 {
        self.frame.map_or(0, |frame| frame.remaining)
    }

    #[inline]
    fn receive_as<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        chunks: bool,
        peer: &mut impl Respond,
    ) -> Received {
        let mut received = self.run(input, chunks);
        self.answer(&mut received, input, peer);
        received
    }

    #[inline(never)]
    fn run<B: Block>(&mut self, input: &mut ReceiveBuffer<B>, chunks: bool) -> Received {
        if self.is_closed() {
            return self.after_end(input);
        }
        input.release();
        // The usual case after a single message: the driver calls once more.
        if self.frame.is_none() && input.unparsed_len() == 0 {
            input.want(u64::MAX);
            return Received { progress: Ok(Progress::NeedData), data_frames: 0, inflated_len: 0 };
        }
        let short = if chunks { None } else { self.short_message(input) };
        match short {
            Some(Ok(data)) => {
                let progress = Ok(Progress::Data(data));
                Received { progress, data_frames: 1, inflated_len: 0 }
            }
            Some(Err(error)) => self.sum_up(Err(error), 1),
            None => self.receive_other(input, chunks),
        }
    }

    #[inline(never)]
    fn receive_other<B: Block>(&mut self, input: &mut ReceiveBuffer<B>, chunks: bool) -> Received {
        let mut data_frames = 0;
        let progress = self.step_until_event(input, chunks, &mut data_frames);
        self.sum_up(progress, data_frames)
    }

    /// Makes the result of a call, with the work that it took.
    #[inline]
    fn sum_up(&mut self, progress: Result<Progress, ProtocolError>, data_frames: u32) -> Received {
        let inflated_len = self.inflation.as_mut().map_or(0, |inflation| inflation.take_work());
        Received { progress, data_frames, inflated_len }
    }

    fn step_until_event<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        chunks: bool,
        data_frames: &mut u32,
    ) -> Result<Progress, ProtocolError> {
        loop {
            let frame = match self.frame {
                Some(frame) => frame,
                None if input.unparsed_len() == 0 => {
                    input.want(u64::MAX);
                    return Ok(Progress::NeedData);
                }
                None => match self.parse_header(input)? {
                    None => return Ok(Progress::NeedData),
                    Some(header) => {
                        *data_frames += u32::from(!header.opcode.is_control());
                        if !chunks && self.is_whole_message(&header, input) {
                            return input.whole_message(&header).map(Progress::Data);
                        }
                        self.begin_frame(header)
                    }
                },
            };
            let event = if frame.header.opcode.is_control() {
                self.control(frame.header, input)?
            } else {
                self.data(frame, input, chunks)?
            };
            match event {
                Step::Event(progress) => return Ok(progress),
                Step::NeedData(wanted) => {
                    input.want(wanted);
                    return Ok(Progress::NeedData);
                }
                Step::NextFrame => {}
            }
        }
    }

    /// Begins a frame, and a message if it is the message's first frame.
    #[inline(never)]
    fn begin_frame(&mut self, header: FrameHeader) -> Frame {
        match header.opcode {
            Opcode::Text => self.begin_message(MessageKind::Text, header.rsv1),
            Opcode::Binary => self.begin_message(MessageKind::Binary, header.rsv1),
            _ => {}
        }
        if !header.opcode.is_control() {
            self.count_fragment(header.payload_len);
        }
        let frame = Frame { header, remaining: header.payload_len };
        self.frame = Some(frame);
        frame
    }

    fn begin_message(&mut self, kind: MessageKind, compressed: bool) {
        self.message = Some(InMessage {
            kind,
            fragments: 0,
            len: 0,
            utf8: utf8::Validator::new(),
            begun: false,
            compressed,
            checked: kind == MessageKind::Text && !self.policy.takes_any_text,
        });
        if let Some(inflation) = self.inflation.as_mut().filter(|_| compressed) {
            inflation.begin_message();
        }
    }

    /// Adds a frame to the message in progress.
    fn count_fragment(&mut self, payload_len: u64) {
        let Some(message) = &mut self.message else { return };
        message.len = message.len.saturating_add(payload_len);
        message.fragments = message.fragments.saturating_add(1);
    }

    /// Processes the payload bytes of a data frame that have arrived.
    #[inline(never)]
    fn data<B: Block>(
        &mut self,
        mut frame: Frame,
        input: &mut ReceiveBuffer<B>,
        chunks: bool,
    ) -> Result<Step, ProtocolError> {
        let message = self.message.as_mut().ok_or(ProtocolError::ContinuationUnexpected)?;
        let chunks = chunks || message.begun;
        if !chunks || self.policy.limits_chunks {
            message.check(self.limits)?;
        }
        if message.compressed {
            return self.compressed_data(frame, input, chunks);
        }
        let len = bounded(frame.remaining, input.unparsed_len());
        let offset = phase(frame.header.payload_len - frame.remaining);
        let joined = input.join(len, frame.header.masking_key, offset);
        if message.checked {
            // §8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the
            // byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the
            // WebSocket Connection_."
            message.utf8.push(joined).map_err(|_| ProtocolError::TextUtf8)?;
        }
        frame.remaining -= len as u64;
        self.frame = (frame.remaining > 0).then_some(frame);
        let last = frame.remaining == 0 && frame.header.fin;
        if last {
            message.utf8.finish().map_err(|_| ProtocolError::TextUtf8)?;
        }
        if chunks {
            let held = if self.policy.cuts_characters { 0 } else { message.utf8.pending() };
            if last || input.message_len() > held {
                return Ok(Step::Event(self.chunk(last, held, Source::Block, input)));
            }
        } else if last {
            return Ok(Step::Event(self.message(Source::Block, input)));
        }
        Ok(match frame.remaining {
            0 => Step::NextFrame,
            rest if frame.header.fin => Step::NeedData(rest),
            _ => Step::NeedData(u64::MAX),
        })
    }

    /// Completes the message in progress.
    fn message<B: Block>(&mut self, source: Source, input: &mut ReceiveBuffer<B>) -> Progress {
        let (kind, shown, wire_len) = match self.message.take() {
            Some(message) => (message.kind, message.shown_kind(), message.len),
            None => (MessageKind::Binary, MessageKind::Binary, 0),
        };
        let len = input.complete(Pending::Message { kind: shown, source });
        Progress::Data(ReceivedData {
            kind,
            first: true,
            last: true,
            ends_frame: true,
            len,
            wire_len,
        })
    }

    /// Completes a chunk of what there is of the message in progress.
    fn chunk<B: Block>(
        &mut self,
        last: bool,
        held: usize,
        source: Source,
        input: &mut ReceiveBuffer<B>,
    ) -> Progress {
        let Some(message) = &mut self.message else { return Progress::NeedData };
        let (kind, wire_len, first) = (message.kind, message.len, !message.begun);
        message.begun = true;
        let len = input.complete(Pending::Chunk {
            kind: message.shown_kind(),
            first,
            last,
            held,
            source,
        });
        if last {
            self.message = None;
        }
        let ends_frame = self.frame.is_none();
        Progress::Data(ReceivedData { kind, first, last, ends_frame, len, wire_len })
    }

    /// Processes a control frame once it is complete.
    ///
    /// §5.4: "Control frames MAY be injected in the middle of a fragmented message."
    #[inline(never)]
    fn control<B: Block>(
        &mut self,
        header: FrameHeader,
        input: &mut ReceiveBuffer<B>,
    ) -> Result<Step, ProtocolError> {
        if header.payload_len > input.unparsed_len() as u64 {
            return Ok(Step::NeedData(u64::MAX));
        }
        self.frame = None;
        let len = bounded(header.payload_len, input.unparsed_len());
        let span = input.unmask_control(len, header.masking_key);
        let (event, progress) = match header.opcode {
            Opcode::Ping => (Pending::Ping(span), Progress::Ping),
            Opcode::Close => {
                let any_text = self.policy.takes_any_text;
                Close::parse(input.bytes(span.clone()), self.version, any_text)?;
                self.end = End::Closed;
                (Pending::Close(span, self.version), Progress::Close)
            }
            _ => (Pending::Pong(span), Progress::Pong),
        };
        input.complete(event);
        Ok(Step::Event(progress))
    }
}
