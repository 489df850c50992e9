//! How to write a driver, with a run loop that is compiled and run.
//!
//! A driver joins this crate to a transport. It owns the socket, the clock and the buffers; the
//! rules stay here. One connection needs a [`ReceiveBuffer`](crate::ReceiveBuffer), an
//! [`Output`](crate::Output), and a [`Receiver`](crate::Receiver) and
//! [`Sender`](crate::Sender), joined in a [`Connection`](crate::Connection). A driver that needs
//! them in two places implements [`Respond`](crate::Respond) for the way from one to the other.
//!
//! # The loop
//!
//! 1. Ask the connection what the input means. On [`Progress::NeedData`](crate::Progress::NeedData)
//!    write out the output, *then* read. So everything that a read led to leaves in one write.
//! 2. On any other [`Progress`](crate::Progress) look at the event and ask again: one read may hold
//!    many messages.
//! 3. On an error write out the output, which has the close frame, and close the transport.
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
//! * **The handshake's HTTP.** [`handshake`](crate::handshake) makes and judges requests and
//!   responses; bytes that came after the head go into [`ReceiveBuffer::extend`].
//! * **Closing the transport.** The server closes it as soon as both close frames are through
//!   ([`State::Closed`](crate::State::Closed)), the client waits a while for the server to do so,
//!   §7.1.1. Both give up after a time: see the next point.
//! * **Time.** Ask [`Timers`](crate::timers::Timers) a few times a second what to do about peers
//!   that are silent, take nothing, or do not answer a close frame, and count what peers send with
//!   a [`RateLimiter`](crate::timers::RateLimiter), in [`Respond::count`](crate::Respond::count). A
//!   time-out for the opening handshake is yours.
//! * **Backpressure.** Stop reading, or sending, while [`Output::len`] is large.
//! * **Randomness.** A client's [`MaskingKeys`](crate::MaskingKeys) and nonce come from the
//!   operating system.
//! * **Memory.** Lend blocks from a pool with [`ReceiveBuffer::replace_block`] and
//!   [`Output::set_block`], and take them back before waiting. Where blocks are to be something
//!   else than vectors, such as mappings, or memory in which the input is already, implement
//!   [`Block`](crate::Block) for a [`ReceiveBuffer`] over it.
//! * **Payloads elsewhere.** Where a payload is to be sent from where it is, not through an
//!   [`Output`](crate::Output), [`Sender::message_header`] makes the header for it.
//!
//! [`Sender::message_header`]: crate::Sender::message_header
//! [`ReceiveBuffer`]: crate::ReceiveBuffer
//! [`ReceiveBuffer::extend`]: crate::ReceiveBuffer::extend
//! [`ReceiveBuffer::replace_block`]: crate::ReceiveBuffer::replace_block
//! [`Output::len`]: crate::Output::len
//! [`Output::set_block`]: crate::Output::set_block
