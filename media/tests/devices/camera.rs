//! nokhwa on the virtual camera: formats, stalls, unplugging.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use autamedica_lab::{CameraMode, HANG_GUARD, VirtualCamera, set_camera_mode, wait_until};
use autamedica_media::{
    Camera, CameraFormat, CardStyle, DeviceChoice, DeviceKind, DeviceLists, DeviceProblem, DeviceState, list_cameras,
    now_us, timecode,
};

use crate::watch::{Watch, near, pixel, yuv};
use autamedica_lab::child::{Child, is_child};

const NAME: &str = "Virtual Camera";
const BARS: [[u8; 3]; 8] = [
    [235, 235, 235],
    [235, 235, 16],
    [16, 235, 235],
    [16, 235, 16],
    [235, 16, 235],
    [235, 16, 16],
    [16, 16, 235],
    [16, 16, 16],
];
const SIZE: (usize, usize) = (640, 360);

/// Returns colour bars in a camera's format.
fn bars(format: &str) -> Vec<u8> {
    let (width, height) = SIZE;
    let colour = |x: usize| BARS[x * BARS.len() / width];
    let row = |of: &dyn Fn(usize) -> Vec<u8>, step: usize| (0..width).step_by(step).flat_map(of).collect::<Vec<u8>>();
    match format {
        "YUYV" => row(
            &|x| {
                let [y, u, v] = yuv(colour(x));
                vec![y, u, y, v]
            },
            2,
        )
        .repeat(height),
        "NV12" => {
            let luma = row(&|x| vec![yuv(colour(x))[0]], 1).repeat(height);
            let chroma = row(&|x| yuv(colour(x))[1..].to_vec(), 2).repeat(height / 2);
            [luma, chroma].concat()
        }
        "RGB3" => row(&|x| colour(x).to_vec(), 1).repeat(height),
        "BGR3" => row(&|x| colour(x).iter().rev().copied().collect(), 1).repeat(height),
        "GRAY" => row(&|x| vec![colour(x)[1]], 1).repeat(height),
        "MJPG" => {
            [include_bytes!("pictures/bars-420.jpg").as_slice(), include_bytes!("pictures/bars-422.jpg").as_slice()]
                .concat()
        }
        other => panic!("no bars in {other}"),
    }
}

fn open(watch: &Watch, choice: DeviceChoice) -> Camera {
    Camera::open(choice, CameraFormat::default(), CardStyle::default(), watch.on_frame(), watch.on_state())
}

/// Switches the camera from within the child.
fn switch(mode: CameraMode) {
    let control = PathBuf::from(std::env::var_os("VIRTUAL_CAMERA_CONTROL").expect("a virtual camera"));
    set_camera_mode(&control, mode).expect("switched");
}

/// Runs a test's body in a child that has the virtual camera.
fn with_camera(test: &str, body: impl FnOnce()) {
    if is_child() {
        body();
    } else {
        let camera = VirtualCamera::new().expect("virtual camera").name(NAME);
        Child::start(&format!("camera::{test}"), camera.environment()).finish();
    }
}

#[test]
fn every_format_arrives_with_the_right_colours() {
    if is_child() {
        let watch = Watch::default();
        let _camera = open(&watch, DeviceChoice::Default);
        let first = watch.wait_for_frames(1);
        let last = watch.wait_for_frames(30);
        watch.wait_for_on(NAME);
        let gray = std::env::var("VIRTUAL_CAMERA_FORMAT").is_ok_and(|format| format == "GRAY");
        for (i, colour) in BARS.into_iter().enumerate() {
            let wanted = if gray { yuv([colour[1]; 3]) } else { yuv(colour) };
            let found = pixel(&last, (2 * i + 1) * SIZE.0 / 16, SIZE.1 / 2);
            assert!(near(found, wanted, 4), "bar {i}: {found:?}, not {wanted:?}");
        }
        assert_eq!((last.width() as usize, last.height() as usize), SIZE);
        // Thirty frames at 30 a second; more pass if this thread is late.
        let between = last.timestamp_us - first.timestamp_us;
        assert!(between >= 900_000, "30 frames within {between} us");
        let age = now_us() - last.timestamp_us;
        assert!((0..2_000_000).contains(&age), "captured {age} us ago");
        return;
    }
    for format in ["YUYV", "NV12", "RGB3", "BGR3", "GRAY", "MJPG"] {
        let (width, height) = (SIZE.0 as u32, SIZE.1 as u32);
        let camera = VirtualCamera::new().expect("virtual camera").name(NAME).format(format, width, height, 30);
        let camera = camera.frames(&bars(format)).expect("frames");
        Child::start("camera::every_format_arrives_with_the_right_colours", camera.environment()).finish();
    }
}

