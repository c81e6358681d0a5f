//! Reports the visible pictures and their sizes to the call, which pauses the rest and selects simulcast layers.

use std::time::{Duration, Instant};

use crate::call::{CallCommand, CallPhase, CallState, Tile};

/// Time for which sizes must stay unchanged before they are reported: a window being resized would switch layers all
/// the time.
const SETTLES: Duration = Duration::from_millis(250);
/// Size change in pixels below which the simulcast layer stays.
const NOTICEABLE: u32 = 16;

/// Last reported tiles, and the next ones.
#[derive(Default)]
pub(super) struct Shown {
    told: Option<Vec<Tile>>,
    next: Option<(Vec<Tile>, Instant)>,
}

impl Shown {
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
        if self.told.as_ref().is_some_and(|told| alike(told, &tiles)) {
            self.next = None;
            return (None, None);
        }
        let same_pictures = self.told.as_ref().is_some_and(|told| names(told).eq(names(&tiles)));
        if !same_pictures {
            // Which pictures are visible is reported at once: hidden ones cost bandwidth, new ones are awaited.
            self.next = None;
            self.told = Some(tiles.clone());
            return (Some(CallCommand::Show(tiles)), None);
        }
        match &self.next {
            Some((next, since)) if alike(next, &tiles) => {
                let left = SETTLES.saturating_sub(now.saturating_duration_since(*since));
                if left.is_zero() {
                    self.next = None;
                    self.told = Some(tiles.clone());
                    return (Some(CallCommand::Show(tiles)), None);
                }
                (None, Some(left))
            }
            _ => {
                self.next = Some((tiles, now));
                (None, Some(SETTLES))
            }
        }
    }
}

fn names(tiles: &[Tile]) -> impl Iterator<Item = (&str, bool)> {
    tiles.iter().map(|tile| (tile.identity.as_str(), tile.screen))
}

fn alike(a: &[Tile], b: &[Tile]) -> bool {
    names(a).eq(names(b))
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.width.abs_diff(b.width) < NOTICEABLE && a.height.abs_diff(b.height) < NOTICEABLE)
}

#[cfg(test)]
mod tests {
    use autamedica_api::Role;

    use super::*;

    fn tile(identity: &str, width: u32) -> Tile {
        Tile { identity: identity.into(), screen: false, width, height: width * 9 / 16 }
    }

    fn in_call() -> CallState {
        CallState { phase: CallPhase::InCall, ..CallState::joining(Role::Doctor) }
    }

    #[test]
    fn a_new_picture_is_told_at_once_and_only_once() {
        let (mut shown, state, now) = (Shown::default(), in_call(), Instant::now());
        let tiles = vec![tile("a", 640)];
        assert_eq!(shown.follow(&state, tiles.clone(), now).0, Some(CallCommand::Show(tiles.clone())));
        assert_eq!(shown.follow(&state, tiles, now), (None, None));
        assert_eq!(shown.follow(&state, vec![], now).0, Some(CallCommand::Show(vec![])));
    }

    #[test]
    fn another_size_is_told_when_it_has_settled() {
        let (mut shown, state, start) = (Shown::default(), in_call(), Instant::now());
        shown.follow(&state, vec![tile("a", 640)], start);
        assert_eq!(shown.follow(&state, vec![tile("a", 650)], start), (None, None));
        assert_eq!(shown.follow(&state, vec![tile("a", 320)], start), (None, Some(SETTLES)));
        assert_eq!(shown.follow(&state, vec![tile("a", 200)], start + SETTLES).0, None, "it still moves");
        let told = shown.follow(&state, vec![tile("a", 200)], start + 2 * SETTLES).0;
        assert_eq!(told, Some(CallCommand::Show(vec![tile("a", 200)])));
    }

    #[test]
    fn after_a_reconnection_it_is_told_again() {
        let (mut shown, now) = (Shown::default(), Instant::now());
        let tiles = vec![tile("a", 640)];
        shown.follow(&in_call(), tiles.clone(), now);
        let away = CallState { phase: CallPhase::Reconnecting { since: now }, ..in_call() };
        assert_eq!(shown.follow(&away, tiles.clone(), now), (None, None));
        assert_eq!(shown.follow(&in_call(), tiles.clone(), now).0, Some(CallCommand::Show(tiles)));
    }
}
