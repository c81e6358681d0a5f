//! Screen capture from a real X server.

use std::time::{Duration, Instant};

use autamedica_lab::{Display, HANG_GUARD, wait_until};
use autamedica_media::{
    DeviceProblem, Screen, ScreenInfo, ScreenOptions, ScreenSource, Screens, list_screens, list_windows,
};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConfigureWindowAux, ConnectionExt, CreateGCAux, CreateWindowAux, EventMask, Gcontext, PropMode,
    Rectangle, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::watch::{Watch, near, pixel, yuv};
use autamedica_lab::child::{Child, is_child, say};

const COLOURS: [[u8; 3]; 4] = [[200, 30, 40], [20, 180, 60], [30, 50, 210], [240, 240, 230]];

/// Window over the whole screen, in four colours.
struct Pattern {
    connection: RustConnection,
    root: Window,
    window: Window,
    pen: Gcontext,
    size: (u16, u16),
}

impl Pattern {
    fn show() -> Self {
        let (connection, screen) = RustConnection::connect(None).expect("display");
        let screen = connection.setup().roots[screen].clone();
        let size = (screen.width_in_pixels, screen.height_in_pixels);
        let [window, pen] = [0; 2].map(|_| connection.generate_id().expect("id"));
        // The window manager ignores this window.
        let alone = CreateWindowAux::new().override_redirect(1);
        let class = WindowClass::INPUT_OUTPUT;
        connection.create_window(0, window, screen.root, 0, 0, size.0, size.1, 0, class, 0, &alone).expect("window");
        connection.create_gc(pen, window, &CreateGCAux::new()).expect("pen");
        connection.map_window(window).expect("map");
        let pattern = Self { connection, root: screen.root, window, pen, size };
        COLOURS.into_iter().enumerate().for_each(|(i, colour)| pattern.fill(i, colour));
        // The pointer stays away from the inspected places.
        pattern.point_at(pattern.size.0 / 2, pattern.size.1 / 2);
        pattern
    }

    /// Fills one quarter: left top, right top, left bottom, right bottom.
    fn fill(&self, quarter: usize, [r, g, b]: [u8; 3]) {
        let (width, height) = (self.size.0 / 2, self.size.1 / 2);
        let pixel = match self.connection.setup().roots[0].root_depth {
            30 => u32::from(r) << 22 | u32::from(g) << 12 | u32::from(b) << 2,
            _ => u32::from_be_bytes([0, r, g, b]),
        };
        let x = if quarter.is_multiple_of(2) { 0 } else { width as i16 };
        let y = if quarter < 2 { 0 } else { height as i16 };
        let set = x11rb::protocol::xproto::ChangeGCAux::new().foreground(pixel);
        self.connection.change_gc(self.pen, &set).expect("colour");
        self.connection.poly_fill_rectangle(self.window, self.pen, &[Rectangle { x, y, width, height }]).expect("fill");
        self.connection.sync().expect("sync");
    }

    fn point_at(&self, x: u16, y: u16) {
        self.connection.warp_pointer(x11rb::NONE, self.root, 0, 0, 0, 0, x as i16, y as i16).expect("pointer");
        self.connection.sync().expect("sync");
    }
}

/// Waits until the captured picture shows this colour in the middle of a quarter.
fn wait_for_colour(watch: &Watch, quarter: usize, colour: [u8; 3]) {
    let mut found = [0; 3];
    let shown = wait_until("the colour", HANG_GUARD, || {
        let frame = watch.frames.newest()?;
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let (x, y) = (width / 4 + quarter % 2 * width / 2, height / 4 + quarter / 2 * height / 2);
        found = pixel(&frame, x, y);
        near(found, yuv(colour), 2).then_some(())
    });
    assert!(shown.is_ok(), "quarter {quarter} is {found:?}, not {:?}", yuv(colour));
}

