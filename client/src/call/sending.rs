//! Our own camera and microphone: muted or not, published or to be published again.

use std::time::{Duration, Instant};

use autamedica_engine::{LocalTrackPublication, RoomError, VideoResolution};

use super::event::{Event, broke_off};
use super::local::{Source, delivers};
use super::task::Task;
use super::{MediaState, ShareState, backoff};
use crate::device::DeviceState;

/// From a refused publication to the next try; doubled each time, up to [`RETRY_AT_MOST`].
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);

/// How often publishing was refused in a row.
#[derive(Default)]
pub(super) struct Refusals([u32; 3]);

impl Refusals {
    /// One more: how long to wait before the next try.
    fn pause(&mut self, source: Source) -> Duration {
        let count = &mut self.0[source as usize];
        let pause = backoff::pause(RETRY_AFTER, *count, RETRY_AT_MOST);
        *count += 1;
        pause
    }

    fn forget(&mut self, source: Source) {
        self.0[source as usize] = 0;
    }
}

impl Task {
    /// Notes whether we may only listen. Then nothing is captured either; who may speak again switches on what they want.
    pub(super) fn listen(&mut self, listens: bool) {
        if listens && !self.state().listening {
            // The SFU has thrown out what was published, if anything was.
            self.local.room_left();
            self.mute_camera(true);
            self.mute_microphone(true);
            self.stop_sharing(ShareState::Off);
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
        self.mute_as_is(Source::Microphone);
    }

    /// Shows that the doctor muted us, and we can unmute ourselves. Compares states, so that no lost event puts the blame on
    /// somebody.
    pub(super) fn follow_mutings(&mut self) {
        if self.local.was_muted(Source::Microphone) {
            self.mute_microphone(true);
        }
        if self.local.was_muted(Source::Camera) {
            self.mute_camera(true);
        }
    }

    /// A device of ours reports.
    pub(super) fn on_device(&mut self, source: Source, device: u64, state: DeviceState) {
        if !self.local.is_newest(source, device) {
            return;
        }
        if source == Source::Screen {
            return self.on_screen(state);
        }
        if self.fell_back(source, &state) {
            return;
        }
        if !matches!(state, DeviceState::Starting) {
            self.local.settled(source);
        }
        let there = delivers(&state);
        self.media(source).device = state;
        if there && source == Source::Microphone {
            self.publish(source);
        }
        self.mute_as_is(source);
    }

    pub(super) fn on_sized(&mut self, source: Source, device: u64, size: VideoResolution) {
        if self.local.is_newest(source, device) {
            self.local.sized(source, size);
            self.publish(source);
        }
    }

    /// Publishes what delivers and isn't in the room yet.
    pub(super) fn publish_all(&mut self) {
        self.publish(Source::Camera);
        if delivers(&self.state().microphone.device) {
            self.publish(Source::Microphone);
        }
        self.publish(Source::Screen);
    }

    pub(super) fn publish(&mut self, source: Source) {
        self.publish_instead(source, None);
    }

    /// Publishes a source in place of a publication that the room still has.
    pub(super) fn publish_instead(&mut self, source: Source, replaces: Option<LocalTrackPublication>) {
        // Without the key nobody could read it.
        let lacks_key = self.lacks_key();
        let Some(session) = self.session.as_ref().filter(|session| session.sends() && !lacks_key) else { return };
        if source == Source::Camera {
            // Who is here may not be shown yet.
            self.codec.look_at_others(&self.remotes.states(), Instant::now());
        }
        match self.local.publish(source, &session.room.local_participant(), self.codec.camera()) {
            Ok(Some(mut job)) => {
                let (room, asked) = (self.rooms, job.asked);
                job.replaces = replaces;
                let if_panics = Event::Published { room, source, asked, result: Err(broke_off()) };
                let work = async move { Event::Published { room, source, asked, result: job.run().await } };
                self.beside(if_panics, work);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(?source, %error, "can't make a track");
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
        asked: u64,
        result: Result<LocalTrackPublication, RoomError>,
    ) {
        if source == Source::Camera {
            self.note_camera(&result);
        }
        let (publication, refused) = match &result {
            Ok(publication) => (Some(publication.clone()), false),
            Err(error) => (None, !matches!(error, RoomError::NotAllowed(_))),
        };
        let newest = self.local.published(source, asked, result);
        match (newest, publication) {
            (true, Some(_)) => {
                self.refusals.forget(source);
                if source == Source::Screen {
                    self.state().screen = ShareState::On;
                }
                self.mute_as_is(source);
            }
            (true, None) if source == Source::Screen => self.stop_sharing(ShareState::Failed),
            // Without the right, only another permission helps, which is an event of its own.
            (true, None) if refused => self.publish_again(source),
            // It isn't wanted any more: it was stopped while the room was still being asked.
            (false, Some(publication)) => self.unpublish(publication),
            (_, None) => {}
        }
    }

    /// Publishes a source again after a pause.
    fn publish_again(&mut self, source: Source) {
        let (room, pause) = (self.rooms, self.refusals.pause(source));
        self.beside(Event::PublishAgain { room, source }, async move {
            tokio::time::sleep(pause).await;
            Event::PublishAgain { room, source }
        });
    }

    pub(super) fn unpublish(&mut self, publication: LocalTrackPublication) {
        let Some(session) = &self.session else { return };
        let participant = session.room.local_participant();
        self.jobs.spawn(async move {
            if let Err(error) = participant.unpublish_track(&publication.sid()).await {
                tracing::warn!(%error, "can't take a track out of the room");
            }
        });
    }

    /// The others see a source as muted when the person muted it or the device delivers nothing.
    pub(super) fn mute_as_is(&mut self, source: Source) {
        if source != Source::Screen {
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
        refusals.forget(Source::Camera);
        assert_eq!(refusals.pause(Source::Camera).as_secs(), 1);
    }
}
