//! Screens driven by accessible name, as a screen reader would, in both languages and without a display.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up fails")]

mod before;
mod call;
mod chat;
mod desktop;
mod devices;
mod doctor;
mod entering;
mod extras;
mod fits;
mod flow;
mod harness;
mod kiosk;
mod people;
mod recordings;
mod settings;
mod stage;
mod states;