#[test]
fn the_screen_is_captured_with_the_right_colours_and_only_when_it_changes() {
    if is_child() {
        let pattern = Pattern::show();
        let watch = Watch::default();
        let screen = Screen::open(ScreenOptions::default(), watch.on_frame(), watch.on_state());
        for (quarter, colour) in COLOURS.into_iter().enumerate() {
            wait_for_colour(&watch, quarter, colour);
        }
        let frame = watch.frames.newest().expect("a frame");
        assert_eq!((frame.width(), frame.height()), (1280, 720));
        let [info] = list_screens().try_into().expect("one screen");
        assert_eq!((info.width, info.height), (1280, 720));
        watch.wait_for_on(&info.name);

        // An unchanged screen gives one frame a second, measured from one such frame to the next.
        let frames = watch.frames.count();
        let started = Instant::now();
        watch.wait_for_frames(3);
        assert!(started.elapsed() > Duration::from_millis(1900), "three frames within {:?}", started.elapsed());
        assert_eq!(watch.frames.count(), frames + 3);

        pattern.fill(2, [250, 200, 10]);
        wait_for_colour(&watch, 2, [250, 200, 10]);

        // The cursor is in the picture and moves.
        let (x, y) = (pattern.size.0 / 4, pattern.size.1 / 4);
        pattern.point_at(x, y);
        wait_until("the cursor", HANG_GUARD, || {
            let frame = watch.frames.newest()?;
            let around = (0..24).flat_map(|dy| (0..24).map(move |dx| (dx, dy)));
            let (x, y) = (usize::from(x) - 8, usize::from(y) - 8);
            let wanted = yuv(COLOURS[0])[0];
            around.map(|(dx, dy)| pixel(&frame, x + dx, y + dy)[0]).any(|luma| luma.abs_diff(wanted) > 20).then_some(())
        })
        .expect("the cursor is drawn");

        let started = Instant::now();
        drop(screen);
        // Dropping doesn't wait for the next frame, of which there is one a second now.
        assert!(started.elapsed() < Duration::from_millis(700));
        return;
    }
    let display = Display::start(1280, 720).expect("display");
    let environment = [("DISPLAY", display.name()), ("WAYLAND_DISPLAY", "")];
    Child::start("screen::the_screen_is_captured_with_the_right_colours_and_only_when_it_changes", environment)
        .finish();
}

#[test]
fn a_share_ends_with_its_monitor_and_never_shows_another() {
    use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo};
    if is_child() {
        let pattern = Pattern::show();
        // DP-1 is the left half, eDP-1 the right one. The shorter name is part of the longer one, which was once
        // mistaken for it.
        let half = pattern.size.0 / 2;
        let atom = |name: &str| {
            pattern.connection.intern_atom(false, name.as_bytes()).expect("atom").reply().expect("atom").atom
        };
        for (name, x) in [("DP-1", 0), ("eDP-1", half as i16)] {
            let monitor = MonitorInfo {
                name: atom(name),
                primary: name == "DP-1",
                automatic: false,
                x,
                y: 0,
                width: half,
                height: pattern.size.1,
                width_in_millimeters: 300,
                height_in_millimeters: 200,
                outputs: Vec::new(),
            };
            pattern.connection.randr_set_monitor(pattern.root, monitor).expect("monitor");
        }
        pattern.connection.sync().expect("sync");
        let sources = [ScreenSource::Monitor("DP-1".into()), ScreenSource::Primary];
        let shares = sources.map(|source| {
            let watch = Watch::default();
            let options = ScreenOptions { source, ..ScreenOptions::default() };
            let screen = Screen::open(options, watch.on_frame(), watch.on_state());
            watch.wait_for_on("DP-1");
            (watch, screen)
        });
        pattern.connection.randr_delete_monitor(pattern.root, atom("DP-1")).expect("delete");
        pattern.connection.sync().expect("sync");
        for (watch, _screen) in &shares {
            watch.wait_for_failure(DeviceProblem::Unplugged);
            let frame = watch.frames.newest().expect("a frame");
            assert!(near(pixel(&frame, 20, 20), yuv(COLOURS[0]), 2), "shows the other monitor");
        }
        // A new capture by its name fails as well.
        let watch = Watch::default();
        let options = ScreenOptions { source: ScreenSource::Monitor("DP-1".into()), ..ScreenOptions::default() };
        let _screen = Screen::open(options, watch.on_frame(), watch.on_state());
        watch.wait_for_failure(DeviceProblem::NotFound);
        return;
    }
    let display = Display::start(1280, 720).expect("display");
    let environment = [("DISPLAY", display.name()), ("WAYLAND_DISPLAY", "")];
    Child::start("screen::a_share_ends_with_its_monitor_and_never_shows_another", environment).finish();
}

#[test]
fn ten_bits_a_channel_and_no_shared_memory_are_captured() {
    if is_child() {
        let _pattern = Pattern::show();
        let watch = Watch::default();
        let _screen = Screen::open(ScreenOptions::default(), watch.on_frame(), watch.on_state());
        for (quarter, colour) in COLOURS.into_iter().enumerate() {
            wait_for_colour(&watch, quarter, colour);
        }
        return;
    }
    for (depth, more) in [(30, &[][..]), (24, &["-extension", "MIT-SHM"]), (30, &["-extension", "MIT-SHM"])] {
        let display = Display::start_with(1280, 720, depth, more).expect("display");
        let environment = [("DISPLAY", display.name()), ("WAYLAND_DISPLAY", "")];
        Child::start("screen::ten_bits_a_channel_and_no_shared_memory_are_captured", environment).finish();
    }
}

