//! The base framing protocol, RFC 6455 §5.2.

mod header;
mod opcode;

pub use header::FrameHeader;
pub(crate) use header::FrameStart;
pub use opcode::Opcode;

/// The longest payload of a control frame, §5.5.
pub(crate) const MAX_CONTROL_LEN: usize = 125;
