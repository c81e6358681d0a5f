//! Our devices and their publications.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use autamedica_api::Role;
use autamedica_engine::{
    EngineError, LatestFrame, LocalAudioTrack, LocalParticipant, LocalTrack, LocalTrackPublication, LocalVideoTrack,
    NativeAudioSource, NativeVideoSource, RoomError, VideoResolution,
};
use autamedica_media::audio::{
    AudioProcessing, Microphone, MicrophoneOptions, Mixer, PlayoutMeter, SAMPLE_RATE, Speaker,
};
use autamedica_media::{Camera, CardStyle, DeviceChoice, DeviceState, Screen, ScreenOptions, ScreenSource};

use super::CallSettings;
use super::codec::CameraEncoding;
use super::encoding::{SoundEncoding, camera_options, screen_options};
use super::event::{Event, Events};
use super::outlet::{Outlet, feed_pictures, feed_sound};
use super::publication::{Job, MuteRequest, Publication};
use super::second_camera::{SECOND_CAMERA, SecondCamera};

/// Size of the audio queue in milliseconds; the engine keeps at most twice that. Must be small: audio queued while this
/// machine was busy delays everything after it. The receiver's jitter buffer absorbs more, and shrinks again.
const AUDIO_QUEUE_MS: u32 = 20;
/// Selected devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceChoices {
    /// Selected camera.
    pub camera: DeviceChoice,
    /// Selected microphone.
    pub microphone: DeviceChoice,
    /// Selected speaker.
    pub speaker: DeviceChoice,
}

/// Source of our media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Camera,
    Microphone,
    Screen,
    SecondCamera,
}

impl Source {
    pub(super) const ALL: [Self; 4] = [Self::Camera, Self::Microphone, Self::Screen, Self::SecondCamera];
}

/// Parts of the settings that differ from those before.
pub(super) struct Changed {
    pub(super) processing: bool,
    pub(super) picture: bool,
}

/// Our devices and publications.
pub(super) struct LocalMedia {
    pub(super) choices: DeviceChoices,
    settings: CallSettings,
    role: Role,
    events: Events,
    self_view: LatestFrame,
    mixer: Mixer,
    /// Recipient of measurements of the speaker's audio.
    meter: Option<PlayoutMeter>,
    camera: Option<Camera>,
    microphone: Option<Microphone>,
    screen: Option<Screen>,
    second_camera: SecondCamera,
    speaker: Option<Speaker>,
    /// Replaced devices, which continue until their successors deliver.
    retiring: (Option<Camera>, Option<Microphone>),
    processing: Option<AudioProcessing>,
    camera_outlet: Outlet<NativeVideoSource>,
    microphone_outlet: Outlet<NativeAudioSource>,
    screen_outlet: Outlet<NativeVideoSource>,
    /// Microphones are sent as they are.
    original_sound: bool,
    /// Bandwidth fallback is active.
    reduced: Arc<AtomicBool>,
    /// Size of the captured frames, once known.
    camera_size: Option<VideoResolution>,
    screen_size: Option<VideoResolution>,
    publications: [Publication; 4],
    /// Encoding of the last publication of the camera.
    camera_encoding: Option<CameraEncoding>,
    /// The camera's publication was made for another picture quality.
    picture_changed: bool,
    /// Number of devices opened, by source, then speaker.
    devices: [u64; 5],
    /// Number of publications requested.
    request: u64,
}

impl LocalMedia {
    pub(super) fn new(
        choices: DeviceChoices,
        settings: CallSettings,
        role: Role,
        self_view: LatestFrame,
        (mixer, meter): (Mixer, Option<PlayoutMeter>),
        events: Events,
    ) -> Self {
        Self {
            choices,
            settings,
            role,
            events,
            self_view,
            mixer,
            meter,
            camera: None,
            microphone: None,
            screen: None,
            second_camera: SecondCamera::default(),
            speaker: None,
            retiring: (None, None),
            processing: None,
            camera_outlet: Outlet::new(),
            microphone_outlet: Outlet::new(),
            screen_outlet: Outlet::new(),
            original_sound: false,
            reduced: Arc::default(),
            camera_size: None,
            screen_size: None,
            publications: Default::default(),
            camera_encoding: None,
            picture_changed: false,
            devices: [0; 5],
            request: 0,
        }
    }

    /// Opens speaker, microphone and camera. Returns at once; each reports with events.
    pub(super) fn open(&mut self) {
        self.open_processing();
        self.open_speaker();
        self.open_microphone();
        self.open_camera();
    }

