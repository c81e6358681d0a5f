//! Adapts subscriptions to the screen: pauses hidden video and requests the simulcast layer that fits the tile.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use autamedica_engine::{EngineError, RemoteTrackPublication, TrackDimension};

use super::task::Task;
use super::{Tile, VideoKind};

/// Time without changes before they are sent to the SFU. New tiles are requested at once.
const SETTLE_TIME: Duration = Duration::from_millis(400);
/// Sizes are rounded up to multiples of this, so that resizing a window does not cause a request for each pixel.
const SIZE_STEP: u32 = 64;

/// Tiles on the screen, and the subscription settings that the SFU has.
#[derive(Default)]
pub(super) struct Tiles {
    /// `None` before the first [`CallCommand::Show`](super::CallCommand::Show): a call without a screen receives
    /// everything.
    shown: Option<Vec<Tile>>,
    /// Time of the last change that the SFU does not have yet.
    changed: Option<Instant>,
    /// Settings that the SFU has, by publication sid.
    requested: HashMap<String, LayerRequest>,
}

/// Requested subscription settings of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LayerRequest {
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
            !before.any(|old| old.identity == tile.identity && old.video == tile.video)
        };
        let appeared = self.shown.is_some() && tiles.iter().any(is_new);
        if self.shown.as_ref() != Some(&tiles) {
            self.shown = Some(tiles);
            self.changed = Some(now);
        }
        appeared
    }

    /// Notes a new video. The screen gets time to make room for it.
    pub(super) fn video_added(&mut self) {
        self.changed = Some(Instant::now());
    }

    /// Forgets the settings that the SFU has, as after a reconnect.
    pub(super) fn reset(&mut self) {
        self.requested.clear();
        self.changed = Some(Instant::now());
    }

    fn layer_request(&self, identity: &str, video: &VideoKind, simulcasted: bool) -> Option<LayerRequest> {
        let shown = self.shown.as_ref()?;
        let tiles = shown.iter().filter(|tile| tile.identity == identity && tile.video == *video);
        // A video may have two tiles, as on the stage and in a window.
        let largest = tiles.max_by_key(|tile| u64::from(tile.width) * u64::from(tile.height));
        Some(match largest {
            None => LayerRequest::Nothing,
            Some(_) if !simulcasted => LayerRequest::All,
            Some(tile) => {
                let step = |side: u32| side.clamp(1, 8192).next_multiple_of(SIZE_STEP);
                LayerRequest::Size(step(tile.width), step(tile.height))
            }
        })
    }
}

/// Sends subscription settings to the SFU. `known` are the settings that it has, if any.
fn send_request(
    publication: &RemoteTrackPublication,
    known: Option<LayerRequest>,
    request: LayerRequest,
) -> Result<(), EngineError> {
    if request == LayerRequest::Nothing {
        if known.is_none() {
            // The engine skips an unchanged setting, which an SFU may have forgotten.
            publication.set_enabled(true)?;
        }
        return publication.set_enabled(false);
    }
    if matches!(known, None | Some(LayerRequest::Nothing)) {
        publication.set_enabled(true)?;
    }
    match request {
        LayerRequest::Size(width, height) => publication.update_video_dimensions(TrackDimension(width, height)),
        LayerRequest::All | LayerRequest::Nothing => Ok(()),
    }
}

impl Task {
    /// Sets the tiles on the screen.
    pub(super) fn show_tiles(&mut self, tiles: Vec<Tile>) {
        if self.tiles.show(tiles, Instant::now()) {
            self.request_layers();
        }
    }

    /// Sends changes to the SFU that have waited long enough.
    pub(super) fn update_tiles(&mut self) {
        self.restart_overdue();
        if self.tiles.changed.is_some_and(|since| since.elapsed() >= SETTLE_TIME) {
            self.request_layers();
        }
    }

    /// Restarts videos whose first frame is overdue.
    fn restart_overdue(&mut self) {
        for first_picture in self.remotes.first_pictures() {
            let sid = first_picture.publication().sid();
            // A call without a screen receives everything.
            let is_wanted = self.tiles.requested.get(&sid) != Some(&LayerRequest::Nothing);
            match first_picture.restart_if_overdue(is_wanted) {
                Ok(true) => drop(self.tiles.requested.remove(&sid)),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "subscription settings not changed"),
            }
        }
    }

    fn request_layers(&mut self) {
        self.tiles.changed = None;
        let mut requested = HashMap::new();
        for (identity, video, publication) in self.remotes.videos() {
            let Some(request) = self.tiles.layer_request(&identity, &video, publication.simulcasted()) else {
                continue;
            };
            let known = self.tiles.requested.get(&publication.sid()).copied();
            if known != Some(request) {
                tracing::debug!(source = ?publication.source(), ?request, "subscription settings changed");
                if let Err(error) = send_request(publication, known, request) {
                    tracing::warn!(%error, "subscription settings not changed");
                    continue;
                }
            }
            requested.insert(publication.sid(), request);
        }
        self.tiles.requested = requested;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(identity: &str, width: u32, height: u32) -> Tile {
        Tile { identity: identity.into(), video: VideoKind::Camera, width, height }
    }

    #[test]
    fn only_what_is_newly_shown_is_urgent() {
        let (mut tiles, now) = (Tiles::default(), Instant::now());
        assert_eq!(tiles.layer_request("ana", &VideoKind::Camera, true), None, "everything, until there is a screen");
        assert!(!tiles.show(vec![tile("ana", 300, 200)], now));
        assert_eq!(tiles.changed, Some(now));
        let later = now + SETTLE_TIME;
        assert!(!tiles.show(vec![tile("ana", 300, 200)], later));
        assert_eq!(tiles.changed, Some(now), "nothing changed");
        assert!(tiles.show(vec![tile("ana", 310, 200), tile("luis", 310, 200)], later));
        assert!(!tiles.show(vec![tile("luis", 310, 200)], later));
    }

    #[test]
    fn a_picture_is_wanted_as_large_as_its_largest_tile() {
        let mut tiles = Tiles::default();
        tiles.show(vec![tile("ana", 300, 200), tile("ana", 640, 360), tile("luis", 0, 0)], Instant::now());
        assert_eq!(tiles.layer_request("ana", &VideoKind::Camera, true), Some(LayerRequest::Size(640, 384)));
        assert_eq!(tiles.layer_request("ana", &VideoKind::Camera, false), Some(LayerRequest::All));
        assert_eq!(
            tiles.layer_request("ana", &VideoKind::Screen, false),
            Some(LayerRequest::Nothing),
            "their screen isn't shown"
        );
        assert_eq!(tiles.layer_request("luis", &VideoKind::Camera, true), Some(LayerRequest::Size(64, 64)));
        assert_eq!(tiles.layer_request("eva", &VideoKind::Camera, true), Some(LayerRequest::Nothing));
    }
}
