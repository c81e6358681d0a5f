//! The other participants: their streams and their states.

use autamedica_api::{ParticipantMetadata, Role};
use autamedica_engine::{
    AudioStream, ConnectionQuality, FirstPicture, LatestFrame, Participant, RemoteParticipant, RemoteTrack,
    RemoteTrackPublication, StreamError, TrackSource, VideoStream,
};
use autamedica_media::audio::{Mixer, SAMPLE_RATE};

use super::ParticipantState;
use super::chat::time_of;

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
                let source = publication.source();
                remote.videos.retain(|video| {
                    let replaced = video.publication().source() == source;
                    if replaced && video.publication().sid() != sid {
                        unsubscribe(video.publication());
                    }
                    !replaced
                });
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

    /// Returns the publication of each received video with its participant's identity.
    pub(super) fn videos(&self) -> impl Iterator<Item = (String, &RemoteTrackPublication)> {
        self.participants.iter().flat_map(|remote| {
            let identity = remote.participant.identity();
            remote.videos.iter().map(move |video| (identity.clone(), video.publication()))
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

    fn state(&self) -> ParticipantState {
        let picture = |source: TrackSource| {
            let shown = |video: &&Video| video.publication().source() == source && !video.publication().is_muted();
            self.videos.iter().find(shown).map(|video| video.first_picture.frames().clone())
        };
        let permission = self.participant.permission();
        let waits = permission.as_ref().is_some_and(|may| !may.can_publish && !may.can_subscribe && !may.hidden);
        let joined_at = Some(self.participant.joined_at()).filter(|at| *at > 0).map(time_of);
        let microphone = self.participant.get_track_publication_by_source(TrackSource::Microphone);
        ParticipantState {
            identity: self.participant.identity(),
            name: self.participant.name(),
            role: self.role(),
            camera: picture(TrackSource::Camera),
            screen: picture(TrackSource::Screenshare),
            microphone_muted: microphone.is_none_or(|publication| publication.is_muted()),
            speaking: self.speaking,
            may_send: permission.is_none_or(|may| may.can_publish),
            waiting_since: joined_at.filter(|_| waits),
            joined_at,
            quality: self.participant.connection_quality(),
        }
    }
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
