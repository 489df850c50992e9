//! Faults that need a story of their own.
