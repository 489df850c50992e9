//! Sending values as JSON.

use std::sync::Arc;

use serde_core::Serialize;

use crate::{Error, Handle, Message, SendHalf, WebSocket};

impl WebSocket {
    /// Sends a value as a text message with its JSON. [`Message::json`] reads it. Needs the feature
    /// `json`.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] if the value cannot be written as JSON, else as [`send`](Self::send).
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
    /// Sends a value as a text message with its JSON. Needs the feature `json`.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] if the value cannot be written as JSON, else as [`send`](Self::send).
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
    /// Sends a value as a text message with its JSON. Needs the feature `json`.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] if the value cannot be written as JSON, else as [`send`](Self::send).
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
