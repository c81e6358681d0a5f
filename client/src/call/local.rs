//! What we send: our devices, and their publications in the room that is up at the moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autamedica_api::Role;
use autamedica_engine::{
    EngineError, LatestFrame, LocalAudioTrack, LocalParticipant, LocalTrack, LocalTrackPublication, LocalVideoTrack,
    NativeAudioSource, NativeVideoSource, RoomError, TrackPublishOptions, TrackSource, VideoEncoding, VideoFrame,
    VideoResolution,
};
use parking_lot::Mutex;

use super::CallSettings;
use super::event::{Event, Events};
use crate::device::audio::{AudioProcessing, Microphone, MicrophoneOptions, Mixer, SAMPLE_RATE, Speaker};
use crate::device::{Camera, CardStyle, DeviceChoice, DeviceState, Screen, ScreenOptions};

/// Text must stay sharp; half the camera's rate is enough for it.
const SCREEN_ENCODING: VideoEncoding = VideoEncoding { max_bitrate: 2_500_000, max_framerate: 15.0 };
/// The engine keeps so much sound at most before it is sent.
const AUDIO_QUEUE_MS: u32 = 100;

/// Which devices to use.
#[derive(Clone, Debug, Default)]
pub struct DeviceChoices {
    /// The camera.
    pub camera: DeviceChoice,
    /// The microphone.
    pub microphone: DeviceChoice,
    /// The speaker.
    pub speaker: DeviceChoice,
}

/// Which of our sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Camera,
    Microphone,
    Screen,
}

/// A device thread's way into the room that is up: filled when one is entered, emptied when it is left, and shut while
/// its source is muted, so that nothing gets out whatever the engine makes of the muting.
struct Outlet<S>(Arc<Way<S>>);

struct Way<S> {
    source: Mutex<Option<S>>,
    shut: AtomicBool,
}

impl<S: Clone> Outlet<S> {
    fn new() -> Self {
        Self(Arc::new(Way { source: Mutex::new(None), shut: AtomicBool::new(false) }))
    }

    fn set(&self, source: Option<S>) {
        *self.0.source.lock() = source;
    }

    fn shut(&self, shut: bool) {
        self.0.shut.store(shut, Ordering::Release);
    }

    fn get(&self) -> Option<S> {
        if self.0.shut.load(Ordering::Acquire) { None } else { self.0.source.lock().clone() }
    }
}

impl<S> Clone for Outlet<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// One of our sources in the room.
#[derive(Default)]
enum Publication {
    #[default]
    None,
    Asked,
    There(LocalTrackPublication),
}

/// Our devices and what the room has of them.
pub(super) struct LocalMedia {
    choices: DeviceChoices,
    settings: CallSettings,
    role: Role,
    events: Events,
    self_view: LatestFrame,
    camera: Option<Camera>,
    microphone: Option<Microphone>,
    screen: Option<Screen>,
    pub(super) speaker: Option<Speaker>,
    processing: Option<AudioProcessing>,
    camera_outlet: Outlet<NativeVideoSource>,
    microphone_outlet: Outlet<NativeAudioSource>,
    screen_outlet: Outlet<NativeVideoSource>,
    /// The size of the pictures, once one came.
    camera_size: Option<VideoResolution>,
    screen_size: Option<VideoResolution>,
    publications: [Publication; 3],
}

impl LocalMedia {
    pub(super) fn new(
        choices: DeviceChoices,
        settings: CallSettings,
        role: Role,
        self_view: LatestFrame,
        events: Events,
    ) -> Self {
        Self {
            choices,
            settings,
            role,
            events,
            self_view,
            camera: None,
            microphone: None,
            screen: None,
            speaker: None,
            processing: None,
            camera_outlet: Outlet::new(),
            microphone_outlet: Outlet::new(),
            screen_outlet: Outlet::new(),
            camera_size: None,
            screen_size: None,
            publications: Default::default(),
        }
    }

