//! Records one room to one file. Started by the backend, one process a recording.
//!
//! ```text
//! autamedica-recorder                       records: the order and commands on standard input, events on standard output
//! autamedica-recorder recover DIR/NAME…     makes MP4 files of what killed recorders left, and prints `finished` for each
//! ```
//!
//! # Recording
//!
//! Standard input is JSON, one object a line. The first is the order ([`RecorderOrder`](autamedica_api::RecorderOrder));
//! never an argument or a variable, because it holds secrets. Then commands
//! ([`RecorderCommand`](autamedica_api::RecorderCommand)). The end of the input is a `stop`, and so are SIGTERM and SIGINT.
//!
//! ```json
//! {"url":"ws://…","token":"…","e2eeKey":"…","directory":"/…","name":"…","part":1,"language":"es","names":{"patient-1":"María"}}
//! {"do":"pause"}
//! {"do":"resume"}
//! {"do":"stop"}
//! ```
//!
//! Standard output is JSON, one object a line ([`RecorderEvent`](autamedica_api::RecorderEvent)):
//!
//! ```json
//! {"event":"started","at":"2026-11-24T15:00:00.000Z"}
//! {"event":"progress","bytes":123456,"seconds":1.0}
//! {"event":"paused"}
//! {"event":"resumed"}
//! {"event":"problem","what":"connection-lost","message":"…"}
//! {"event":"finished","file":"/…/NAME.part1.mp4","seconds":60.0,"bytes":123456,"sha256":"…"}
//! ```
//!
//! The file is `DIRECTORY/NAME.partN.mkv` (mode 0600) while it is written, playable at every moment, and becomes
//! `DIRECTORY/NAME.partN.mp4` at the end. When the disk is too full for that, `finished` names the `.mkv`, and `recover`
//! makes the MP4 once there is room. A file that exists already is never written over.
//!
//! A pause is cut out: the file goes on where it stopped, and no picture or sound of the pause is in it.
//!
//! The exit code is 0 after `finished`. It is 1 when nothing was recorded: a `problem` came before. Logs go to standard
//! error, as `RUST_LOG` says.
//!
//! # Recovering
//!
//! Each argument is a recording's folder and name: all its parts are looked at, in order. A `.mkv` becomes an `.mp4`; an
//! `.mp4` that is there already is reported as it is. Nothing must be writing to them. The exit code is 0 when all could
//! be done.

fn main() {}