#[test]
fn a_large_screen_is_scaled_and_a_lost_one_reported() {
    if is_child() {
        let _pattern = Pattern::show();
        let watch = Watch::default();
        let name = list_screens().into_iter().next().map(|ScreenInfo { name, .. }| name).expect("a screen");
        let options = ScreenOptions { source: ScreenSource::Monitor(name), ..ScreenOptions::default() };
        let _screen = Screen::open(options, watch.on_frame(), watch.on_state());
        for (quarter, colour) in COLOURS.into_iter().enumerate() {
            wait_for_colour(&watch, quarter, colour);
        }
        let frame = watch.frames.newest().expect("a frame");
        assert_eq!((frame.width(), frame.height()), (1728, 1080));
        let missing = ScreenOptions { source: ScreenSource::Monitor("nothing".into()), ..ScreenOptions::default() };
        let other = Watch::default();
        let _missing = Screen::open(missing, other.on_frame(), other.on_state());
        other.wait_for_failure(DeviceProblem::NotFound);
        say("captured");
        watch.wait_for_failure(DeviceProblem::Unplugged);
        return;
    }
    let display = Display::start(2560, 1600).expect("display");
    let environment = [("DISPLAY", display.name()), ("WAYLAND_DISPLAY", "")];
    let child = Child::start("screen::a_large_screen_is_scaled_and_a_lost_one_reported", environment);
    child.hear("captured");
    drop(display);
    child.finish();
}

/// Another program's window, placed by the window manager.
struct Program {
    connection: RustConnection,
    window: Window,
    pen: Gcontext,
}

impl Program {
    fn show(title: &str, colour: [u8; 3], size: (u16, u16)) -> Self {
        let (connection, screen) = RustConnection::connect(None).expect("display");
        let root = connection.setup().roots[screen].root;
        let [window, pen] = [0; 2].map(|_| connection.generate_id().expect("id"));
        let [r, g, b] = colour;
        let look = CreateWindowAux::new().background_pixel(u32::from_be_bytes([0, r, g, b]));
        let class = WindowClass::INPUT_OUTPUT;
        connection.create_window(0, window, root, 0, 0, size.0, size.1, 0, class, 0, &look).expect("window");
        let name = connection.intern_atom(false, b"_NET_WM_NAME").expect("atom").reply().expect("atom").atom;
        let utf8 = connection.intern_atom(false, b"UTF8_STRING").expect("atom").reply().expect("atom").atom;
        connection.change_property8(PropMode::REPLACE, window, name, utf8, title.as_bytes()).expect("title");
        connection.create_gc(pen, window, &CreateGCAux::new()).expect("pen");
        // A window manager ignores requests while it starts.
        wait_until("the window manager", HANG_GUARD, || {
            connection.map_window(window).expect("map");
            connection.sync().expect("sync");
            list_windows().iter().any(|listed| listed.id == window && !listed.minimized).then_some(())
        })
        .expect("shown");
        Self { connection, window, pen }
    }

    fn ask_manager(&self, message: &[u8], data: [u32; 5]) {
        let root = self.connection.setup().roots[0].root;
        let kind = self.connection.intern_atom(false, message).expect("atom").reply().expect("atom").atom;
        let event = ClientMessageEvent::new(32, self.window, kind, data);
        let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.connection.send_event(false, root, mask, event).expect("ask");
        self.connection.sync().expect("sync");
    }

    /// Returns the window's position on the screen.
    fn place(&self) -> (usize, usize) {
        let root = self.connection.setup().roots[0].root;
        let place =
            self.connection.translate_coordinates(self.window, root, 0, 0).expect("place").reply().expect("place");
        (place.dst_x.try_into().expect("on the screen"), place.dst_y.try_into().expect("on the screen"))
    }

    fn fill(&self, [r, g, b]: [u8; 3]) {
        let set = x11rb::protocol::xproto::ChangeGCAux::new().foreground(u32::from_be_bytes([0, r, g, b]));
        self.connection.change_gc(self.pen, &set).expect("colour");
        let all = Rectangle { x: 0, y: 0, width: 2000, height: 2000 };
        self.connection.poly_fill_rectangle(self.window, self.pen, &[all]).expect("fill");
        self.connection.sync().expect("sync");
    }
}

/// Waits until the captured picture has this size and shows this colour near its corners.
fn wait_for_window(watch: &Watch, size: (u32, u32), colour: [u8; 3]) {
    let mut found = None;
    let shown = wait_until("the window", HANG_GUARD, || {
        let frame = watch.frames.newest()?;
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let corners = [(8, 8), (width - 8, 8), (8, height - 8), (width - 8, height - 8)];
        let colours = corners.map(|(x, y)| pixel(&frame, x, y));
        found = Some((width, height, colours));
        let is_right = (frame.width(), frame.height()) == size && colours.iter().all(|c| near(*c, yuv(colour), 2));
        is_right.then_some(())
    });
    assert!(shown.is_ok(), "{found:?}, not {size:?} of {:?}", yuv(colour));
}

