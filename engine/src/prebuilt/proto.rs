//! The engine's protocol, as generated from its own descriptors. Nothing of it leaves this crate.
#![allow(missing_docs, dead_code, clippy::all, rustdoc::all)]

include!(concat!(env!("OUT_DIR"), "/livekit.proto.rs"));
