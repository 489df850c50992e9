//! In place of the instruments where the feature `metrics` is off.

use std::time::Duration;

use super::{CloseKind, CodeClass, Control, Direction, Policy};
use crate::Role;

pub(super) struct Instruments;

impl Instruments {
    pub(super) const fn new(_: Role) -> Self {
        Self
    }

    pub(super) const fn messages(&self, _: Direction, _: u32, _: u32, _: u64) {}
    pub(super) const fn wire(&self, _: Direction, _: u64) {}
    pub(super) const fn control(&self, _: Direction, _: Control) {}
    pub(super) const fn ping_took(&self, _: Duration) {}
    pub(super) const fn opened(&self) {}
    pub(super) const fn ended(&self, _: CloseKind, _: CodeClass, _: Duration) {}
    pub(super) const fn handshake(&self, _: &str) {}
    pub(super) const fn handshake_took(&self, _: Duration) {}
    pub(super) const fn dropped(&self, _: Policy, _: u64) {}
    pub(super) const fn slow_close(&self) {}
}
