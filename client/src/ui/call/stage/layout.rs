//! Layouts of the stage: a paged grid, or a spotlight with a strip of tiles.

use egui::{Rect, Vec2, pos2, vec2};

use crate::theme::space;

pub(super) const WIDESCREEN: f32 = 16.0 / 9.0;
/// Maximum number of tiles on a page; more faces are hard to recognise.
const MAX_TILES: usize = 12;
/// Minimum size of a tile; more participants are split into pages.
const MIN_TILE: Vec2 = vec2(176.0, 99.0);
const STRIP_WIDTH: std::ops::RangeInclusive<f32> = 144.0..=288.0;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    /// Range of other participants on this page.
    pub people: std::ops::Range<usize>,
    /// Tile areas in order; the last is the self-view if shown.
    pub tiles: Vec<Rect>,
    /// Page number, from zero.
    pub number: usize,
    /// Number of pages; at least one.
    pub count: usize,
}

/// Lays out page `wanted` (or the last one) of `people` others, with the self-view on each if `own`.
pub(super) fn page(place: Rect, people: usize, own: bool, wanted: usize) -> Page {
    let own = usize::from(own);
    let most = (1..=MAX_TILES).rev().find(|count| fits(place, *count)).unwrap_or(1);
    let each = most.saturating_sub(own).max(1);
    let count = people.div_ceil(each).max(1);
    let number = wanted.min(count - 1);
    let first = number * each;
    let last = (first + each).min(people);
    // All pages have tiles of one size, so that faces stay in place while paging. The last page may have gaps.
    let tiles = if count > 1 { grid(place, each + own) } else { grid(place, people + own) };
    let mut tiles: Vec<Rect> = tiles.into_iter().take(last - first + own).collect();
    if tiles.is_empty() {
        tiles.push(place);
    }
    Page { people: first..last, tiles, number, count }
}

fn fits(place: Rect, count: usize) -> bool {
    let size = grid(place, count)[0].size();
    size.x >= MIN_TILE.x && size.y >= MIN_TILE.y
}

/// Fills `place` with `count` tiles of about 16:9. An incomplete last row is centred.
pub(super) fn grid(place: Rect, count: usize) -> Vec<Rect> {
    let count = count.max(1);
    let area = |columns: usize| {
        let size = tile(place, count, columns);
        let width = size.x.min(size.y * WIDESCREEN);
        width * width
    };
    let columns = (1..=count).max_by(|a, b| area(*a).total_cmp(&area(*b))).unwrap_or(1);
    let size = tile(place, count, columns);
    (0..count)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let in_row = columns.min(count - row * columns);
            let missing = (columns - in_row) as f32 * (size.x + space::S);
            let x = place.left() + missing / 2.0 + column as f32 * (size.x + space::S);
            let y = place.top() + row as f32 * (size.y + space::S);
            Rect::from_min_size(pos2(x, y), size)
        })
        .collect()
}

fn tile(place: Rect, count: usize, columns: usize) -> Vec2 {
    let rows = count.div_ceil(columns);
    let gaps = vec2((columns - 1) as f32, (rows - 1) as f32) * space::S;
    (place.size() - gaps) / vec2(columns as f32, rows as f32)
}

/// One large picture with a strip of tiles at its right.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spotlight {
    pub main: Rect,
    /// Tile areas from the top: others, then the self-view if shown.
    pub strip: Vec<Rect>,
    /// Number of others that have a tile.
    pub people: usize,
    /// Area that shows the number of others without a tile.
    pub rest: Option<Rect>,
}

