//! The public names: taking one away or moving it is a breaking change.

#[expect(unused_imports, reason = "that they are there is the test")]
use bowsprit_proto::{
    Block, Chunk, Close, CloseCode, Connection, Event, Fragment, FrameHeader, InvalidUrl, Limits,
    MaskingKeys, Message, MessageKind, Opcode, Output, Progress, ProtocolError, ReceiveBuffer,
    Receiver, Role, SendError, Sender, State, Url, UserInfo, Utf8Bytes,
    extension::{Extension, InvalidExtensions, Parameter, parse},
    handshake::{
        Accepted, ClientHandshake, ConnectProtocol, HandshakeError, HostPolicy, Negotiated, Offer,
        OriginPolicy, Policy, Rejection, RequestContext, SubprotocolPolicy, Version, accept_for,
        asks_for_websocket, basic_authorization, bearer_authorization, respond, respond_with,
    },
    mask::{apply_mask, copy_masked, copy_masked_to_slice},
    subprotocol::is_token,
    utf8::{InvalidUtf8, Validator, from_utf8},
};

const fn is_send<T: Send>() {}
const fn is_sync<T: Sync>() {}

#[test]
fn halves_and_buffers_can_move_between_threads() {
    is_send::<Connection>();
    is_send::<Receiver>();
    is_send::<Sender>();
    is_send::<Output>();
    is_send::<ReceiveBuffer>();
    is_sync::<Receiver>();
    is_sync::<Output>();
    is_sync::<ReceiveBuffer>();
    is_sync::<ClientHandshake>();
}

#[test]
fn errors_tell_what_was_wrong_and_no_more() {
    let errors: [Box<dyn core::error::Error>; 4] = [
        Box::new(ProtocolError::ReservedOpcode(3)),
        Box::new(SendError::Closed),
        Box::new(HandshakeError::Version),
        Box::new(InvalidUrl::Scheme),
    ];
    for error in errors {
        let message = error.to_string();
        assert!(!message.ends_with('.') && message.len() < 100, "{message}");
    }
}
