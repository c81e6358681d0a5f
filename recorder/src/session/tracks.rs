//! Streams of all recorded tracks.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use autamedica_engine::{
    AudioStream, FirstPicture, RemoteAudioTrack, RemoteParticipant, RemoteTrack, RemoteTrackPublication,
    RemoteVideoTrack, StreamError, TrackSource, VideoStream,
};

use super::sync::{AudioDelays, video_source};
use crate::audio::{CHANNELS, Mixer, RATE};
use crate::video::FrameBuffer;

/// Open streams by the sid of their track.
#[derive(Default)]
pub(super) struct Tracks {
    videos: HashMap<String, Video>,
    audios: HashMap<String, Audio>,
    /// Id of the newest lane.
    lanes: u64,
}

/// An open video stream.
struct Video {
    identity: String,
    source: TrackSource,
    track: RemoteVideoTrack,
    stream: VideoStream,
    frames: FrameBuffer,
    muted: bool,
    first_picture: FirstPicture,
}

/// An open audio stream.
struct Audio {
    identity: String,
    source: TrackSource,
    track: RemoteAudioTrack,
    stream: AudioStream,
    lane: u64,
}

impl Video {
    fn open(
        track: &RemoteVideoTrack,
        identity: String,
        publication: &RemoteTrackPublication,
    ) -> Result<Self, StreamError> {
        let (stream, frames) = (VideoStream::new(track)?, FrameBuffer::default());
        let (slot, buffer) = (stream.frames().clone(), frames.clone());
        stream.frames().on_frame(move || {
            if let Some(frame) = slot.newest() {
                buffer.push(frame, Instant::now());
            }
        });
        let (source, first_picture) = (publication.source(), FirstPicture::new(publication, stream.frames()));
        Ok(Self { identity, source, track: track.clone(), stream, frames, muted: false, first_picture })
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        // Breaks the reference cycle of hook and slot.
        self.stream.frames().on_frame(|| ());
    }
}

impl Tracks {
    /// Closes all streams.
    pub(super) fn clear(&mut self) {
        self.videos.clear();
        self.audios.clear();
    }

    /// Opens missing streams of these participants, closes all others, and returns the identities whose tracks are encrypted
    /// without a key.
    pub(super) fn update(&mut self, people: &[RemoteParticipant], mixer: &Mixer, delays: &AudioDelays) -> Vec<String> {
        let (mut current, mut undecryptable) = (HashSet::new(), Vec::new());
        for participant in people {
            let identity = participant.identity();
            for (sid, publication) in participant.track_publications() {
                let Some(track) = publication.track() else { continue };
                let opened = match &track {
                    RemoteTrack::Video(track) => self.open_video(&sid, track, &identity, &publication),
                    RemoteTrack::Audio(track) => {
                        self.open_audio(&sid, track, &identity, publication.source(), mixer, delays)
                    }
                };
                match opened {
                    Ok(()) => {}
                    Err(StreamError::Encrypted) => undecryptable.push(identity.clone()),
                    Err(error) => tracing::warn!(%error, "stream not opened; retrying"),
                }
                if let Some(video) = self.videos.get_mut(&sid) {
                    // Frames from before the mute must not be shown after the unmute.
                    if publication.is_muted() && !video.muted {
                        video.frames.flush();
                    }
                    video.muted = publication.is_muted();
                    if let Err(error) = video.first_picture.restart_if_overdue(true) {
                        tracing::warn!(%error, "video not resubscribed");
                    }
                }
                current.insert(sid);
            }
        }
        self.videos.retain(|sid, _| current.contains(sid));
        self.audios.retain(|sid, _| current.contains(sid));
        for audio in self.audios.values() {
            mixer.set_delay(audio.lane, self.delay(delays, &audio.identity, audio.source));
        }
        undecryptable
    }

    fn open_video(
        &mut self,
        sid: &str,
        track: &RemoteVideoTrack,
        identity: &str,
        publication: &RemoteTrackPublication,
    ) -> Result<(), StreamError> {
        // After a reconnection the same sid can belong to a new track.
        if self.videos.get(sid).is_none_or(|video| video.stream.is_ended()) {
            self.videos.insert(sid.to_owned(), Video::open(track, identity.to_owned(), publication)?);
        }
        Ok(())
    }

    fn open_audio(
        &mut self,
        sid: &str,
        track: &RemoteAudioTrack,
        identity: &str,
        source: TrackSource,
        mixer: &Mixer,
        delays: &AudioDelays,
    ) -> Result<(), StreamError> {
        if self.audios.get(sid).is_none_or(|audio| audio.stream.is_ended()) {
            self.lanes += 1;
            let lane = self.lanes;
            let mut input = mixer.add(lane, self.delay(delays, identity, source));
            let stream =
                AudioStream::with_callback(track, RATE, CHANNELS as u32, move |frame| input.push(&frame.data))?;
            let audio = Audio { identity: identity.to_owned(), source, track: track.clone(), stream, lane };
            self.audios.insert(sid.to_owned(), audio);
        }
        Ok(())
    }

    /// Returns the delay to add to an audio track, in seconds.
    fn delay(&self, delays: &AudioDelays, identity: &str, source: TrackSource) -> f64 {
        let is_its_video = |video: &&Video| video.source == video_source(source) && video.identity == identity;
        let age = self.videos.values().find(is_its_video).and_then(|video| video.frames.age());
        delays.delay(identity, source, age)
    }

    /// Returns the frames of a participant's video, unless it is muted.
    pub(super) fn frames(&self, participant: &RemoteParticipant, source: TrackSource) -> Option<FrameBuffer> {
        let identity = participant.identity();
        let shown = |video: &&Video| video.source == source && video.identity == identity && !video.muted;
        self.videos.values().find(shown).map(|video| video.frames.clone())
    }

    /// Lists all tracks with their sid.
    pub(super) fn all(&self) -> Vec<(String, RemoteTrack)> {
        let videos = self.videos.iter().map(|(sid, video)| (sid.clone(), RemoteTrack::Video(video.track.clone())));
        let audios = self.audios.iter().map(|(sid, audio)| (sid.clone(), RemoteTrack::Audio(audio.track.clone())));
        videos.chain(audios).collect()
    }

    /// Returns identity and source of a track.
    pub(super) fn owner(&self, sid: &str) -> Option<(&str, TrackSource)> {
        let video = self.videos.get(sid).map(|video| (video.identity.as_str(), video.source));
        video.or_else(|| self.audios.get(sid).map(|audio| (audio.identity.as_str(), audio.source)))
    }
}
