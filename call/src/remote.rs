//! The other participants: their streams and their states.

use autamedica_api::{ParticipantMetadata, Role};
use autamedica_engine::{
    AudioStream, ConnectionQuality, FirstPicture, LatestFrame, Participant, RemoteParticipant, RemoteTrack,
    RemoteTrackPublication, StreamError, TrackSource, VideoStream,
};
use autamedica_media::audio::{Mixer, SAMPLE_RATE};

use super::chat::time_of;
use super::second_camera::SECOND_CAMERA;
use super::{OtherVideo, ParticipantState, VideoKind};

/// Maximum number of videos of one participant: face, screen and two others. Each costs a decoder.
const MAX_VIDEOS: usize = 4;

/// The other participants, in the order in which they joined.
pub(super) struct Remotes {
    mixer: Mixer,
    participants: Vec<Remote>,
    /// Quality of the connection that a peer reports, where no SFU does.
    reported: Option<ConnectionQuality>,
}

struct Remote {
    participant: RemoteParticipant,
    speaking: bool,
    videos: Vec<Video>,
    sounds: Vec<Sound>,
}

struct Video {
    first_picture: FirstPicture,
    _stream: VideoStream,
}

impl Video {
    fn publication(&self) -> &RemoteTrackPublication {
        self.first_picture.publication()
    }
}

struct Sound {
    publication: RemoteTrackPublication,
    _stream: AudioStream,
}

impl Remotes {
    /// Creates an empty list whose audio goes into `mixer`.
    pub(super) fn new(mixer: Mixer) -> Self {
        Self { mixer, participants: Vec::new(), reported: None }
    }

    /// Removes all participants, as after leaving the room.
    pub(super) fn clear(&mut self) {
        self.participants.clear();
    }

    /// Notes the quality that a peer reports of its own connection.
    pub(super) fn set_quality(&mut self, reported: Option<ConnectionQuality>) {
        self.reported = reported;
    }

    /// Adds a participant.
    pub(super) fn joined(&mut self, participant: RemoteParticipant) {
        let identity = participant.identity();
        match self.find(&identity) {
            // After a full reconnect a participant has a new sid.
            Some(remote) => remote.participant = participant,
            None => {
                let remote = Remote { participant, speaking: false, videos: Vec::new(), sounds: Vec::new() };
                self.participants.push(remote);
            }
        }
    }

    /// Removes a participant.
    pub(super) fn left(&mut self, identity: &str) {
        self.participants.retain(|remote| remote.participant.identity() != identity);
    }

    /// Opens the stream of a subscribed track.
    ///
    /// # Errors
    /// [`StreamError::Encrypted`] when the track is encrypted and there is no key; else as the engine's streams.
    pub(super) fn subscribed(
        &mut self,
        participant: RemoteParticipant,
        publication: &RemoteTrackPublication,
        track: &RemoteTrack,
    ) -> Result<(), StreamError> {
        let identity = participant.identity();
        self.joined(participant);
        let mixer = self.mixer.clone();
        let Some(remote) = self.find(&identity) else { return Ok(()) };
        let sid = publication.sid();
        match track {
            RemoteTrack::Video(track) => {
                let slot = LatestFrame::new();
                let stream = VideoStream::into_slot(track, slot.clone())?;
                remote.drop_replaced(publication);
                tracing::info!(source = ?publication.source(), "a remote video opened");
                let first_picture = FirstPicture::new(publication, &slot);
                remote.videos.push(Video { first_picture, _stream: stream });
            }
            RemoteTrack::Audio(track) => {
                let mut input = mixer.add_stream();
                let stream = AudioStream::with_callback(track, SAMPLE_RATE, 1, move |frame| input.push(&frame.data))?;
                let source = publication.source();
                remote.sounds.retain(|sound| {
                    let replaced = sound.publication.source() == source;
                    if replaced && sound.publication.sid() != sid {
                        unsubscribe(&sound.publication);
                    }
                    !replaced
                });
                remote.sounds.push(Sound { publication: publication.clone(), _stream: stream });
            }
        }
        Ok(())
    }

    /// Closes the stream of a track that ended.
    pub(super) fn unsubscribed(&mut self, identity: &str, sid: &str) {
        if let Some(remote) = self.find(identity) {
            remote.videos.retain(|video| video.publication().sid() != sid);
            remote.sounds.retain(|sound| sound.publication.sid() != sid);
        }
    }

