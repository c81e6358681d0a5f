//! Placement of a picture in its area: position, crop and texture coordinates.

use autamedica_engine::{VideoFrame, VideoRotation};
use egui::{Pos2, Rect, Vec2, pos2, vec2};

/// Fit of a picture into an area of another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All of the picture is visible, with bars. For screen shares.
    Contain,
    /// The area is filled and the picture cropped. For small tiles.
    Cover,
    /// Cover if little is cropped, else contain. For faces on a large stage.
    Balanced,
}

/// Maximum share of a side that [`Fit::Balanced`] crops.
const BALANCED_CUT: f32 = 0.14;
/// Picture pixels per screen pixel up to which one interpolated sample is smooth enough.
pub(super) const MINIFIED_FROM: f32 = 1.6;
/// Scale difference below which a picture is shown pixel for pixel, which is sharper and cheaper.
const SNAP: f32 = 0.05;

/// Placed picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    /// Area in points, on whole pixels.
    pub rect: Rect,
    /// Texture coordinates at the four corners of `rect`: left top, right top, left bottom, right bottom.
    pub uv: [Pos2; 4],
    /// Visible part of the upright (and possibly mirrored) picture.
    pub part: Rect,
    /// Picture pixels per screen pixel.
    pub minified: f32,
    /// One picture pixel is exactly one screen pixel.
    pub exact: bool,
}

/// Places `frame` in `place`.
pub(super) fn place(frame: &VideoFrame, place: Rect, fit: Fit, mirrored: bool, pixels_per_point: f32) -> Placed {
    let quarter = matches!(frame.rotation, VideoRotation::Rotation90 | VideoRotation::Rotation270);
    let (w, h) = (frame.width() as f32, frame.height() as f32);
    let upright = if quarter { vec2(h, w) } else { vec2(w, h) };
    let corner = |p: Pos2| (p.to_vec2() * pixels_per_point).round();
    let (min, max) = (corner(place.min), corner(place.max));
    let room = (max - min).max(Vec2::splat(1.0));

    let (contain, cover) = {
        let ratio = room / upright;
        (ratio.min_elem(), ratio.max_elem())
    };
    let scale = match fit {
        Fit::Contain => contain,
        Fit::Cover => cover,
        Fit::Balanced if contain / cover >= 1.0 - BALANCED_CUT => cover,
        Fit::Balanced => contain,
    };
    // Enlarging to 1:1 never leaves bars, and shrinking to it never crops.
    let may_snap = if scale == cover { scale <= 1.0 } else { scale >= 1.0 };
    let exact = (scale - 1.0).abs() < SNAP && (may_snap || scale == 1.0);
    let scale = if exact { 1.0 } else { scale };

    let whole = (upright * scale).round();
    let seen = whole.min(room);
    let at = min + ((room - seen) / 2.0).floor();
    let rect = Rect::from_min_size((at / pixels_per_point).to_pos2(), seen / pixels_per_point);
    // The visible part in picture pixels; whole ones when exact.
    let cut = ((whole - seen) / 2.0).floor() / whole;
    let part = Rect::from_min_size(cut.to_pos2(), seen / whole);

    let uv = [part.left_top(), part.right_top(), part.left_bottom(), part.right_bottom()]
        .map(|p| if mirrored { pos2(part.left() + part.right() - p.x, p.y) } else { p })
        .map(|p| turn(p, frame.rotation));
    let part =
        if mirrored { Rect::from_x_y_ranges(1.0 - part.right()..=1.0 - part.left(), part.y_range()) } else { part };
    Placed { rect, uv, part, minified: 1.0 / scale, exact }
}

