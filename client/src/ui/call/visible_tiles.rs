//! Reports the visible pictures and their sizes to the call, which pauses the rest and selects simulcast layers.

use std::time::{Duration, Instant};

use autamedica_call::{CallCommand, CallPhase, CallState, Tile, VideoKind};

/// Time for which sizes must stay unchanged before they are reported: a window being resized would switch layers all
/// the time.
const SETTLE_TIME: Duration = Duration::from_millis(250);
/// Size change in pixels below which the simulcast layer stays.
const MIN_SIZE_CHANGE: u32 = 16;

/// Last reported tiles, and the next ones.
#[derive(Default)]
pub(super) struct VisibleTiles {
    reported: Option<Vec<Tile>>,
    next: Option<(Vec<Tile>, Instant)>,
}

impl VisibleTiles {
    /// Returns the command that reports `tiles`, and when to call this again.
    pub fn follow(
        &mut self,
        state: &CallState,
        tiles: Vec<Tile>,
        now: Instant,
    ) -> (Option<CallCommand>, Option<Duration>) {
        if state.phase != CallPhase::InCall {
            // A new connection has lost the reported sizes.
            *self = Self::default();
            return (None, None);
        }
        if self.reported.as_ref().is_some_and(|reported| are_alike(reported, &tiles)) {
            self.next = None;
            return (None, None);
        }
        let same_pictures = self.reported.as_ref().is_some_and(|reported| names(reported).eq(names(&tiles)));
        if !same_pictures {
            // Which pictures are visible is reported at once: hidden ones cost bandwidth, new ones are awaited.
            self.next = None;
            self.reported = Some(tiles.clone());
            return (Some(CallCommand::Show(tiles)), None);
        }
        match &self.next {
            Some((next, since)) if are_alike(next, &tiles) => {
                let left = SETTLE_TIME.saturating_sub(now.saturating_duration_since(*since));
                if left.is_zero() {
                    self.next = None;
                    self.reported = Some(tiles.clone());
                    return (Some(CallCommand::Show(tiles)), None);
                }
                (None, Some(left))
            }
            _ => {
                self.next = Some((tiles, now));
                (None, Some(SETTLE_TIME))
            }
        }
    }
}

fn names(tiles: &[Tile]) -> impl Iterator<Item = (&str, &VideoKind)> {
    tiles.iter().map(|tile| (tile.identity.as_str(), &tile.video))
}

fn are_alike(a: &[Tile], b: &[Tile]) -> bool {
    names(a).eq(names(b))
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.width.abs_diff(b.width) < MIN_SIZE_CHANGE && a.height.abs_diff(b.height) < MIN_SIZE_CHANGE)
}

#[cfg(test)]
mod tests {
    use autamedica_api::Role;

    use super::*;

    fn tile(identity: &str, width: u32) -> Tile {
        Tile { identity: identity.into(), video: VideoKind::Camera, width, height: width * 9 / 16 }
    }

    fn in_call() -> CallState {
        CallState { phase: CallPhase::InCall, ..CallState::joining(Role::Doctor) }
    }

    #[test]
    fn a_new_picture_is_told_at_once_and_only_once() {
        let (mut shown, state, now) = (VisibleTiles::default(), in_call(), Instant::now());
        let tiles = vec![tile("a", 640)];
        assert_eq!(shown.follow(&state, tiles.clone(), now).0, Some(CallCommand::Show(tiles.clone())));
        assert_eq!(shown.follow(&state, tiles, now), (None, None));
        assert_eq!(shown.follow(&state, vec![], now).0, Some(CallCommand::Show(vec![])));
    }

    #[test]
    fn another_size_is_told_when_it_has_settled() {
        let (mut shown, state, start) = (VisibleTiles::default(), in_call(), Instant::now());
        shown.follow(&state, vec![tile("a", 640)], start);
        assert_eq!(shown.follow(&state, vec![tile("a", 650)], start), (None, None));
        assert_eq!(shown.follow(&state, vec![tile("a", 320)], start), (None, Some(SETTLE_TIME)));
        assert_eq!(shown.follow(&state, vec![tile("a", 200)], start + SETTLE_TIME).0, None, "it still moves");
        let reported = shown.follow(&state, vec![tile("a", 200)], start + 2 * SETTLE_TIME).0;
        assert_eq!(reported, Some(CallCommand::Show(vec![tile("a", 200)])));
    }

    #[test]
    fn after_a_reconnection_it_is_told_again() {
        let (mut shown, now) = (VisibleTiles::default(), Instant::now());
        let tiles = vec![tile("a", 640)];
        shown.follow(&in_call(), tiles.clone(), now);
        let away = CallState { phase: CallPhase::Reconnecting { since: now }, ..in_call() };
        assert_eq!(shown.follow(&away, tiles.clone(), now), (None, None));
        assert_eq!(shown.follow(&in_call(), tiles.clone(), now).0, Some(CallCommand::Show(tiles)));
    }
}
