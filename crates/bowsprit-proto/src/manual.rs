//! How to write a driver, with a run loop that is compiled and run.
//!
//! A driver connects this crate to a transport. It owns the socket, the clock and the buffers; the
//! protocol's rules are in this crate. One connection needs a
//! [`ReceiveBuffer`](crate::ReceiveBuffer), an [`Output`](crate::Output), and a
//! [`Receiver`](crate::Receiver) and [`Sender`](crate::Sender), joined in a
//! [`Connection`](crate::Connection). A driver that keeps the two halves in different places
//! implements [`Respond`](crate::Respond) to connect them.
//!
//! # The loop
//!
//! 1. Call `receive`. On [`Progress::NeedData`](crate::Progress::NeedData) write the output, *then*
//!    read. So everything that results from one read goes out in one write.
//! 2. On any other [`Progress`](crate::Progress) process the event and call `receive` again: one
//!    read may contain many messages.
//! 3. On an error write the output, which contains the close frame, and close the transport.
//!
//! ```
//! use std::io::{self, Read, Write};
//!
//! use bowsprit_proto::{
//!     Connection, Event, Limits, Output, Progress, ReceiveBuffer, Receiver, Role, Sender, State,
//! };
//!
//! /// Echoes messages until the connection is closed.
//! fn echo(mut transport: impl Read + Write) -> io::Result<()> {
//!     let receiver = Receiver::new(Role::Server, Limits::SERVER);
//!     let mut connection = Connection::new(receiver, Sender::server());
//!     let mut input = ReceiveBuffer::new();
//!     let mut output = Output::new();
//!     while connection.state() != State::Closed {
//!         match connection.receive(&mut input, &mut output).progress {
//!             Ok(Progress::NeedData) => {
//!                 write_out(&mut transport, &mut output)?;
//!                 match transport.read(input.spare_mut())? {
//!                     0 => return Err(io::ErrorKind::UnexpectedEof.into()),
//!                     len => input.advance(len),
//!                 }
//!             }
//!             Ok(_) => {
//!                 let sender = connection.sender();
//!                 let sent = match input.event() {
//!                     Some(Event::Text(text)) => sender.text(text, &mut output),
//!                     Some(Event::Binary(bytes)) => sender.binary(bytes, &mut output),
//!                     _ => Ok(()),
//!                 };
//!                 sent.map_err(io::Error::other)?;
//!             }
//!             Err(error) => {
//!                 write_out(&mut transport, &mut output)?;
//!                 return Err(io::Error::other(error));
//!             }
//!         }
//!     }
//!     write_out(&mut transport, &mut output)
//! }
//!
//! fn write_out(transport: &mut impl Write, output: &mut Output) -> io::Result<()> {
//!     while !output.is_empty() {
//!         let slices: Vec<_> = output.slices().map(io::IoSlice::new).collect();
//!         let written = transport.write_vectored(&slices)?;
//!         output.advance(written);
//!     }
//!     Ok(())
//! }
//! # struct Peer(io::Cursor<Vec<u8>>, Vec<u8>);
//! # impl Read for Peer {
//! #     fn read(&mut self, to: &mut [u8]) -> io::Result<usize> { self.0.read(to) }
//! # }
//! # impl Write for Peer {
//! #     fn write(&mut self, from: &[u8]) -> io::Result<usize> { self.1.write(from) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! # let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! # let close = [0x88, 0x80, 0, 0, 0, 0];
//! # let mut peer = Peer(io::Cursor::new([&hello[..], &close].concat()), Vec::new());
//! # struct Borrowed<'p>(&'p mut Peer);
//! # impl Read for Borrowed<'_> {
//! #     fn read(&mut self, to: &mut [u8]) -> io::Result<usize> { self.0.read(to) }
//! # }
//! # impl Write for Borrowed<'_> {
//! #     fn write(&mut self, from: &[u8]) -> io::Result<usize> { self.0.write(from) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! # echo(Borrowed(&mut peer)).unwrap();
//! # assert_eq!(peer.1, *b"\x81\x05Hello\x88\x00");
//! ```
//!
//! # What is left to the driver
//!
//! * **The handshake's HTTP.** [`handshake`](crate::handshake) creates and checks requests and
//!   responses. Pass bytes that were read after the head to [`ReceiveBuffer::extend`].
//! * **Closing the transport.** The server closes it as soon as both close frames have been
//!   exchanged ([`State::Closed`](crate::State::Closed)). The client waits a while for the server
//!   to do so, §7.1.1. Both need a timeout: see the next point.
//! * **Time.** Tick [`Timers`](crate::timers::Timers) a few times a second: they say what to do
//!   about peers that are silent, accept no data, or do not answer a close frame. Limit what peers
//!   send with a [`RateLimiter`](crate::timers::RateLimiter), in
//!   [`Respond::count`](crate::Respond::count). Implement a timeout for the opening handshake
//!   yourself.
//! * **Backpressure.** Stop reading, or sending, while [`Output::len`] is large.
//! * **Randomness.** A client's [`MaskingKeys`](crate::MaskingKeys) and nonce must come from the
//!   operating system.
//! * **Memory.** Lend blocks from a pool with [`ReceiveBuffer::replace_block`] and
//!   [`Output::set_block`], and take them back before waiting. To use something other than vectors,
//!   such as mappings, or memory that already holds the input, implement [`Block`](crate::Block)
//!   for it.
//! * **Payloads without a copy.** To send a payload directly from its own memory, not through an
//!   [`Output`](crate::Output), get its header from [`Sender::message_header`].
//!
//! [`Sender::message_header`]: crate::Sender::message_header
//! [`ReceiveBuffer`]: crate::ReceiveBuffer
//! [`ReceiveBuffer::extend`]: crate::ReceiveBuffer::extend
//! [`ReceiveBuffer::replace_block`]: crate::ReceiveBuffer::replace_block
//! [`Output::len`]: crate::Output::len
//! [`Output::set_block`]: crate::Output::set_block