    /// Creates the audio processing of the settings, for the speaker and microphone opened next.
    pub(super) fn open_processing(&mut self) {
        // A call works without audio processing, but may have echo.
        self.processing = AudioProcessing::with_options(self.settings.processing())
            .inspect_err(|error| tracing::warn!(%error, "audio processing not available"))
            .ok();
    }

    /// Replaces the settings, except the codec. Returns which parts changed.
    pub(super) fn change_settings(&mut self, settings: CallSettings) -> Changed {
        let before = self.settings;
        self.settings = CallSettings { video_codec: before.video_codec, ..settings };
        let changed = Changed {
            processing: before.processing() != settings.processing(),
            picture: before.picture != settings.picture || before.camera_size != settings.camera_size,
        };
        self.picture_changed |= changed.picture;
        changed
    }

    /// Returns the number of the next device. Outdates earlier devices.
    fn next_device(&mut self, index: usize) -> u64 {
        self.devices[index] += 1;
        self.devices[index]
    }

    /// Returns whether the device is the newest of its source.
    pub(super) fn is_newest(&self, source: Source, device: u64) -> bool {
        self.devices[source as usize] == device
    }

    /// Returns whether the speaker is the newest.
    pub(super) fn is_newest_speaker(&self, device: u64) -> bool {
        self.devices[SPEAKER] == device
    }

    /// Opens the speaker. Closes an open one first, because both would take audio from the mixer.
    pub(super) fn open_speaker(&mut self) {
        self.speaker = None;
        let (device, events) = (self.next_device(SPEAKER), self.events.clone());
        let on_state = move |state| events.send(Event::Speaker { device, state });
        let (choice, mixer) = (self.choices.speaker.clone(), self.mixer.clone());
        let (processing, meter) = (self.processing.clone(), self.meter.clone());
        self.speaker = Some(Speaker::open_measured(choice, mixer, processing, meter, on_state));
    }

    /// Opens the microphone. An open one continues until the new one delivers.
    pub(super) fn open_microphone(&mut self) {
        self.retiring.1 = self.microphone.take().or(self.retiring.1.take());
        let (device, events) = (self.next_device(Source::Microphone as usize), self.events.clone());
        let options = MicrophoneOptions {
            choice: self.choices.microphone.clone(),
            tone_hz: test_tone_hz(self.role),
            processing: self.processing.clone().filter(|_| !self.original_sound),
        };
        let on_state = move |state| events.send(Event::Device { source: Source::Microphone, device, state });
        let sink = feed_sound(device, self.microphone_outlet.clone());
        self.microphone = Some(Microphone::open(options, sink, on_state));
    }

    /// Opens the camera. An open one continues until the new one delivers.
    pub(super) fn open_camera(&mut self) {
        self.retiring.0 = self.camera.take().or(self.retiring.0.take());
        let (sizes, states) = (self.events.clone(), self.events.clone());
        let source = Source::Camera;
        let device = self.next_device(source as usize);
        let (outlet, self_view, reduced) = (self.camera_outlet.clone(), self.self_view.clone(), self.reduced.clone());
        let on_frame = feed_pictures((source, device), outlet, Some(self_view), reduced, sizes);
        let style = CardStyle::new(self.role.as_str(), u8::from(self.role == Role::Patient));
        let (choice, format) = (self.choices.camera.clone(), self.settings.camera_format());
        let on_state = move |state| states.send(Event::Device { source, device, state });
        self.camera = Some(Camera::open(choice, format, style, on_frame, on_state));
    }

    /// Closes the replaced device once the newest of the source delivers or fails.
    pub(super) fn close_replaced(&mut self, source: Source) {
        match source {
            Source::Camera => self.retiring.0 = None,
            Source::Microphone => self.retiring.1 = None,
            Source::Screen | Source::SecondCamera => {}
        }
    }

    /// Starts (`true`) or stops the bandwidth fallback.
    pub(super) fn reduce_camera(&self, reduce: bool) {
        self.reduced.store(reduce, Ordering::Relaxed);
    }

    /// Returns whether the camera is open or being opened.
    pub(super) fn has_camera(&self) -> bool {
        self.camera.is_some()
    }

    /// Closes the camera, so that its light goes out.
    pub(super) fn close_camera(&mut self) {
        self.next_device(Source::Camera as usize);
        self.camera = None;
        self.retiring.0 = None;
        self.self_view.clear();
    }