/// Lays out `people` others beside the main picture, and the self-view if `own`.
pub(super) fn spotlight(place: Rect, people: usize, own: bool) -> Spotlight {
    let own = usize::from(own);
    if people + own == 0 {
        return Spotlight { main: place, strip: Vec::new(), people: 0, rest: None };
    }
    let roomy = (place.width() * 0.2).clamp(*STRIP_WIDTH.start(), *STRIP_WIDTH.end()).round();
    let size_of = |width: f32| vec2(width, (width / WIDESCREEN).round());
    let slots_of = |size: Vec2| (((place.height() + space::S) / (size.y + space::S)).floor() as usize).max(1);
    // Tiles shrink before others are left out.
    let smaller = std::iter::successors(Some(roomy), |width| Some((width - space::M).max(*STRIP_WIDTH.start())));
    let width = smaller
        .take_while(|width| *width > *STRIP_WIDTH.start())
        .find(|width| slots_of(size_of(*width)) >= people + own)
        .unwrap_or(*STRIP_WIDTH.start());
    let size = size_of(width);
    let main = place.with_max_x(place.right() - width - space::S);
    let slots = slots_of(size);
    let all_fit = people + own <= slots;
    // One slot shows the number of the others.
    let shown = if all_fit { people } else { slots.saturating_sub(own + 1) };
    let at = |index: usize| {
        let top = place.top() + index as f32 * (size.y + space::S);
        Rect::from_min_size(pos2(main.right() + space::S, top), size)
    };
    let own_slot = (own == 1 && (all_fit || slots > 1)).then(|| at(shown));
    let strip = (0..shown).map(at).chain(own_slot).collect::<Vec<_>>();
    let rest = (!all_fit).then(|| at(strip.len()));
    Spotlight { main, strip, people: shown, rest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAGE: Rect = Rect { min: pos2(12.0, 52.0), max: pos2(1268.0, 600.0) };

    fn rows(place: Rect, count: usize) -> (usize, usize) {
        let tiles = grid(place, count);
        let columns = tiles.iter().filter(|tile| tile.top() == tiles[0].top()).count();
        (columns, count.div_ceil(columns))
    }

    #[test]
    fn the_grid_grows_as_people_expect() {
        assert_eq!(rows(STAGE, 4), (2, 2));
        assert_eq!(rows(STAGE, 6), (3, 2));
        assert_eq!(rows(STAGE, 9), (3, 3));
        assert_eq!(rows(STAGE, 12), (4, 3));
        let three = grid(STAGE, 3);
        assert_eq!(three.last().expect("three").center().y.round(), three[2].center().y.round());
    }

    #[test]
    fn twelve_fit_on_a_page_and_thirteen_make_two() {
        let twelve = page(STAGE, 11, true, 0);
        assert_eq!((twelve.tiles.len(), twelve.count), (12, 1));
        let second = page(STAGE, 12, true, 7);
        assert_eq!((second.number, second.count, second.people.clone()), (1, 2, 11..12));
        assert_eq!(second.tiles.len(), 2, "the last one, and ourselves");
        assert_eq!(second.tiles[0].size(), page(STAGE, 12, true, 0).tiles[0].size());
    }

    #[test]
    fn a_full_strip_says_how_many_more_there_are() {
        let few = spotlight(STAGE, 2, true);
        assert_eq!((few.people, few.strip.len(), few.rest), (2, 3, None));
        let several = spotlight(STAGE, 3, true);
        assert_eq!((several.people, several.rest), (3, None));
        assert!(several.strip[0].width() < few.strip[0].width(), "smaller, so that all are seen");
        let many = spotlight(STAGE, 9, true);
        assert!(many.rest.is_some() && many.people < 9 && many.strip.len() == many.people + 1, "{many:?}");
        assert!(STAGE.expand(0.1).contains_rect(many.rest.expect("a rest")));
    }

    proptest! {
        #[test]
        fn tiles_stay_inside_and_apart(
            people in 1_usize..60, own: bool, wanted in 0_usize..9, width in 300.0_f32..2000.0, height in 150.0_f32..1200.0,
        ) {
            let place = Rect::from_min_size(pos2(12.0, 12.0), vec2(width, height));
            let mut seen = 0;
            for number in 0..page(place, people, own, 0).count {
                let page = page(place, people, own, number);
                prop_assert!(page.tiles.len() <= MAX_TILES.max(2));
                prop_assert_eq!(page.people.start, seen);
                prop_assert_eq!(page.tiles.len(), page.people.len() + usize::from(own));
                seen = page.people.end;
                for (index, tile) in page.tiles.iter().enumerate() {
                    prop_assert!(place.expand(0.1).contains_rect(*tile), "{tile:?}");
                    for other in &page.tiles[index + 1..] {
                        prop_assert!(!tile.shrink(0.1).intersects(*other), "{tile:?} and {other:?}");
                    }
                }
            }
            prop_assert_eq!(seen, people, "everybody is on some page");
            prop_assert!(page(place, people, own, wanted).number < page(place, people, own, 0).count);
        }
    }
}
