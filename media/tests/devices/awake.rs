//! The screen stays on: a real X server's screen saver, and a session bus with the desktop's service on it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autamedica_lab::{Display, HANG_GUARD, Process, wait_until};
use autamedica_media::Awake;
use x11rb::connection::Connection as _;
use x11rb::protocol::screensaver::ConnectionExt as _;
use x11rb::protocol::xproto::{Blanking, ConnectionExt as _, Exposures, ScreenSaver};
use x11rb::rust_connection::RustConnection;

use autamedica_lab::child::{Child, is_child};

/// Seconds without input after which the screen saver starts in these tests.
const TIMEOUT: i16 = 1;

/// Returns whether the screen saver is on.
fn is_saving(connection: &RustConnection, root: u32) -> bool {
    connection.screensaver_query_info(root).unwrap().reply().unwrap().state == 1
}

/// Wakes the screen, and returns whether it is still on after three times the timeout.
fn stays_on(connection: &RustConnection, root: u32) -> bool {
    connection.force_screen_saver(ScreenSaver::RESET).unwrap().check().unwrap();
    let until = Instant::now() + 3 * Duration::from_secs(TIMEOUT.unsigned_abs().into());
    while Instant::now() < until {
        if is_saving(connection, root) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

#[test]
fn the_screen_saver_waits_for_the_end_of_the_call() {
    if is_child() {
        let (connection, screen) = RustConnection::connect(None).unwrap();
        let root = connection.setup().roots[screen].root;
        connection.set_screen_saver(TIMEOUT, 0, Blanking::PREFERRED, Exposures::ALLOWED).unwrap().check().unwrap();
        wait_until("the screen saver", HANG_GUARD, || is_saving(&connection, root).then_some(())).unwrap();
        let awake = Awake::hold();
        wait_until("a screen that stays on", HANG_GUARD, || stays_on(&connection, root).then_some(())).unwrap();
        drop(awake);
        wait_until("the screen saver again", HANG_GUARD, || is_saving(&connection, root).then_some(())).unwrap();
        return;
    }
    let display = Display::start(640, 480).unwrap();
    let environment = [("DISPLAY", display.name())];
    Child::start("awake::the_screen_saver_waits_for_the_end_of_the_call", environment).finish();
}

/// The desktop's service, which tells who asked for an inhibition and why.
struct Desktop {
    inhibited: std::sync::mpsc::Sender<(String, String)>,
}

#[zbus::interface(name = "org.freedesktop.ScreenSaver")]
impl Desktop {
    fn inhibit(&self, application: String, _reason: String, #[zbus(header)] header: zbus::message::Header<'_>) -> u32 {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        self.inhibited.send((sender, application)).unwrap();
        1
    }
}

#[test]
fn the_desktop_is_asked_and_released() {
    if is_child() {
        let (inhibited, asked) = std::sync::mpsc::channel();
        zbus::block_on(async {
            let connection = zbus::connection::Builder::session()
                .unwrap()
                .serve_at("/org/freedesktop/ScreenSaver", Desktop { inhibited })
                .unwrap()
                .name("org.freedesktop.ScreenSaver")
                .unwrap()
                .build()
                .await
                .unwrap();
            let awake = Awake::hold();
            let (sender, application) = asked.recv_timeout(HANG_GUARD).unwrap();
            assert_eq!(application, "AutaMedica");
            let bus = zbus::fdo::DBusProxy::new(&connection).await.unwrap();
            let is_connected = || zbus::block_on(bus.name_has_owner(sender.as_str().try_into().unwrap())).unwrap();
            assert!(is_connected());
            drop(awake);
            wait_until("the release", HANG_GUARD, || (!is_connected()).then_some(())).unwrap();
        });
        return;
    }
    let mut command = Command::new("dbus-daemon");
    command.args(["--session", "--nofork", "--print-address"]).stdout(Stdio::piped());
    let mut bus = Process::spawn("dbus-daemon", command).unwrap();
    let mut address = String::new();
    BufReader::new(bus.child().stdout.take().unwrap()).read_line(&mut address).unwrap();
    Child::start("awake::the_desktop_is_asked_and_released", [("DBUS_SESSION_BUS_ADDRESS", address.trim())]).finish();
}
