//! Calls without a window, against a real backend and SFU.

#![allow(clippy::unwrap_used)]

mod chatting;
mod codecs;
mod direct;
mod entering;
mod harness;
mod original_sound;
mod plugging;
mod proxy;
mod receiving;
mod recordings;
mod second_camera;
mod waiting;
