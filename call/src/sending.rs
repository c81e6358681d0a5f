//! Our camera and microphone: muting and publishing.

use std::time::{Duration, Instant};

use autamedica_engine::{LocalTrackPublication, RoomError, VideoResolution};
use autamedica_media::{DeviceChoice, DeviceState};

use super::event::{Event, task_failed};
use super::local::{Source, delivers};
use super::task::Task;
use super::{MediaState, ShareState, backoff};

/// Pause after a refused publication; doubled each time, up to [`MAX_RETRY_PAUSE`].
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(30);

/// Refused publications in a row, by source.
#[derive(Default)]
pub(super) struct Refusals([u32; 4]);

impl Refusals {
    /// Counts a refusal and returns the pause before the next attempt.
    fn pause(&mut self, source: Source) -> Duration {
        let count = &mut self.0[source as usize];
        let pause = backoff::pause(RETRY_PAUSE, *count, MAX_RETRY_PAUSE);
        *count += 1;
        pause
    }

    fn reset(&mut self, source: Source) {
        self.0[source as usize] = 0;
    }
}

impl Task {
    /// Sets whether we may only listen. Nothing is captured then; after getting permission the person unmutes by
    /// themselves.
    pub(super) fn set_listening(&mut self, listens: bool) {
        if listens && !self.state().listening {
            // The SFU removes publications when it revokes the permission.
            self.local.room_left();
            self.mute_camera(true);
            self.mute_microphone(true);
            self.stop_sharing(ShareState::Off);
            self.stop_second_camera(DeviceState::Off);
        }
        self.state().listening = listens;
    }

    pub(super) fn mute_camera(&mut self, mute: bool) {
        let mute = mute || self.state().listening;
        self.state().camera.muted = mute;
        self.local.mute(Source::Camera, mute);
        if mute {
            self.local.close_camera();
            self.state().camera.device = DeviceState::Off;
        } else if !self.local.has_camera() {
            self.local.open_camera();
        }
    }

    pub(super) fn mute_microphone(&mut self, mute: bool) {
        let mute = mute || self.state().listening;
        self.state().microphone.muted = mute;
        self.sync_mute(Source::Microphone);
    }

    /// Shows that the doctor muted us, so that we can unmute ourselves. Compares states instead of using events,
    /// because a lost event would look like muting by somebody else.
    pub(super) fn detect_remote_mutes(&mut self) {
        if self.local.was_muted_remotely(Source::Microphone) {
            self.mute_microphone(true);
        }
        if self.local.was_muted_remotely(Source::Camera) {
            self.mute_camera(true);
        }
    }

    /// Handles a state of our device.
    pub(super) fn on_device(&mut self, source: Source, device: u64, state: DeviceState) {
        if !self.local.is_newest(source, device) {
            return;
        }
        match source {
            Source::Screen => return self.on_screen(state),
            Source::SecondCamera => return self.on_second_camera(state),
            Source::Camera | Source::Microphone => {}
        }
        if self.replace_missing_device(source, &state) {
            return;
        }
        if !matches!(state, DeviceState::Starting) {
            self.local.close_replaced(source);
        }
        let there = delivers(&state);
        self.media(source).device = state;
        if there && source == Source::Microphone {
            self.publish(source);
        }
        self.sync_mute(source);
    }

    /// Sends this camera beside the first one.
    pub(super) fn start_second_camera(&mut self, choice: DeviceChoice) {
        if self.state().listening {
            return;
        }
        self.state().second_camera = DeviceState::Starting;
        let view = self.state().second_view.clone();
        self.local.open_second_camera(choice, view);
    }

    /// Stops sending the second camera. The state says why.
    pub(super) fn stop_second_camera(&mut self, state: DeviceState) {
        if let Some(publication) = self.local.close_second_camera() {
            self.unpublish(publication);
        }
        self.state().second_camera = state;
        self.state().second_view.clear();
    }

    /// Handles a state of the newest second camera. A lost one isn't waited for: the person has put it away, or connects
    /// and adds it again.
    fn on_second_camera(&mut self, state: DeviceState) {
        match state {
            DeviceState::Failed(_) => {
                tracing::info!(?state, "second camera is gone");
                self.stop_second_camera(state);
            }
            state => {
                self.local.mute(Source::SecondCamera, !delivers(&state));
                self.state().second_camera = state;
            }
        }
    }