    /// Opens a second camera, in place of an open one.
    pub(super) fn open_second_camera(&mut self, choice: DeviceChoice, view: LatestFrame) {
        let (sizes, states) = (self.events.clone(), self.events.clone());
        let source = Source::SecondCamera;
        let device = self.next_device(source as usize);
        let (outlet, reduced) = (self.second_camera.outlet.clone(), self.reduced.clone());
        let on_frame = feed_pictures((source, device), outlet, Some(view), reduced, sizes);
        let on_state = move |state| states.send(Event::Device { source, device, state });
        // The size in the settings is the first camera's.
        let format = CallSettings { camera_size: None, ..self.settings }.camera_format();
        self.second_camera.open(choice, format, on_frame, on_state);
    }

    /// Closes the second camera. Returns its publication, to be unpublished.
    pub(super) fn close_second_camera(&mut self) -> Option<LocalTrackPublication> {
        self.next_device(Source::SecondCamera as usize);
        self.second_camera = SecondCamera::default();
        self.withdraw(Source::SecondCamera)
    }

    /// Starts or restarts capturing the screen.
    pub(super) fn open_screen(&mut self, screen: ScreenSource) {
        let (sizes, states) = (self.events.clone(), self.events.clone());
        let source = Source::Screen;
        let device = self.next_device(source as usize);
        let on_frame = feed_pictures((source, device), self.screen_outlet.clone(), None, Arc::default(), sizes);
        let options = ScreenOptions { source: screen, ..ScreenOptions::default() };
        let on_state = move |state| states.send(Event::Device { source, device, state });
        self.screen = Some(Screen::open(options, on_frame, on_state));
    }

    /// Stops capturing the screen. Returns its publication, to be unpublished.
    pub(super) fn close_screen(&mut self) -> Option<LocalTrackPublication> {
        self.next_device(Source::Screen as usize);
        self.screen = None;
        self.screen_size = None;
        self.screen_outlet.set(None);
        self.withdraw(Source::Screen)
    }

    /// Forgets the publication of a source. Returns it, to be unpublished.
    fn withdraw(&mut self, source: Source) -> Option<LocalTrackPublication> {
        match std::mem::take(self.publication(source)) {
            Publication::Published { publication, .. } => Some(publication),
            Publication::None | Publication::Requested(_) => None,
        }
    }

    /// Sends microphones as they are (`true`) or processed. Returns the publication made for the other kind of sound, for
    /// another to replace it.
    pub(super) fn set_original_sound(&mut self, on: bool) -> Option<LocalTrackPublication> {
        self.original_sound = on;
        self.open_microphone();
        self.microphone_outlet.set(None);
        self.withdraw(Source::Microphone)
    }

    /// Sets the size of a source's frames.
    pub(super) fn set_size(&mut self, source: Source, size: VideoResolution) {
        match source {
            Source::Camera => {
                self.camera_size = Some(size);
                if std::mem::take(&mut self.picture_changed) {
                    // The codec policy replaces a publication that wasn't made as it wants.
                    self.camera_encoding = None;
                }
            }
            Source::Screen => self.screen_size = Some(size),
            Source::SecondCamera => self.second_camera.size = Some(size),
            Source::Microphone => {}
        }
    }

