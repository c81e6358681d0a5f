//! Whole programs together: our backend, our app in real windows, a browser, the SFU, and what happens when one dies.

mod accessibility;
mod browser;
mod check;
mod demo;
mod faults;
mod kiosk;
mod links;
mod person;
mod support;
mod visit;
