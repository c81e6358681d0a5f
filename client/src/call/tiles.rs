//! Receiving no more than is shown: a hidden picture is paused, a small one comes in a small size.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use autamedica_engine::{EngineError, RemoteTrackPublication, TrackDimension, TrackSource};

use super::Tile;
use super::task::Task;

/// A change is passed on when the screen has rested for so long; what is newly shown is passed on at once.
const REST: Duration = Duration::from_millis(400);
/// Sizes are rounded up to this, so that a window being resized doesn't ask for something new at every pixel.
const STEP: u32 = 64;

/// What the screen shows, and what the SFU was told of it.
#[derive(Default)]
pub(super) struct Tiles {
    /// `None` until the screen says so for the first time: a call without a screen receives everything.
    shown: Option<Vec<Tile>>,
    /// Since when something is to be told.
    changed: Option<Instant>,
    /// By publication's sid.
    told: HashMap<String, Wanted>,
}

/// What is wanted of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    /// It comes in one size only.
    All,
    /// The size that fits, in pixels.
    Size(u32, u32),
}

impl Tiles {
    /// The screen shows this now. Whether something is newly shown.
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

    /// A picture came: the screen gets a moment to make room for it.
    pub(super) fn arrived(&mut self) {
        self.changed = Some(Instant::now());
    }

    /// Nothing of what was told holds any more.
    pub(super) fn forget(&mut self) {
        self.told.clear();
        self.changed = Some(Instant::now());
    }

    fn wanted(&self, identity: &str, screen: bool, simulcasted: bool) -> Option<Wanted> {
        let shown = self.shown.as_ref()?;
        let tiles = shown.iter().filter(|tile| tile.identity == identity && tile.screen == screen);
        // The same picture may be shown twice, as in the stage and a window of its own.
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

/// Tells the SFU. `before` is what it was told last, if it is known.
fn tell(publication: &RemoteTrackPublication, before: Option<Wanted>, wanted: Wanted) -> Result<(), EngineError> {
    if wanted == Wanted::Nothing {
        if before.is_none() {
            // The engine says nothing twice, and may have said it to an SFU that has forgotten it.
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
    /// The screen shows this now.
    pub(super) fn show_tiles(&mut self, tiles: Vec<Tile>) {
        if self.tiles.show(tiles, Instant::now()) {
            self.tell_tiles();
        }
    }

    /// Passes on what has rested.
    pub(super) fn tend_tiles(&mut self) {
        self.restart_overdue();
        if self.tiles.changed.is_some_and(|since| since.elapsed() >= REST) {
            self.tell_tiles();
        }
    }

    /// Begins those pictures anew that should have come long ago.
    fn restart_overdue(&mut self) {
        for first_picture in self.remotes.first_pictures() {
            let sid = first_picture.publication().sid();
            // Until there is a screen, everything is received.
            let wanted = self.tiles.told.get(&sid) != Some(&Wanted::Nothing);
            match first_picture.restart_if_overdue(wanted) {
                Ok(true) => drop(self.tiles.told.remove(&sid)),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "can't choose what to receive"),
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
                tracing::debug!(source = ?publication.source(), ?wanted, "receiving");
                if let Err(error) = tell(publication, before, wanted) {
                    tracing::warn!(%error, "can't choose what to receive");
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
