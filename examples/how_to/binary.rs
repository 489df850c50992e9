//! Numbers in binary messages.

// ANCHOR: codec
/// Samples as a `Float32Array` of JavaScript has them: 4 bytes each, little-endian.
pub(crate) fn encode(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// `None` if the length is not a multiple of four.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<f32>> {
    let (samples, []) = bytes.as_chunks::<4>() else { return None };
    Some(samples.iter().map(|sample| f32::from_le_bytes(*sample)).collect())
}
// ANCHOR_END: codec

// ANCHOR: handler
use bowsprit::{CloseCode, Message, WebSocket, error::BoxError};

/// Sends back all samples at half the volume.
pub(crate) async fn halve(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        let samples = match &message {
            Message::Binary(bytes) => decode(bytes),
            Message::Text(_) => None,
        };
        let Some(mut samples) = samples else {
            ws.close((CloseCode::UNSUPPORTED_DATA, "send 32-bit floats")).await?;
            break;
        };
        samples.iter_mut().for_each(|sample| *sample /= 2.0);
        ws.send(encode(&samples)).await?;
    }
    Ok(())
}
// ANCHOR_END: handler