    /// Creates a job that publishes a source, if it delivers and is not published. `camera` is the encoding of the
    /// camera.
    ///
    /// # Errors
    /// [`EngineError`] when creating the track fails.
    pub(super) fn publish(
        &mut self,
        source: Source,
        participant: &LocalParticipant,
        camera: CameraEncoding,
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
                self.camera_encoding = Some(camera);
                (track, camera_options(camera, self.settings.picture.encoding()))
            }
            Source::Screen => {
                let Some(size) = self.screen_size else { return Ok(None) };
                let native = NativeVideoSource::new(size, true)?;
                self.screen_outlet.set(Some(native.clone()));
                let track = LocalTrack::Video(LocalVideoTrack::create_video_track("screen", native)?);
                (track, screen_options())
            }
            Source::SecondCamera => {
                let Some(size) = self.second_camera.size else { return Ok(None) };
                let native = NativeVideoSource::new(size, false)?;
                self.second_camera.outlet.set(Some(native.clone()));
                let track = LocalTrack::Video(LocalVideoTrack::create_video_track(SECOND_CAMERA, native)?);
                let encoding = CameraEncoding { simulcast: false, ..camera };
                (track, camera_options(encoding, self.settings.picture.encoding()))
            }
            Source::Microphone => {
                let sound = SoundEncoding::new(self.original_sound);
                let native = NativeAudioSource::new(SAMPLE_RATE, sound.channels, AUDIO_QUEUE_MS)?;
                self.microphone_outlet.set(Some(native.clone()));
                let track = LocalTrack::Audio(LocalAudioTrack::create_audio_track("microphone", native)?);
                (track, sound.options())
            }
        };
        self.request += 1;
        let request = self.request;
        *self.publication(source) = Publication::Requested(request);
        Ok(Some(Job { request, participant: participant.clone(), track, options, replaces: None }))
    }

    /// Removes the camera's publication if its encoding differs, so that another can replace it.
    pub(super) fn retract_camera(&mut self, encoding: CameraEncoding) -> Option<LocalTrackPublication> {
        if self.camera_encoding == Some(encoding) {
            return None;
        }
        let publication = self.publication(Source::Camera);
        match std::mem::take(publication) {
            Publication::Published { publication, .. } => {
                self.empty_outlet(Source::Camera);
                Some(publication)
            }
            other => {
                *publication = other;
                None
            }
        }
    }

    /// Handles the result of a publication. Returns whether it was the last one requested.
    pub(super) fn published(
        &mut self,
        source: Source,
        request: u64,
        result: Result<LocalTrackPublication, RoomError>,
    ) -> bool {
        if !matches!(self.publication(source), Publication::Requested(number) if *number == request) {
            return false;
        }
        *self.publication(source) = match result {
            Ok(publication) => {
                let requested = MuteRequest { muted: publication.is_muted(), at: Instant::now() };
                Publication::Published { publication, requested }
            }
            Err(error) => {
                tracing::warn!(?source, %error, "source not published");
                // The engine may still publish it later, when nothing could mute it: its source gets no frames.
                self.empty_outlet(source);
                Publication::None
            }
        };
        true
    }

    /// Mutes (`true`) or unmutes a source: at the device at once, and in the room if it is published.
    pub(super) fn mute(&mut self, source: Source, mute: bool) {
        match source {
            Source::Camera => self.camera_outlet.shut(mute),
            Source::Microphone => self.microphone_outlet.shut(mute),
            Source::Screen => self.screen_outlet.shut(mute),
            Source::SecondCamera => self.second_camera.outlet.shut(mute),
        }
        let Publication::Published { publication, requested } = self.publication(source) else { return };
        if requested.muted == mute {
            return;
        }
        *requested = MuteRequest { muted: mute, at: Instant::now() };
        let result = if mute { publication.mute() } else { publication.unmute() };
        if let Err(error) = result {
            tracing::warn!(?source, mute, %error, "mute state not changed");
        }
    }

    /// Returns whether another participant muted a source that we want unmuted, and accepts the muting.
    pub(super) fn was_muted_remotely(&mut self, source: Source) -> bool {
        let Publication::Published { publication, requested } = self.publication(source) else { return false };
        let by_other = requested.is_contradicted(publication.is_muted(), Instant::now());
        if by_other {
            requested.muted = true;
        }
        by_other
    }

    /// Returns the publication of a source.
    pub(super) fn in_room(&self, source: Source) -> Option<&LocalTrackPublication> {
        match &self.publications[source as usize] {
            Publication::Published { publication, .. } => Some(publication),
            Publication::None | Publication::Requested(_) => None,
        }
    }

    /// Resets the publications after leaving the room or losing the permission to publish. The devices continue.
    pub(super) fn room_left(&mut self) {
        Source::ALL.into_iter().for_each(|source| self.empty_outlet(source));
        self.publications = Default::default();
    }

    /// Closes all devices at once, including the camera's light.
    pub(super) fn close(&mut self) {
        self.close_camera();
        (self.microphone, self.retiring.1) = (None, None);
        self.screen = None;
        self.second_camera = SecondCamera::default();
        self.speaker = None;
    }

    fn empty_outlet(&self, source: Source) {
        match source {
            Source::Camera => self.camera_outlet.set(None),
            Source::Microphone => self.microphone_outlet.set(None),
            Source::Screen => self.screen_outlet.set(None),
            Source::SecondCamera => self.second_camera.outlet.set(None),
        }
    }

    fn publication(&mut self, source: Source) -> &mut Publication {
        &mut self.publications[source as usize]
    }
}

/// Index of the speaker in `devices`.
const SPEAKER: usize = 4;

/// Returns a tone for each role, so that a report shows whose audio was heard.
fn test_tone_hz(role: Role) -> f64 {
    match role {
        Role::Patient => 440.0,
        Role::Doctor => 660.0,
        Role::Observer => 880.0,
    }
}

/// Returns whether a device delivers.
pub(super) fn delivers(state: &DeviceState) -> bool {
    matches!(state, DeviceState::On { .. })
}
