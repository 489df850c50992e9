//! Sending values as JSON.

use std::sync::Arc;

use serde_core::Serialize;

use crate::{Error, Handle, Message, SendHalf, WebSocket};

impl WebSocket {
    /// Serializes a value as JSON and sends it as a text message. [`Message::json`] deserializes
    /// it. Needs the feature `json`.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] if the value cannot be serialized, else as [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn send_json<'s, T: Serialize + ?Sized>(
        &'s mut self,
        value: &T,
    ) -> impl Future<Output = Result<(), Error>> + use<'s, T> {
        let message = Message::from_json(value);
        async move { self.send(message?).await }
    }
}

impl SendHalf {
    /// Serializes a value as JSON and sends it as a text message. Needs the feature `json`.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] if the value cannot be serialized, else as [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn send_json<'s, T: Serialize + ?Sized>(
        &'s mut self,
        value: &T,
    ) -> impl Future<Output = Result<(), Error>> + use<'s, T> {
        let message = Message::from_json(value);
        async move { self.send(message?).await }
    }
}

impl Handle {
    /// Serializes a value as JSON and sends it as a text message. Needs the feature `json`.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] if the value cannot be serialized, else as [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn send_json<'s, T: Serialize + ?Sized>(
        &'s self,
        value: &T,
    ) -> impl Future<Output = Result<(), Error>> + use<'s, T> {
        let message = Message::from_json(value);
        async move { self.send(message?).await }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}