    /// Opens speaker, microphone and camera. Returns at once; each reports through events.
    pub(super) fn open(&mut self, mixer: Mixer) {
        // Without the engine's processing a call still works, with whatever echo the room has.
        self.processing = AudioProcessing::with_options(self.settings.processing())
            .inspect_err(|error| tracing::warn!(%error, "no echo cancellation"))
            .ok();
        let events = self.events.clone();
        self.speaker =
            Some(Speaker::open(self.choices.speaker.clone(), mixer, self.processing.clone(), move |state| {
                events.send(Event::Speaker(state));
            }));
        self.open_microphone();
        self.open_camera();
    }

    fn open_microphone(&mut self) {
        let (outlet, events) = (self.microphone_outlet.clone(), self.events.clone());
        let options = MicrophoneOptions {
            choice: self.choices.microphone.clone(),
            tone_hz: test_tone_hz(self.role),
            processing: self.processing.clone(),
        };
        let sink = move |chunk: &crate::device::audio::Chunk| {
            if let Some(source) = outlet.get() {
                // A full queue means that the engine is behind: this piece is lost, the next may not be.
                if let Err(error) = source.try_capture_frame(chunk) {
                    tracing::trace!(%error, "sound not sent");
                }
            }
        };
        let on_state = move |state| events.send(Event::Device(Source::Microphone, state));
        self.microphone = Some(Microphone::open(options, sink, on_state));
    }

    /// Opens the camera, unless it is.
    pub(super) fn open_camera(&mut self) {
        if self.camera.is_some() {
            return;
        }
        let (sizes, states) = (self.events.clone(), self.events.clone());
        let on_frame = feed(Source::Camera, self.camera_outlet.clone(), Some(self.self_view.clone()), sizes);
        let style = CardStyle::new(self.role.as_str(), u8::from(self.role == Role::Patient));
        self.camera = Some(Camera::open(
            self.choices.camera.clone(),
            self.settings.picture.format(),
            style,
            on_frame,
            move |state| states.send(Event::Device(Source::Camera, state)),
        ));
    }

    /// Closes the camera, so that its light goes out.
    pub(super) fn close_camera(&mut self) {
        self.camera = None;
        self.self_view.clear();
    }

    /// Starts to capture the screen.
    pub(super) fn open_screen(&mut self) {
        let (sizes, states) = (self.events.clone(), self.events.clone());
        let on_frame = feed(Source::Screen, self.screen_outlet.clone(), None, sizes);
        self.screen = Some(Screen::open(ScreenOptions::default(), on_frame, move |state| {
            states.send(Event::Device(Source::Screen, state));
        }));
    }

    /// Stops to capture the screen, and takes it out of the room.
    pub(super) fn close_screen(&mut self) -> Option<LocalTrackPublication> {
        self.screen = None;
        self.screen_size = None;
        self.screen_outlet.set(None);
        match std::mem::take(self.publication(Source::Screen)) {
            Publication::There(publication) => Some(publication),
            Publication::None | Publication::Asked => None,
        }
    }

    /// The first picture of a source came, of this size.
    pub(super) fn sized(&mut self, source: Source, size: VideoResolution) {
        match source {
            Source::Camera => self.camera_size = Some(size),
            Source::Screen => self.screen_size = Some(size),
            Source::Microphone => {}
        }
    }

    /// What has to be published in this room now: sources that deliver and aren't there yet.
    pub(super) fn publish(
        &mut self,
        source: Source,
        participant: &LocalParticipant,
    ) -> Result<Option<Job>, EngineError> {
        if !matches!(self.publication(source), Publication::None) {
            return Ok(None);
        }
        let (track, options) = match source {
            Source::Camera => {
                let Some(size) = self.camera_size else { return Ok(None) };
                let native = NativeVideoSource::new(size, false)?;
                self.camera_outlet.set(Some(native.clone()));
                let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", native)?);
                (track, video_options(TrackSource::Camera, self.settings.picture.encoding(), true))
            }
            Source::Screen => {
                let Some(size) = self.screen_size else { return Ok(None) };
                let native = NativeVideoSource::new(size, true)?;
                self.screen_outlet.set(Some(native.clone()));
                let track = LocalTrack::Video(LocalVideoTrack::create_video_track("screen", native)?);
                (track, video_options(TrackSource::Screenshare, SCREEN_ENCODING, false))
            }
            Source::Microphone => {
                let native = NativeAudioSource::new(SAMPLE_RATE, 1, AUDIO_QUEUE_MS)?;
                self.microphone_outlet.set(Some(native.clone()));
                let track = LocalTrack::Audio(LocalAudioTrack::create_audio_track("microphone", native)?);
                (track, TrackPublishOptions { source: TrackSource::Microphone, ..TrackPublishOptions::default() })
            }
        };
        *self.publication(source) = Publication::Asked;
        Ok(Some(Job { participant: participant.clone(), track, options }))
    }