    /// Sets the active speakers.
    pub(super) fn speakers(&mut self, speakers: &[Participant]) {
        let identities: Vec<String> = speakers.iter().map(Participant::identity).collect();
        for remote in &mut self.participants {
            remote.speaking = identities.contains(&remote.participant.identity());
        }
    }

    /// Returns whether any remote media is received, which shows that the connection is complete.
    pub(super) fn receives_media(&self) -> bool {
        self.participants.iter().any(|remote| !remote.videos.is_empty() || !remote.sounds.is_empty())
    }

    /// Returns the publication of each received video with its participant's identity and its kind.
    pub(super) fn videos(&self) -> impl Iterator<Item = (String, VideoKind, &RemoteTrackPublication)> {
        self.participants.iter().flat_map(|remote| {
            let (identity, kinds) = (remote.participant.identity(), remote.kinds());
            let videos = kinds.into_iter().zip(&remote.videos);
            videos.map(move |(kind, video)| (identity.clone(), kind, video.publication()))
        })
    }

    /// Returns the watchdogs for the first frame of each video.
    pub(super) fn first_pictures(&mut self) -> impl Iterator<Item = &mut FirstPicture> {
        self.participants.iter_mut().flat_map(|remote| &mut remote.videos).map(|video| &mut video.first_picture)
    }

    /// Returns all received tracks.
    pub(super) fn tracks(&self) -> impl Iterator<Item = RemoteTrack> {
        let of = |remote: &Remote| remote.participant.track_publications().into_values();
        self.participants.iter().flat_map(of).filter_map(|publication| publication.track())
    }

    /// Returns identity and source of a track by its sid.
    pub(super) fn owner_of(&self, sid: &str) -> Option<(String, TrackSource)> {
        let of = |remote: &Remote| remote.participant.get_track_publication(sid).map(|track| track.source());
        self.participants.iter().find_map(|remote| Some((remote.participant.identity(), of(remote)?)))
    }

    /// Returns the identities of admitted participants, who may read our messages.
    pub(super) fn admitted(&self) -> Vec<String> {
        let admitted = |remote: &&Remote| {
            remote.participant.permission().is_none_or(|may| (may.can_subscribe || may.can_publish) && !may.hidden)
        };
        self.participants.iter().filter(admitted).map(|remote| remote.participant.identity()).collect()
    }

    /// Returns the role of a participant.
    pub(super) fn role(&self, identity: &str) -> Option<Role> {
        self.participants.iter().find(|remote| remote.participant.identity() == identity).and_then(Remote::role)
    }

    /// Returns a participant by identity.
    pub(super) fn participant(&self, identity: &str) -> Option<RemoteParticipant> {
        let found = self.participants.iter().find(|remote| remote.participant.identity() == identity);
        found.map(|remote| remote.participant.clone())
    }

    /// Returns the identities of the participants with this role.
    pub(super) fn of_role(&self, role: Role) -> Vec<String> {
        let those = self.participants.iter().filter(|remote| remote.role() == Some(role));
        those.map(|remote| remote.participant.identity()).collect()
    }

    /// Returns the states for the snapshot.
    pub(super) fn states(&self) -> Vec<ParticipantState> {
        let mut states: Vec<_> = self.participants.iter().map(Remote::state).collect();
        if let Some(reported) = self.reported {
            states.iter_mut().for_each(|state| state.quality = reported);
        }
        states
    }

    fn find(&mut self, identity: &str) -> Option<&mut Remote> {
        self.participants.iter_mut().find(|remote| remote.participant.identity() == identity)
    }
}

impl Remote {
    fn role(&self) -> Option<Role> {
        role_of(&self.participant.metadata())
    }

    /// Closes the videos that this one replaces: those that are no longer published, and one of the same source and name.
    /// Closes the oldest further video if there are too many.
    fn drop_replaced(&mut self, new: &RemoteTrackPublication) {
        let published = self.participant.track_publications();
        let place = (new.source(), new.name());
        self.videos.retain(|video| {
            let old = video.publication();
            // Browsers give their tracks no name.
            let same_place = !place.1.is_empty() && (old.source(), old.name()) == place;
            let keep = old.sid() != new.sid() && published.contains_key(&old.sid()) && !same_place;
            if !keep && old.sid() != new.sid() {
                unsubscribe(old);
            }
            keep
        });
        if self.videos.len() >= MAX_VIDEOS
            && let Some(oldest) = self.kinds().iter().position(|kind| matches!(kind, VideoKind::Other(_)))
        {
            unsubscribe(self.videos.remove(oldest).publication());
        }
    }