    /// Sends our microphone as it is (`true`) or processed.
    pub(super) fn use_original_sound(&mut self, on: bool) {
        if self.state().original_sound == on {
            return;
        }
        tracing::info!(on, "original sound");
        self.state().original_sound = on;
        let replaced = self.local.set_original_sound(on);
        // One that does not deliver is published once it does.
        if replaced.is_some() || delivers(&self.state().microphone.device) {
            self.publish_instead(Source::Microphone, replaced);
        }
    }

    pub(super) fn on_sized(&mut self, source: Source, device: u64, size: VideoResolution) {
        if self.local.is_newest(source, device) {
            self.local.set_size(source, size);
            self.publish(source);
        }
    }

    /// Publishes the sources that deliver and are not published yet.
    pub(super) fn publish_all(&mut self) {
        self.publish(Source::Camera);
        if delivers(&self.state().microphone.device) {
            self.publish(Source::Microphone);
        }
        self.publish(Source::Screen);
        self.publish(Source::SecondCamera);
    }

    pub(super) fn publish(&mut self, source: Source) {
        self.publish_instead(source, None);
    }

    /// Publishes a source in place of its current publication.
    pub(super) fn publish_instead(&mut self, source: Source, replaces: Option<LocalTrackPublication>) {
        // Without the key, no participant could decrypt it.
        let lacks_key = self.lacks_key();
        let Some(session) = self.session.as_ref().filter(|session| session.sends() && !lacks_key) else { return };
        if source == Source::Camera {
            // The shown participants may be outdated.
            self.codec.observe_receivers(&self.remotes.states(), Instant::now());
        }
        match self.local.publish(source, &session.room.local_participant(), self.codec.camera()) {
            Ok(Some(mut job)) => {
                let (room, request) = (self.room_count, job.request);
                job.replaces = replaces;
                let if_panics = Event::Published { room, source, request, result: Err(task_failed()) };
                let work = async move { Event::Published { room, source, request, result: job.run().await } };
                self.spawn_job(if_panics, work);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(?source, %error, "track not created");
                if let Some(old) = replaces {
                    self.unpublish(old);
                }
                self.publish_again(source);
            }
        }
    }

    pub(super) fn on_published(
        &mut self,
        source: Source,
        request: u64,
        result: Result<LocalTrackPublication, RoomError>,
    ) {
        if source == Source::Camera {
            self.on_camera_published(&result);
        }
        let (publication, refused) = match &result {
            Ok(publication) => (Some(publication.clone()), false),
            Err(error) => (None, !matches!(error, RoomError::NotAllowed(_))),
        };
        let newest = self.local.published(source, request, result);
        match (newest, publication) {
            (true, Some(_)) => {
                self.refusals.reset(source);
                if source == Source::Screen {
                    self.state().screen = ShareState::On;
                }
                self.sync_mute(source);
            }
            (true, None) if source == Source::Screen => self.stop_sharing(ShareState::Failed),
            // Without permission, retrying is pointless; a new permission is an event of its own.
            (true, None) if refused => self.publish_again(source),
            // Stopped while the publication was pending.
            (false, Some(publication)) => self.unpublish(publication),
            (_, None) => {}
        }
    }

    /// Publishes a source again after a pause.
    fn publish_again(&mut self, source: Source) {
        let (room, pause) = (self.room_count, self.refusals.pause(source));
        self.spawn_job(Event::PublishAgain { room, source }, async move {
            tokio::time::sleep(pause).await;
            Event::PublishAgain { room, source }
        });
    }

    pub(super) fn unpublish(&mut self, publication: LocalTrackPublication) {
        let Some(session) = &self.session else { return };
        let participant = session.room.local_participant();
        self.jobs.spawn(async move {
            if let Err(error) = participant.unpublish_track(&publication.sid()).await {
                tracing::warn!(%error, "track not unpublished");
            }
        });
    }

    /// Mutes a published source if the person muted it or the device does not deliver.
    pub(super) fn sync_mute(&mut self, source: Source) {
        if matches!(source, Source::Camera | Source::Microphone) {
            let media = self.media(source);
            let mute = media.muted || !delivers(&media.device);
            self.local.mute(source, mute);
        }
    }

    fn media(&mut self, source: Source) -> &mut MediaState {
        let state = self.state();
        if source == Source::Camera { &mut state.camera } else { &mut state.microphone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_tried_again_ever_less_often() {
        let mut refusals = Refusals::default();
        let pauses: Vec<u64> = (0..7).map(|_| refusals.pause(Source::Camera).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(refusals.pause(Source::Microphone).as_secs(), 1);
        refusals.reset(Source::Camera);
        assert_eq!(refusals.pause(Source::Camera).as_secs(), 1);
    }
}