/// Runs `body` in a child for each of these cameras; `CASE` names the camera.
fn for_each(test: &str, cameras: impl IntoIterator<Item = (&'static str, VirtualCamera)>, body: impl FnOnce(&str)) {
    if let (true, Ok(case)) = (is_child(), std::env::var("CASE")) {
        return body(&case);
    }
    for (case, camera) in cameras {
        eprintln!("case: {case}");
        let environment = camera.environment().into_iter().chain([("CASE", case.into())]);
        Child::start(&format!("camera::{test}"), environment).finish();
    }
}

fn camera(format: &str) -> VirtualCamera {
    let camera = VirtualCamera::new().expect("virtual camera").name(NAME);
    camera.format(format, SIZE.0 as u32, SIZE.1 as u32, 30)
}

/// Returns the middle of each bar as received.
fn arriving_bars() -> [[u8; 3]; 8] {
    let watch = Watch::default();
    let _camera = open(&watch, DeviceChoice::Default);
    let frame = watch.wait_for_frames(2);
    watch.wait_for_on(NAME);
    assert_eq!((frame.width() as usize, frame.height() as usize), SIZE);
    // Sheared rows would show another colour further down.
    for y in [2, SIZE.1 / 3, SIZE.1 - 3] {
        for bar in 0..8 {
            let x = (2 * bar + 1) * SIZE.0 / 16;
            assert_eq!(pixel(&frame, x, y), pixel(&frame, x, SIZE.1 / 2), "bar {bar} at line {y}");
        }
    }
    std::array::from_fn(|bar| pixel(&frame, (2 * bar + 1) * SIZE.0 / 16, SIZE.1 / 2))
}

#[test]
fn what_real_cameras_give_arrives_with_straight_bars_of_the_right_colours() {
    let with = |camera: VirtualCamera, bars: &[u8]| camera.frames(bars).expect("frames");
    let cameras = || {
        let planes = |format: &str| bars(format);
        let uyvy: Vec<u8> = bars("YUYV").chunks_exact(4).flat_map(|p| [p[1], p[0], p[3], p[2]]).collect();
        let (luma, chroma) = planes("NV12").split_at(SIZE.0 * SIZE.1).map_both(<[u8]>::to_vec);
        let [u, v] = [0, 1].map(|at| chroma.iter().skip(at).step_by(2).copied().collect::<Vec<u8>>());
        let padded: Vec<u8> = bars("YUYV").chunks_exact(SIZE.0 * 2).flat_map(|row| [row, &[77; 64]].concat()).collect();
        let padded_nv12: Vec<u8> =
            bars("NV12").chunks_exact(SIZE.0).flat_map(|row| [row, &[77; 32]].concat()).collect();
        [
            ("1001/30000", with(camera("YUYV").rate(30_000, 1_001), &bars("YUYV"))),
            ("2/15", with(camera("YUYV").rate(15, 2), &bars("YUYV"))),
            ("UYVY", with(camera("UYVY"), &uyvy)),
            ("YU12", with(camera("YU12"), &[luma, u, v].concat())),
            ("NV12", with(camera("NV12"), &bars("NV12"))),
            ("GREY", with(camera("GREY"), &bars("GRAY"))),
            ("H264 before MJPG", with(camera("MJPG").preceding_format("H264"), &bars("MJPG"))),
            ("padded YUYV", with(camera("YUYV").padding(64), &padded)),
            ("padded NV12", with(camera("NV12").padding(32), &padded_nv12)),
            ("no list of sizes", with(camera("YUYV").sizes("none"), &bars("YUYV"))),
            ("MJPG without tables", with(camera("MJPG"), &without_huffman_tables(&bars("MJPG")))),
        ]
    };
    let cameras = if is_child() { None } else { Some(cameras()) };
    let test = "what_real_cameras_give_arrives_with_straight_bars_of_the_right_colours";
    for_each(test, cameras.into_iter().flatten(), |case| {
        for (i, (found, colour)) in arriving_bars().into_iter().zip(BARS).enumerate() {
            let wanted = if case == "GREY" { yuv([colour[1]; 3]) } else { yuv(colour) };
            assert!(near(found, wanted, 4), "{case}, bar {i}: {found:?}, not {wanted:?}");
        }
    });
}

/// `split_at` with a function applied to both halves.
trait Both<T: ?Sized> {
    fn map_both<R>(self, to: impl Fn(&T) -> R) -> (R, R);
}

impl<T: ?Sized> Both<T> for (&T, &T) {
    fn map_both<R>(self, to: impl Fn(&T) -> R) -> (R, R) {
        (to(self.0), to(self.1))
    }
}

/// Returns JPEG pictures without their FFC4 segments.
fn without_huffman_tables(pictures: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at + 3 < pictures.len() {
        if pictures[at..at + 2] == [0xff, 0xc4] {
            at += 2 + usize::from(u16::from_be_bytes([pictures[at + 2], pictures[at + 3]]));
        } else {
            out.push(pictures[at]);
            at += 1;
        }
    }
    out.extend_from_slice(&pictures[at..]);
    out
}

#[test]
fn each_range_and_matrix_of_colours_arrives_as_the_same_colours() {
    let packed = |full: bool, bt709: bool| {
        let (kr, kb) = if bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let (luma_scale, chroma_scale, black) = if full { (255.0, 255.0, 0.0) } else { (219.0, 224.0, 16.0) };
        let of = |[r, g, b]: [u8; 3]| {
            let [r, g, b] = [r, g, b].map(|channel| f64::from(channel) / 255.0);
            let luma = kr * r + (1.0 - kr - kb) * g + kb * b;
            let value = |value: f64| value.round().clamp(0.0, 255.0) as u8;
            let chroma = |distance: f64, weight: f64| value(128.0 + chroma_scale * distance / (2.0 - 2.0 * weight));
            [value(black + luma_scale * luma), chroma(b - luma, kb), chroma(r - luma, kr)]
        };
        let row = (0..SIZE.0).step_by(2).flat_map(|x| {
            let [y, u, v] = of(BARS[x * BARS.len() / SIZE.0]);
            [y, u, y, v]
        });
        row.collect::<Vec<u8>>().repeat(SIZE.1)
    };
    let cameras = [("limited 601", "", false, false), ("full 601", "full", true, false)]
        .into_iter()
        .chain([("limited 709", "709", false, true), ("full 709", "full 709", true, true)])
        .map(|(case, says, full, bt709)| {
            (case, camera("YUYV").colours(says).frames(&packed(full, bt709)).expect("frames"))
        });
    for_each("each_range_and_matrix_of_colours_arrives_as_the_same_colours", cameras, |case| {
        for (i, (found, colour)) in arriving_bars().into_iter().zip(BARS).enumerate() {
            assert!(near(found, yuv(colour), 3), "{case}, bar {i}: {found:?}, not {:?}", yuv(colour));
        }
    });
}

#[test]
fn the_size_for_720p_is_chosen_of_many() {
    let sizes = |sizes: &str| VirtualCamera::new().expect("virtual camera").name(NAME).sizes(sizes);
    let cameras = [
        ("1280x720 discrete", sizes("3840x2160,640x480,1920x1080,1280x720")),
        ("1280x720 stepwise", sizes("stepwise")),
        ("640x480 none", sizes("none")),
        ("1920x1080 large", sizes("3840x2160,1920x1080")),
    ];
    for_each("the_size_for_720p_is_chosen_of_many", cameras, |case| {
        let watch = Watch::default();
        let _camera = open(&watch, DeviceChoice::Default);
        let frame = watch.wait_for_frames(1);
        let size = format!("{}x{}", frame.width(), frame.height());
        assert_eq!(Some(size.as_str()), case.split(' ').next(), "{case}");
    });
}

#[test]
fn two_cameras_of_one_name_are_told_apart() {
    let twins = [("twins", VirtualCamera::new().expect("virtual camera").name(NAME).twin())];
    for_each("two_cameras_of_one_name_are_told_apart", twins, |_| {
        let second = format!("{NAME} (2)");
        assert_eq!(list_cameras(), [NAME, &second]);
        for (name, gray) in [(second.as_str(), true), (NAME, false)] {
            let watch = Watch::default();
            let _camera = open(&watch, DeviceChoice::Named(name.to_owned()));
            watch.wait_for_on(name);
            let frame = watch.wait_for_frames(1);
            let is_gray = (0..64).all(|x| pixel(&frame, x * 10, 9) == [128; 3]);
            assert_eq!(is_gray, gray, "{name} is the other one");
        }
        // The identifier decides, whatever the camera was called when it was chosen.
        let lists = DeviceLists::now();
        let known = |name: &str| match lists.choice(DeviceKind::Camera, name) {
            DeviceChoice::Known { id, .. } => id,
            other => panic!("{other:?}"),
        };
        assert_ne!(known(NAME), known(&second));
        for (id, called, found, gray) in [
            (known(&second), NAME, second.as_str(), true),
            (known(NAME), second.as_str(), NAME, false),
            ("gone".to_owned(), second.as_str(), second.as_str(), true),
        ] {
            let watch = Watch::default();
            let _camera = open(&watch, DeviceChoice::Known { id, name: called.to_owned() });
            watch.wait_for_on(found);
            let frame = watch.wait_for_frames(1);
            assert_eq!((0..64).all(|x| pixel(&frame, x * 10, 9) == [128; 3]), gray, "{found}");
        }
    });
}

#[test]
fn a_camera_tells_the_sizes_that_it_offers() {
    let sizes = |sizes: &str| VirtualCamera::new().expect("virtual camera").name(NAME).sizes(sizes);
    let cameras = [
        ("640x480 1280x720 1920x1080 3840x2160", sizes("3840x2160,640x480,1920x1080,1280x720")),
        ("640x360 640x480 1280x720 1920x1080 3840x2160", sizes("stepwise")),
        ("", sizes("none")),
    ];
    for_each("a_camera_tells_the_sizes_that_it_offers", cameras, |case| {
        let lists = DeviceLists::with_sizes();
        let offered: Vec<_> =
            lists.camera_sizes[NAME].iter().map(|(width, height)| format!("{width}x{height}")).collect();
        assert_eq!(offered.join(" "), case);
        let Some((width, height)) = lists.camera_sizes[NAME].first().copied() else { return };
        let watch = Watch::default();
        let format = CameraFormat { width, height, fps: 30 };
        let (frames, states) = (watch.on_frame(), watch.on_state());
        let _camera = Camera::open(DeviceChoice::Default, format, CardStyle::default(), frames, states);
        let frame = watch.wait_for_frames(1);
        assert_eq!((frame.width(), frame.height()), (width, height), "what was chosen is delivered");
    });
}

#[test]
fn a_stalled_camera_is_silent_and_comes_back() {
    with_camera("a_stalled_camera_is_silent_and_comes_back", || {
        let watch = Watch::default();
        let _camera = open(&watch, DeviceChoice::Default);
        watch.wait_for_on(NAME);
        watch.wait_for_frames(5);
        // The first stall is solved by a restart and isn't reported.
        switch(CameraMode::Stall);
        watch.wait_for(&DeviceState::Starting);
        switch(CameraMode::Run);
        watch.wait_for_on(NAME);
        watch.wait_for_frames(5);
        // A stall that one restart doesn't solve is reported.
        switch(CameraMode::Stall);
        let stalled = Instant::now();
        watch.wait_for_failure(DeviceProblem::Silent);
        eprintln!("noticed after {:?}", stalled.elapsed());
        switch(CameraMode::Run);
        watch.wait_for_on(NAME);
        watch.wait_for_frames(5);
        let (starting, on) = (|| DeviceState::Starting, || DeviceState::On { name: NAME.to_owned() });
        let silent = DeviceState::Failed(DeviceProblem::Silent);
        assert_eq!(watch.states(), [starting(), on(), starting(), on(), starting(), silent, on()]);
    });
}

#[test]
fn an_unplugged_camera_comes_back() {
    with_camera("an_unplugged_camera_comes_back", || {
        let watch = Watch::default();
        let _camera = open(&watch, DeviceChoice::Named("virtual".to_owned()));
        for _ in 0..2 {
            watch.wait_for_on(NAME);
            watch.wait_for_frames(5);
            switch(CameraMode::Unplug);
            watch.wait_for_failure(DeviceProblem::Unplugged);
            assert!(!list_cameras().contains(&NAME.to_owned()));
            let frames = watch.frames.count();
            switch(CameraMode::Run);
            watch.wait_for_on(NAME);
            assert!(watch.frames.count() > frames);
        }
    });
}

#[test]
fn why_a_camera_cannot_be_used_is_told_apart() {
    with_camera("why_a_camera_cannot_be_used_is_told_apart", || {
        for (mode, problem) in [
            (CameraMode::Busy, DeviceProblem::Busy),
            (CameraMode::Denied, DeviceProblem::Denied),
            (CameraMode::Unplug, DeviceProblem::NotFound),
        ] {
            switch(mode);
            let watch = Watch::default();
            let _camera = open(&watch, DeviceChoice::Default);
            watch.wait_for_failure(problem);
            switch(CameraMode::Run);
            watch.wait_for_on(NAME);
        }
        assert_eq!(list_cameras(), [NAME]);
        let watch = Watch::default();
        let _camera = open(&watch, DeviceChoice::Named("Logitech".to_owned()));
        watch.wait_for_failure(DeviceProblem::NotFound);
    });
}

#[test]
fn dropping_a_stalled_camera_takes_no_time_and_closes_the_device() {
    with_camera("dropping_a_stalled_camera_takes_no_time_and_closes_the_device", || {
        let watch = Watch::default();
        let camera = open(&watch, DeviceChoice::Default);
        watch.wait_for_frames(3);
        let open_devices = || {
            let files = std::fs::read_dir("/proc/self/fd").expect("files").flatten();
            files
                .filter_map(|file| file.path().read_link().ok())
                .filter(|to| to.to_string_lossy().contains("virtual-camera"))
                .count()
        };
        // The library holds one of them.
        assert_eq!(open_devices(), 2);
        switch(CameraMode::Stall);
        // Waits until the driver has no frames left and the camera's thread is blocked in it.
        let mut count = watch.frames.count();
        let mut since = Instant::now();
        wait_until("the stall", HANG_GUARD, || {
            if watch.frames.count() != count {
                (count, since) = (watch.frames.count(), Instant::now());
            }
            (since.elapsed() > Duration::from_millis(300)).then_some(())
        })
        .expect("stalled");
        let started = Instant::now();
        drop(camera);
        // Dropping doesn't wait for the driver, which hangs for ever.
        assert!(started.elapsed() < Duration::from_secs(2), "dropped after {:?}", started.elapsed());
        wait_until("closing", HANG_GUARD, || (open_devices() == 1).then_some(())).expect("the device is closed");
        switch(CameraMode::Run);
        assert_eq!(watch.frames.count(), count, "no frame after the drop");
    });
}

#[test]
fn the_test_card_is_a_camera_whose_latency_can_be_read() {
    let watch = Watch::default();
    let camera = open(&watch, DeviceChoice::Test);
    watch.wait_for_on("Test");
    let frame = watch.wait_for_frames(30);
    let captured = timecode::read(&frame).expect("a time code");
    assert!((frame.timestamp_us - captured).abs() < 100);
    assert!((0..1_000_000).contains(&(now_us() - captured)));
    assert_eq!((frame.width(), frame.height()), (1280, 720));
    drop(camera);
    let none = Watch::default();
    let _none = open(&none, DeviceChoice::None);
    assert_eq!(none.states(), [DeviceState::Off]);
}