    /// Returns the kind of each video, in the same order. The first one that isn't a screen or called a second camera
    /// shows the face.
    fn kinds(&self) -> Vec<VideoKind> {
        let tracks = self.videos.iter().map(|video| (video.publication().source(), video.publication().name()));
        kinds(tracks.zip(self.videos.iter().map(|video| video.publication().sid())))
    }

    fn state(&self) -> ParticipantState {
        let (mut camera, mut screen, mut others) = (None, None, Vec::new());
        for (kind, video) in self.kinds().into_iter().zip(&self.videos) {
            if video.publication().is_muted() {
                continue;
            }
            let frames = video.first_picture.frames().clone();
            match kind {
                VideoKind::Camera => camera = Some(frames),
                VideoKind::Screen => screen = Some(frames),
                VideoKind::Other(sid) => others.push(OtherVideo { sid, frames }),
            }
        }
        let permission = self.participant.permission();
        let waits = permission.as_ref().is_some_and(|may| !may.can_publish && !may.can_subscribe && !may.hidden);
        let joined_at = Some(self.participant.joined_at()).filter(|at| *at > 0).map(time_of);
        let microphone = self.participant.get_track_publication_by_source(TrackSource::Microphone);
        ParticipantState {
            identity: self.participant.identity(),
            name: self.participant.name(),
            role: self.role(),
            camera,
            screen,
            others,
            camera_absence: None,
            original_sound: false,
            microphone_muted: microphone.is_none_or(|publication| publication.is_muted()),
            speaking: self.speaking,
            may_send: permission.is_none_or(|may| may.can_publish),
            waiting_since: joined_at.filter(|_| waits),
            joined_at,
            quality: self.participant.connection_quality(),
        }
    }
}

/// Returns the kind of each video, by its source, name and sid.
fn kinds(videos: impl Iterator<Item = ((TrackSource, String), String)>) -> Vec<VideoKind> {
    let videos: Vec<_> = videos.collect();
    let is_screen = |source: TrackSource| source == TrackSource::Screenshare;
    let screen = videos.iter().position(|((source, _), _)| is_screen(*source));
    let may_be_face =
        |((source, name), _): &((TrackSource, String), String)| !is_screen(*source) && name != SECOND_CAMERA;
    let is_camera = |((source, _), _): &((TrackSource, String), String)| *source == TrackSource::Camera;
    // A video without a source is a face only if no camera is published.
    let face = videos.iter().position(|video| may_be_face(video) && is_camera(video));
    let face = face.or_else(|| videos.iter().position(may_be_face));
    let kind = |(index, (_, sid)): (usize, ((TrackSource, String), String))| match Some(index) {
        index if index == face => VideoKind::Camera,
        index if index == screen => VideoKind::Screen,
        _ => VideoKind::Other(sid),
    };
    videos.into_iter().enumerate().map(kind).collect()
}

/// Unsubscribes from a track that was replaced by another one of the same source.
fn unsubscribe(publication: &RemoteTrackPublication) {
    if let Err(error) = publication.set_subscribed(false) {
        tracing::warn!(%error, "replaced track not unsubscribed");
    }
}

/// Returns the role in a token's metadata.
pub(super) fn role_of(metadata: &str) -> Option<Role> {
    serde_json::from_str::<ParticipantMetadata>(metadata).ok().map(|metadata| metadata.role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_camera_shows_the_face_and_further_videos_are_others() {
        use TrackSource::{Camera, Screenshare, Unknown};
        let other = |sid: &str| VideoKind::Other(sid.into());
        let kinds = |videos: &[(TrackSource, &str)]| {
            let sids = ["1", "2", "3", "4"].map(str::to_owned);
            super::kinds(videos.iter().map(|(source, name)| (*source, (*name).to_owned())).zip(sids))
        };
        assert_eq!(kinds(&[(Camera, ""), (Camera, "")]), [VideoKind::Camera, other("2")]);
        assert_eq!(kinds(&[(Camera, SECOND_CAMERA), (Camera, "camera")]), [other("1"), VideoKind::Camera]);
        assert_eq!(kinds(&[(Camera, SECOND_CAMERA)]), [other("1")], "the face is off");
        assert_eq!(kinds(&[(Unknown, ""), (Camera, "")]), [other("1"), VideoKind::Camera]);
        assert_eq!(kinds(&[(Unknown, "")]), [VideoKind::Camera], "all there is");
        assert_eq!(
            kinds(&[(Screenshare, ""), (Camera, ""), (Screenshare, "")]),
            [VideoKind::Screen, VideoKind::Camera, other("3")]
        );
    }
}
