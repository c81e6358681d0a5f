//! The screens, driven by accessible name as a screen reader would, in both languages and without a display.

mod before;
mod call;
mod chat;
mod flow;
mod harness;
mod kiosk;
mod settings;
mod states;