/// Converts coordinates of the upright picture to those of the stored one.
fn turn(p: Pos2, rotation: VideoRotation) -> Pos2 {
    match rotation {
        VideoRotation::Rotation0 => p,
        VideoRotation::Rotation90 => pos2(p.y, 1.0 - p.x),
        VideoRotation::Rotation180 => pos2(1.0 - p.x, 1.0 - p.y),
        VideoRotation::Rotation270 => pos2(1.0 - p.y, p.x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: u32, height: u32, rotation: VideoRotation) -> VideoFrame {
        let bytes = vec![0; VideoFrame::packed_len(width, height)];
        let mut frame = VideoFrame::from_packed(width, height, bytes, 0).expect("the length fits");
        frame.rotation = rotation;
        frame
    }

    fn upright(width: u32, height: u32) -> VideoFrame {
        frame(width, height, VideoRotation::Rotation0)
    }

    fn at(width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(10.0, 20.0), vec2(width, height))
    }

    #[test]
    fn contain_shows_all_of_it_in_the_middle() {
        let placed = place(&upright(640, 480), at(1280.0, 480.0), Fit::Contain, false, 1.0);
        assert_eq!(placed.rect, Rect::from_min_size(pos2(330.0, 20.0), vec2(640.0, 480.0)));
        assert_eq!(placed.uv, [pos2(0.0, 0.0), pos2(1.0, 0.0), pos2(0.0, 1.0), pos2(1.0, 1.0)]);
        assert!(placed.exact);
    }

    #[test]
    fn cover_fills_the_place_and_cuts_both_edges_alike() {
        let placed = place(&upright(400, 100), at(100.0, 100.0), Fit::Cover, false, 1.0);
        assert_eq!(placed.rect, at(100.0, 100.0));
        assert_eq!(placed.uv[0], pos2(0.375, 0.0));
        assert_eq!(placed.uv[3], pos2(0.625, 1.0));
    }

    #[test]
    fn balanced_cuts_a_little_and_never_much() {
        let wide = place(&upright(640, 360), at(640.0, 380.0), Fit::Balanced, false, 1.0);
        assert_eq!(wide.rect, at(640.0, 380.0));
        let portrait = place(&upright(360, 640), at(640.0, 360.0), Fit::Balanced, false, 1.0);
        assert!(portrait.rect.width() < 210.0, "a portrait picture is seen whole: {portrait:?}");
    }

    #[test]
    fn a_picture_of_nearly_the_right_size_is_shown_pixel_for_pixel() {
        let placed = place(&upright(1280, 720), at(1256.0, 696.0), Fit::Balanced, false, 1.0);
        assert!(placed.exact);
        assert_eq!(placed.rect, at(1256.0, 696.0));
        assert_eq!(placed.uv[0], pos2(12.0 / 1280.0, 12.0 / 720.0));
        let larger = place(&upright(640, 360), at(660.0, 371.0), Fit::Contain, false, 1.0);
        assert_eq!(larger.rect.size(), vec2(640.0, 360.0));
    }

    #[test]
    fn mirroring_swaps_left_and_right_only() {
        let placed = place(&upright(100, 100), at(100.0, 100.0), Fit::Cover, true, 1.0);
        assert_eq!(placed.uv, [pos2(1.0, 0.0), pos2(0.0, 0.0), pos2(1.0, 1.0), pos2(0.0, 1.0)]);
    }

    #[test]
    fn a_turned_picture_stands_upright() {
        // A quarter turn clockwise moves the left bottom corner of the stored picture to the left top.
        let turned = frame(200, 100, VideoRotation::Rotation90);
        let placed = place(&turned, at(100.0, 200.0), Fit::Contain, false, 1.0);
        assert_eq!(placed.rect, at(100.0, 200.0));
        assert_eq!(placed.uv[0], pos2(0.0, 1.0));
        assert_eq!(placed.uv[1], pos2(0.0, 0.0));
        assert_eq!(placed.uv[2], pos2(1.0, 1.0));
    }

    #[test]
    fn pictures_lie_on_whole_pixels() {
        let placed = place(&upright(101, 77), at(333.3, 222.7), Fit::Contain, false, 1.5);
        for edge in [placed.rect.min.x, placed.rect.min.y, placed.rect.max.x, placed.rect.max.y] {
            let pixels = edge * 1.5;
            assert!((pixels - pixels.round()).abs() < 0.01, "{pixels}");
        }
    }
}
