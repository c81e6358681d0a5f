//! Adapts subscriptions to the screen: pauses hidden video and requests the simulcast layer that fits the tile.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use autamedica_engine::{EngineError, RemoteTrackPublication, TrackDimension, TrackSource};

use super::Tile;
use super::task::Task;

/// Time without changes before they are sent to the SFU. New tiles are requested at once.
const REST: Duration = Duration::from_millis(400);
/// Sizes are rounded up to multiples of this, so that resizing a window does not cause a request for each pixel.
const STEP: u32 = 64;

/// Tiles on the screen, and the subscription settings that the SFU has.
#[derive(Default)]
pub(super) struct Tiles {
    /// `None` before the first [`CallCommand::Show`](super::CallCommand::Show): a call without a screen receives
    /// everything.
    shown: Option<Vec<Tile>>,
    /// Time of the last change that the SFU does not have yet.
    changed: Option<Instant>,
    /// Settings that the SFU has, by publication sid.
    told: HashMap<String, Wanted>,
}

/// Requested subscription settings of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    /// Enabled, without simulcast layers to choose from.
    All,
    /// Enabled, in the layer for this size in pixels.
    Size(u32, u32),
}

impl Tiles {
    /// Sets the tiles. Returns whether there is a new one.
    fn show(&mut self, tiles: Vec<Tile>, now: Instant) -> bool {
        let is_new = |tile: &Tile| {
            let mut before = self.shown.iter().flatten();
            !before.any(|old| old.identity == tile.identity && old.screen == tile.screen)
        };
        let appeared = self.shown.is_some() && tiles.iter().any(is_new);
        if self.shown.as_ref() != Some(&tiles) {
            self.shown = Some(tiles);
            self.changed = Some(now);
        }
        appeared
    }

    /// Notes a new video. The screen gets time to make room for it.
    pub(super) fn arrived(&mut self) {
        self.changed = Some(Instant::now());
    }

    /// Forgets the settings that the SFU has, as after a reconnect.
    pub(super) fn forget(&mut self) {
        self.told.clear();
        self.changed = Some(Instant::now());
    }

    fn wanted(&self, identity: &str, screen: bool, simulcasted: bool) -> Option<Wanted> {
        let shown = self.shown.as_ref()?;
        let tiles = shown.iter().filter(|tile| tile.identity == identity && tile.screen == screen);
        // A video may have two tiles, as on the stage and in a window.
        let largest = tiles.max_by_key(|tile| u64::from(tile.width) * u64::from(tile.height));
        Some(match largest {
            None => Wanted::Nothing,
            Some(_) if !simulcasted => Wanted::All,
            Some(tile) => {
                let step = |side: u32| side.clamp(1, 8192).next_multiple_of(STEP);
                Wanted::Size(step(tile.width), step(tile.height))
            }
        })
    }
}

/// Sends subscription settings to the SFU. `before` are the settings that it has, if known.
fn tell(publication: &RemoteTrackPublication, before: Option<Wanted>, wanted: Wanted) -> Result<(), EngineError> {
    if wanted == Wanted::Nothing {
        if before.is_none() {
            // The engine skips an unchanged setting, which an SFU may have forgotten.
            publication.set_enabled(true)?;
        }
        return publication.set_enabled(false);
    }
    if matches!(before, None | Some(Wanted::Nothing)) {
        publication.set_enabled(true)?;
    }
    match wanted {
        Wanted::Size(width, height) => publication.set_video_dimension(TrackDimension(width, height)),
        Wanted::All | Wanted::Nothing => Ok(()),
    }
}

impl Task {
    /// Sets the tiles on the screen.
    pub(super) fn show_tiles(&mut self, tiles: Vec<Tile>) {
        if self.tiles.show(tiles, Instant::now()) {
            self.tell_tiles();
        }
    }

    /// Sends changes to the SFU that have waited long enough.
    pub(super) fn tend_tiles(&mut self) {
        self.restart_overdue();
        if self.tiles.changed.is_some_and(|since| since.elapsed() >= REST) {
            self.tell_tiles();
        }
    }

    /// Restarts videos whose first frame is overdue.
    fn restart_overdue(&mut self) {
        for first_picture in self.remotes.first_pictures() {
            let sid = first_picture.publication().sid();
            // A call without a screen receives everything.
            let wanted = self.tiles.told.get(&sid) != Some(&Wanted::Nothing);
            match first_picture.restart_if_overdue(wanted) {
                Ok(true) => drop(self.tiles.told.remove(&sid)),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "subscription settings not changed"),
            }
        }
    }

    fn tell_tiles(&mut self) {
        self.tiles.changed = None;
        let mut told = HashMap::new();
        for (identity, publication) in self.remotes.videos() {
            let screen = publication.source() == TrackSource::Screenshare;
            let Some(wanted) = self.tiles.wanted(&identity, screen, publication.simulcasted()) else { continue };
            let before = self.tiles.told.get(&publication.sid()).copied();
            if before != Some(wanted) {
                tracing::debug!(source = ?publication.source(), ?wanted, "subscription settings changed");
                if let Err(error) = tell(publication, before, wanted) {
                    tracing::warn!(%error, "subscription settings not changed");
                    continue;
                }
            }
            told.insert(publication.sid(), wanted);
        }
        self.tiles.told = told;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(identity: &str, width: u32, height: u32) -> Tile {
        Tile { identity: identity.into(), screen: false, width, height }
    }

    #[test]
    fn only_what_is_newly_shown_is_urgent() {
        let (mut tiles, now) = (Tiles::default(), Instant::now());
        assert_eq!(tiles.wanted("ana", false, true), None, "everything, until there is a screen");
        assert!(!tiles.show(vec![tile("ana", 300, 200)], now));
        assert_eq!(tiles.changed, Some(now));
        let later = now + REST;
        assert!(!tiles.show(vec![tile("ana", 300, 200)], later));
        assert_eq!(tiles.changed, Some(now), "nothing changed");
        assert!(tiles.show(vec![tile("ana", 310, 200), tile("luis", 310, 200)], later));
        assert!(!tiles.show(vec![tile("luis", 310, 200)], later));
    }

    #[test]
    fn a_picture_is_wanted_as_large_as_its_largest_tile() {
        let mut tiles = Tiles::default();
        tiles.show(vec![tile("ana", 300, 200), tile("ana", 640, 360), tile("luis", 0, 0)], Instant::now());
        assert_eq!(tiles.wanted("ana", false, true), Some(Wanted::Size(640, 384)));
        assert_eq!(tiles.wanted("ana", false, false), Some(Wanted::All));
        assert_eq!(tiles.wanted("ana", true, false), Some(Wanted::Nothing), "their screen isn't shown");
        assert_eq!(tiles.wanted("luis", false, true), Some(Wanted::Size(64, 64)));
        assert_eq!(tiles.wanted("eva", false, true), Some(Wanted::Nothing));
    }
}
