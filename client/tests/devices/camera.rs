//! nokhwa on the virtual camera: formats, stalls, unplugging.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use autamedica_client::device::{
    Camera, CameraFormat, CardStyle, DeviceChoice, DeviceProblem, DeviceState, list_cameras, now_us, timecode,
};
use autamedica_lab::{CameraMode, HANG_GUARD, VirtualCamera, set_camera_mode, wait_until};

use crate::child::{Child, is_child};
use crate::watch::{Watch, near, pixel, yuv};

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

/// The colour bars in a camera's format.
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

/// Runs a test's body in a child that sees the virtual camera.
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
        // Thirty frames at 30 a second; more pass when this thread looks late.
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

#[test]
fn a_stalled_camera_is_silent_and_comes_back() {
    with_camera("a_stalled_camera_is_silent_and_comes_back", || {
        let watch = Watch::default();
        let _camera = open(&watch, DeviceChoice::Default);
        watch.wait_for_on(NAME);
        watch.wait_for_frames(5);
        // It hangs, and a restart helps: nobody need be told.
        switch(CameraMode::Stall);
        watch.wait_for(&DeviceState::Starting);
        switch(CameraMode::Run);
        watch.wait_for_on(NAME);
        watch.wait_for_frames(5);
        // It hangs on: that is told after one restart.
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
        // One of them is the library's own.
        assert_eq!(open_devices(), 2);
        switch(CameraMode::Stall);
        // Until the driver has nothing left and the camera's thread is stuck in it.
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
        // It doesn't wait for the driver, which hangs for ever.
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