#[test]
fn a_window_is_shared_as_it_is_also_behind_others_and_ends_when_it_closes() {
    if is_child() {
        let (blue, red, green) = ([30, 50, 210], [200, 30, 40], [20, 180, 60]);
        let report = Program::show("Análisis de María", blue, (400, 300));
        // The cursor is part of the picture, so it stays away from the inspected places.
        let root = report.connection.setup().roots[0].root;
        report.connection.warp_pointer(x11rb::NONE, root, 0, 0, 0, 0, 1270, 710).expect("pointer");
        report.connection.sync().expect("sync");
        let listed = |title: &str| {
            wait_until(title, HANG_GUARD, || list_windows().into_iter().find(|window| window.name == title))
                .expect("listed")
        };
        let info = listed("Análisis de María");
        assert_eq!((info.width, info.height, info.minimized), (400, 300, false));

        let source = ScreenSource::Window { id: info.id, name: info.name };
        let watch = Watch::default();
        let options = ScreenOptions { source: source.clone(), ..ScreenOptions::default() };
        let _screen = Screen::open(options, watch.on_frame(), watch.on_state());
        wait_for_window(&watch, (400, 300), blue);
        watch.wait_for_on("Análisis de María");

        // Another window covers it, and must not appear in the picture.
        let other = Program::show("Private", red, (1280, 720));
        listed("Private");
        other.ask_manager(b"_NET_ACTIVE_WINDOW", [2, 0, 0, 0, 0]);
        let covering = Watch::default();
        let _all = Screen::open(ScreenOptions::default(), covering.on_frame(), covering.on_state());
        wait_until("being covered", HANG_GUARD, || {
            let frame = covering.frames.newest()?;
            // The whole screen shows the other window at the report's place.
            let place = report.place();
            near(pixel(&frame, place.0 + 20, place.1 + 20), yuv(red), 2).then_some(())
        })
        .expect("covered");
        report.fill(green);
        wait_for_window(&watch, (400, 300), green);

        // There are thumbnails of the monitor and of both windows.
        let screens = Screens::start(|| {});
        let small = |name: &str, colour: [u8; 3]| {
            wait_until(name, HANG_GUARD, || {
                let one = screens.list().iter().find(|one| one.name == name)?.clone();
                let frame = one.thumbnail.newest()?;
                let right =
                    frame.width() <= 320 && frame.height() <= 200 && near(pixel(&frame, 20, 20), yuv(colour), 2);
                right.then_some(one.source)
            })
            .expect("a small picture")
        };
        assert_eq!(small("Análisis de María", green), source);
        small("Private", red);
        assert!(matches!(screens.list()[0].source, ScreenSource::Monitor(_)), "monitors come first");

        // The window is resized, minimised, restored and closed.
        let larger = ConfigureWindowAux::new().width(640).height(360);
        report.connection.configure_window(report.window, &larger).expect("size");
        report.connection.sync().expect("sync");
        wait_until("the new size", HANG_GUARD, || {
            report.fill(blue);
            let frame = watch.frames.newest()?;
            ((frame.width(), frame.height()) == (640, 360)).then_some(())
        })
        .expect("resized");
        wait_for_window(&watch, (640, 360), blue);
        report.ask_manager(b"WM_CHANGE_STATE", [3, 0, 0, 0, 0]);
        wait_until("being minimised", HANG_GUARD, || {
            list_windows().iter().any(|window| window.id == report.window && window.minimized).then_some(())
        })
        .expect("minimised");
        let frames = watch.frames.count();
        watch.wait_for_frames(2);
        wait_for_window(&watch, (640, 360), blue);
        assert!(watch.frames.count() > frames, "who joins now sees what was there last");
        watch.wait_for_on("Análisis de María");
        report.connection.map_window(report.window).expect("map");
        report.connection.sync().expect("sync");
        wait_until("red inside", HANG_GUARD, || {
            report.fill(red);
            let frame = watch.frames.newest()?;
            near(pixel(&frame, 8, 8), yuv(red), 2).then_some(())
        })
        .expect("live again");
        drop(report);
        watch.wait_for_failure(DeviceProblem::Unplugged);
        return;
    }
    let display = Display::start(1280, 720).expect("display");
    let environment = [("DISPLAY", display.name()), ("WAYLAND_DISPLAY", "")];
    Child::start("screen::a_window_is_shared_as_it_is_also_behind_others_and_ends_when_it_closes", environment)
        .finish();
}