    /// The room has it, muted as it should be, or refused.
    pub(super) fn published(&mut self, source: Source, result: Result<LocalTrackPublication, RoomError>) -> bool {
        match result {
            // It was closed while the room was being asked: the caller takes it out again.
            Ok(_) if matches!(self.publication(source), Publication::None) => false,
            Ok(publication) => {
                *self.publication(source) = Publication::There(publication);
                true
            }
            Err(error) => {
                tracing::warn!(?source, %error, "the room doesn't take it");
                *self.publication(source) = Publication::None;
                // The engine may still publish it, late and with nobody to mute it: it gets nothing.
                match source {
                    Source::Camera => self.camera_outlet.set(None),
                    Source::Microphone => self.microphone_outlet.set(None),
                    Source::Screen => self.screen_outlet.set(None),
                }
                false
            }
        }
    }

    /// Mutes (`true`) or unmutes a source: at its device at once, and in the room if it is there.
    pub(super) fn mute(&mut self, source: Source, mute: bool) {
        match source {
            Source::Camera => self.camera_outlet.shut(mute),
            Source::Microphone => self.microphone_outlet.shut(mute),
            Source::Screen => self.screen_outlet.shut(mute),
        }
        if let Publication::There(publication) = self.publication(source) {
            let result = if mute { publication.mute() } else { publication.unmute() };
            if let Err(error) = result {
                tracing::warn!(?source, mute, %error, "can't change the muting");
            }
        }
    }

    /// The room is gone: nothing is published any more, the devices go on.
    pub(super) fn room_left(&mut self) {
        self.camera_outlet.set(None);
        self.microphone_outlet.set(None);
        self.screen_outlet.set(None);
        self.publications = Default::default();
    }

    /// Closes every device at once: the camera's light goes out, the microphone hears no more.
    pub(super) fn close(&mut self) {
        self.close_camera();
        self.microphone = None;
        self.screen = None;
        self.speaker = None;
    }

    fn publication(&mut self, source: Source) -> &mut Publication {
        &mut self.publications[source as usize]
    }
}

/// A publication to be asked for, away from the call task.
pub(super) struct Job {
    participant: LocalParticipant,
    track: LocalTrack,
    options: TrackPublishOptions,
}

impl Job {
    /// Asks the room.
    pub(super) async fn run(self) -> Result<LocalTrackPublication, RoomError> {
        self.participant.publish_track(self.track, self.options).await
    }
}

/// What a camera's or screen's thread does with each picture.
fn feed(
    source: Source,
    outlet: Outlet<NativeVideoSource>,
    self_view: Option<LatestFrame>,
    events: Events,
) -> impl FnMut(Arc<VideoFrame>) + Send + 'static {
    let mut size = None;
    move |frame| {
        let now = VideoResolution { width: frame.width(), height: frame.height() };
        if size != Some(now) {
            size = Some(now);
            events.send(Event::Sized(source, now));
        }
        if let Some(native) = outlet.get()
            && let Err(error) = native.capture_frame(&frame, frame.timestamp_us)
        {
            tracing::trace!(?source, %error, "picture not sent");
        }
        if let Some(slot) = &self_view {
            slot.put(frame);
        }
    }
}

fn video_options(source: TrackSource, encoding: VideoEncoding, simulcast: bool) -> TrackPublishOptions {
    TrackPublishOptions { source, video_encoding: Some(encoding), simulcast, ..TrackPublishOptions::default() }
}

/// Two tones that can't be taken for each other, so that a report shows whose sound was heard.
fn test_tone_hz(role: Role) -> f64 {
    match role {
        Role::Patient => 440.0,
        Role::Doctor => 660.0,
    }
}

/// Whether a device delivers.
pub(super) fn delivers(state: &DeviceState) -> bool {
    matches!(state, DeviceState::On { .. })
}
