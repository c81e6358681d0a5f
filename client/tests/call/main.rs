//! What happens behind the call screen: call tasks without a window, against our backend as a program and a real SFU.

#![allow(clippy::unwrap_used)]

mod chatting;
#[path = "../devices/child.rs"]
mod child;
mod codecs;
mod direct;
mod door;
mod entering;
mod harness;
mod plugging;
mod receiving;
mod recordings;
mod waiting;
