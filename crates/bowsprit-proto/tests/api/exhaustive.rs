//! Every first two bytes of a frame, with every class of length, for both roles, against
//! [`reference`](super::reference).

use bowsprit_proto::{
    Event, Limits, Progress, ProtocolError, ReceiveBuffer, Receiver, Role, State,
};

use super::{
    pair::{BOTH, End, KEY, Seen, close_payload, frame, peer_of},
    reference::{Verdict, decode},
};

/// What may follow the first two bytes: extended lengths, cut or whole, minimal or not.
fn tails() -> Vec<Vec<u8>> {
    let lens16 = [0_u16, 1, 125, 126, 127, 255, 256, 65535].map(|len| len.to_be_bytes().to_vec());
    let lens64 = [0, 125, 126, 65535, 65536, 1 << 20, 1 << 62, 1 << 63, u64::MAX]
        .map(|len: u64| len.to_be_bytes().to_vec());
    let mut tails = vec![vec![], vec![0], vec![0xFF]];
    for len in lens16.into_iter().chain(lens64) {
        tails.push(len.clone());
        tails.push([&len[..], &KEY[..3]].concat());
        tails.push([&len[..], &KEY].concat());
        tails.push([&len[..], &KEY, b"some payload"].concat());
    }
    tails
}

fn violation(error: ProtocolError) -> &'static str {
    assert_eq!(u16::from(error.close_code()), 1002, "{error}");
    match error {
        ProtocolError::ReservedBits | ProtocolError::Rsv1Unexpected => "reserved bits",
        ProtocolError::ReservedOpcode(_) => "unknown opcode",
        ProtocolError::ControlFragmented => "fragmented control frame",
        ProtocolError::ControlTooLong(_) => "long control frame",
        ProtocolError::LengthNotMinimal => "length not minimal",
        ProtocolError::LengthSignBit => "length sign bit",
        ProtocolError::MaskMissing | ProtocolError::MaskUnexpected => "masking",
        ProtocolError::ContinuationUnexpected => "nothing to continue",
        ProtocolError::CloseTruncated => "half a close code",
        other => panic!("no verdict of the reference is {other:?}"),
    }
}

/// Compares the crate with the reference on one frame, or what there is of it.
fn check(role: Role, bytes: &[u8]) {
    let verdict = decode(bytes, role == Role::Server);
    let bytes = match verdict {
        Verdict::Frame { len, .. } => &bytes[..bytes.len().min(usize::try_from(len).unwrap())],
        _ => bytes,
    };
    let mut input = ReceiveBuffer::new();
    input.extend(bytes);
    let mut receiver = Receiver::new(role, Limits::NONE);
    let progress = receiver.receive_chunk(&mut input, &mut ()).progress;
    assert_eq!(
        receiver.is_closed(),
        progress.is_err() || matches!(input.event(), Some(Event::Close(_)))
    );
    let agreed = match (verdict, progress) {
        (Verdict::Violation(rule), Err(error)) => violation(error) == rule,
        (Verdict::Incomplete, Ok(Progress::NeedData)) => true,
        (Verdict::Frame { len, payload_at }, progress) => {
            is_due(bytes, bytes.len() as u64 == len, bytes.len() as u64 > payload_at, progress)
        }
        _ => false,
    };
    assert!(agreed, "{role:?} received {bytes:02x?}: {progress:?}, reference: {verdict:?}");
}

/// Whether `progress` is what a frame with a good header leads to.
fn is_due(
    bytes: &[u8],
    complete: bool,
    begun: bool,
    progress: Result<Progress, ProtocolError>,
) -> bool {
    let (fin, opcode) = (bytes[0] & 0x80 != 0, bytes[0] & 0xF);
    let expected = match opcode {
        0x8.. => complete,
        _ => begun || (complete && fin),
    };
    match progress {
        // A text may wait for the end of a character.
        Ok(Progress::NeedData) => !expected || opcode == 1,
        Ok(_) => expected,
        // What a close frame and a text say is not the header's business.
        Err(ProtocolError::CloseCode(_)) => opcode == 8 && complete,
        Err(ProtocolError::TextUtf8) => opcode == 1 && begun,
        Err(_) => false,
    }
}

/// RFC: 5.1-2, 5.1-4, 5.2-1, 5.2-2, 5.2-3, 5.2-4, 5.4-2, 5.4-4, 5.5-1, 10.7-1
#[test]
fn every_first_two_bytes_and_every_class_of_length_are_judged_as_the_rfc_does() {
    let tails = tails();
    for first_two in 0..=u16::MAX {
        let [first, second] = first_two.to_be_bytes();
        // The extended length is all that tells the tails apart.
        let needed = if second % 128 >= 126 { tails.len() } else { 7 };
        for tail in &tails[..needed] {
            let bytes = [&[first, second], &tail[..]].concat();
            for role in BOTH {
                check(role, &bytes);
            }
        }
    }
}

/// RFC: 7.1.7-3, 7.1.7-4, 7.4.1-1, 7.4.2-1
#[test]
fn every_close_code_is_taken_or_refused_as_the_registry_says() {
    let allowed = |code| match code {
        1004..=1006 | 1015.. if code < 3000 => false,
        0..=999 | 5000.. => false,
        _ => true,
    };
    for code in 0..=u16::MAX {
        for role in BOTH {
            let mut end = End::new(role);
            let payload = close_payload(code, b"");
            let seen = end.receive(&frame(peer_of(role), 0x88, &payload));
            let reply = End::new(peer_of(role)).receive(&end.sent());
            assert_eq!(end.state(), State::Closed);
            if allowed(code) {
                assert_eq!(seen, [Seen::Close(code, String::new())]);
                assert_eq!(reply, seen, "the code is echoed");
            } else {
                let error = ProtocolError::CloseCode(code.into());
                assert_eq!(seen, [Seen::Failed(error)]);
                assert_eq!(reply, [Seen::Close(1002, error.to_string())]);
            }
        }
    }
}
