//! The streams of everybody's tracks.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use autamedica_engine::{
    AudioStream, FirstPicture, RemoteAudioTrack, RemoteParticipant, RemoteTrack, RemoteTrackPublication,
    RemoteVideoTrack, StreamError, TrackSource, VideoStream,
};

use super::sync::{Leads, seen_with};
use crate::picture::Feed;
use crate::sound::{CHANNELS, Mixer, RATE};

/// Open streams, by their track's sid.
#[derive(Default)]
pub(super) struct Tracks {
    videos: HashMap<String, Video>,
    sounds: HashMap<String, Sound>,
    /// Lanes so far: each has a number of its own.
    lanes: u64,
}

/// A picture that comes.
struct Video {
    identity: String,
    source: TrackSource,
    track: RemoteVideoTrack,
    stream: VideoStream,
    feed: Feed,
    muted: bool,
    first_picture: FirstPicture,
}

/// A sound that comes.
struct Sound {
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
        let (stream, feed) = (VideoStream::new(track)?, Feed::default());
        let (slot, filled) = (stream.frames().clone(), feed.clone());
        stream.frames().on_frame(move || {
            if let Some(frame) = slot.newest() {
                filled.put(frame, Instant::now());
            }
        });
        let (source, first_picture) = (publication.source(), FirstPicture::new(publication, stream.frames()));
        Ok(Self { identity, source, track: track.clone(), stream, feed, muted: false, first_picture })
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        // The hook holds the slot that holds the hook.
        self.stream.frames().on_frame(|| ());
    }
}

impl Tracks {
    /// Closes all.
    pub(super) fn clear(&mut self) {
        self.videos.clear();
        self.sounds.clear();
    }

    /// Opens the streams of these people that aren't, closes those that are of nobody, and says whose tracks can't be
    /// opened because there is no key.
    pub(super) fn update(&mut self, people: &[RemoteParticipant], mixer: &Mixer, leads: &Leads) -> Vec<String> {
        let (mut there, mut unreadable) = (HashSet::new(), Vec::new());
        for participant in people {
            let identity = participant.identity();
            for (sid, publication) in participant.track_publications() {
                let Some(track) = publication.track() else { continue };
                let opened = match &track {
                    RemoteTrack::Video(track) => self.video(&sid, track, &identity, &publication),
                    RemoteTrack::Audio(track) => self.sound(&sid, track, &identity, publication.source(), mixer, leads),
                };
                match opened {
                    Ok(()) => {}
                    Err(StreamError::Encrypted) => unreadable.push(identity.clone()),
                    Err(error) => tracing::warn!(%error, "a stream can't be opened; tried again"),
                }
                if let Some(video) = self.videos.get_mut(&sid) {
                    // What came before the camera was switched off isn't shown when it is on again.
                    if publication.is_muted() && !video.muted {
                        video.feed.flush();
                    }
                    video.muted = publication.is_muted();
                    if let Err(error) = video.first_picture.restart_if_overdue(true) {
                        tracing::warn!(%error, "can't subscribe again");
                    }
                }
                there.insert(sid);
            }
        }
        self.videos.retain(|sid, _| there.contains(sid));
        self.sounds.retain(|sid, _| there.contains(sid));
        for sound in self.sounds.values() {
            mixer.set_delay(sound.lane, self.delay(leads, &sound.identity, sound.source));
        }
        unreadable
    }

    fn video(
        &mut self,
        sid: &str,
        track: &RemoteVideoTrack,
        identity: &str,
        publication: &RemoteTrackPublication,
    ) -> Result<(), StreamError> {
        // After a reconnection the same sid may be another track.
        if self.videos.get(sid).is_none_or(|video| video.stream.is_ended()) {
            self.videos.insert(sid.to_owned(), Video::open(track, identity.to_owned(), publication)?);
        }
        Ok(())
    }

    fn sound(
        &mut self,
        sid: &str,
        track: &RemoteAudioTrack,
        identity: &str,
        source: TrackSource,
        mixer: &Mixer,
        leads: &Leads,
    ) -> Result<(), StreamError> {
        if self.sounds.get(sid).is_none_or(|sound| sound.stream.is_ended()) {
            self.lanes += 1;
            let lane = self.lanes;
            let mut input = mixer.add(lane, self.delay(leads, identity, source));
            let stream =
                AudioStream::with_callback(track, RATE, CHANNELS as u32, move |frame| input.push(&frame.data))?;
            let sound = Sound { identity: identity.to_owned(), source, track: track.clone(), stream, lane };
            self.sounds.insert(sid.to_owned(), sound);
        }
        Ok(())
    }

    /// How long a sound is held back, in seconds.
    fn delay(&self, leads: &Leads, identity: &str, source: TrackSource) -> f64 {
        let seen = |video: &&Video| video.source == seen_with(source) && video.identity == identity;
        let age = self.videos.values().find(seen).and_then(|video| video.feed.age());
        leads.delay(identity, source, age)
    }

    /// The pictures that somebody sends from there, unless they are muted.
    pub(super) fn feed(&self, participant: &RemoteParticipant, source: TrackSource) -> Option<Feed> {
        let identity = participant.identity();
        let shown = |video: &&Video| video.source == source && video.identity == identity && !video.muted;
        self.videos.values().find(shown).map(|video| video.feed.clone())
    }

    /// All tracks, by sid.
    pub(super) fn all(&self) -> Vec<(String, RemoteTrack)> {
        let videos = self.videos.iter().map(|(sid, video)| (sid.clone(), RemoteTrack::Video(video.track.clone())));
        let sounds = self.sounds.iter().map(|(sid, sound)| (sid.clone(), RemoteTrack::Audio(sound.track.clone())));
        videos.chain(sounds).collect()
    }

    /// Whose track it is, and from which source.
    pub(super) fn owner(&self, sid: &str) -> Option<(&str, TrackSource)> {
        let video = self.videos.get(sid).map(|video| (video.identity.as_str(), video.source));
        video.or_else(|| self.sounds.get(sid).map(|sound| (sound.identity.as_str(), sound.source)))
    }
}
