//! Device tests: cameras through nokhwa, sound through cpal and PulseAudio, screens through X11.

#![allow(clippy::unwrap_used)]

mod audio;
mod awake;
mod camera;
mod cost;
mod echo;
mod intelligibility;
mod screen;
mod watch;
