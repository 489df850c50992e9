//! Messages as JSON, with serde.

use serde_core::{Deserialize, Serialize};

use super::Message;

impl Message {
    /// Serializes `value` as JSON into a text message. Needs the feature `json`.
    ///
    /// # Errors
    ///
    /// `value` cannot be serialized as JSON, such as a map whose keys are not strings.
    pub fn from_json(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::from)
    }

    /// Deserializes the payload, text or binary, from JSON. Needs the feature `json`.
    ///
    /// ```
    /// use bowsprit_proto::Message;
    ///
    /// let point: [i32; 2] = Message::text("[1, 2]").json()?;
    /// assert_eq!(point, [1, 2]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The payload is not valid JSON, or not that of a `T`.
    pub fn json<'m, T: Deserialize<'m>>(&'m self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.as_bytes())
    }
}
