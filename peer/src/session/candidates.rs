//! ICE candidates of one session. They are kept, so that those lost with a connection can be sent again.

use std::collections::VecDeque;

use livekit_protocol::SignalTarget;
use serde_json::Value;

use crate::candidate::Candidate;
use crate::events::ClientEvent;

/// Maximum number of candidates that are kept in each direction.
const MAX_KEPT: usize = 128;

/// Candidates of the peer.
#[derive(Debug, Default)]
pub(super) struct RemoteCandidates(VecDeque<RemoteCandidate>);

#[derive(Debug)]
struct RemoteCandidate {
    candidate: Candidate,
    /// Sent to the engine. Others wait for their description.
    is_sent: bool,
}

impl RemoteCandidates {
    pub(super) fn keep(&mut self, candidate: Candidate) {
        keep(&mut self.0, RemoteCandidate { candidate, is_sent: false });
    }

    /// Makes candidates count as not sent.
    pub(super) fn reset(&mut self, is_lost: impl Fn(&Candidate) -> bool) {
        for kept in self.0.iter_mut().filter(|kept| is_lost(&kept.candidate)) {
            kept.is_sent = false;
        }
    }

    /// Returns the candidates that have not been sent and for which `target_of` finds a target. They count as sent.
    pub(super) fn release(
        &mut self,
        target_of: impl Fn(&Candidate) -> Option<SignalTarget>,
    ) -> Vec<(Candidate, SignalTarget)> {
        let waiting = self.0.iter_mut().filter(|kept| !kept.is_sent);
        let released = waiting.filter_map(|kept| {
            let target = target_of(&kept.candidate)?;
            kept.is_sent = true;
            Some((kept.candidate.clone(), target))
        });
        released.collect()
    }
}

/// Candidates of the engine: those of the newest ICE session of each PeerConnection.
#[derive(Debug, Default)]
pub(super) struct LocalCandidates(VecDeque<(SignalTarget, Option<String>, Value)>);

impl LocalCandidates {
    pub(super) fn keep(&mut self, target: SignalTarget, candidate: Value) {
        let line = candidate["candidate"].as_str().unwrap_or_default();
        let ufrag = line.split(' ').skip_while(|word| *word != "ufrag").nth(1).map(str::to_owned);
        self.0.retain(|(other, old, _)| *other != target || *old == ufrag);
        keep(&mut self.0, (target, ufrag, candidate));
    }

    pub(super) fn events(&self) -> impl Iterator<Item = ClientEvent> {
        self.0.iter().map(|(_, _, candidate)| ClientEvent::Candidate(candidate.clone()))
    }
}

fn keep<T>(kept: &mut VecDeque<T>, candidate: T) {
    if kept.len() == MAX_KEPT {
        kept.pop_front();
    }
    kept.push_back(candidate);
}
