//! Calls without a window, against a real backend and SFU.

#![allow(clippy::unwrap_used)]

mod chatting;
mod codecs;
mod direct;
mod entering;
mod harness;
mod plugging;
mod proxy;
mod receiving;
mod recordings;
mod waiting;
