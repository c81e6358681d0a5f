//! Statistics tab: plots of the last minute, and figures of each track.

use egui::{Color32, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, Vec2};
use egui_plot::{Line, Plot, PlotPoints};

use autamedica_call::{CallState, StatisticsSample, TrackStatistics};
use autamedica_engine::TrackSource;

use crate::theme::{Palette, bold_font, corner, regular_font, space};
use crate::ui::widgets::announce;
use crate::ui::{Cx, wording};

/// Time span of a plot in seconds.
const SECONDS: f64 = 60.0;
const PLOT_HEIGHT: f32 = 88.0;

struct Curve<'a> {
    /// Legend with the newest value.
    text: String,
    color: Color32,
    value: &'a dyn Fn(&StatisticsSample) -> f64,
}

pub(super) fn show(ui: &mut Ui, cx: &Cx, state: &CallState, place: Rect) {
    let (palette, texts) = (Palette::of(ui), cx.texts);
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("statistics"), |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = space::XXS;
            ui.spacing_mut().interact_size.y = 0.0;
            let Some(newest) = state.statistics.samples.back() else {
                ui.add_space(space::L);
                let text = texts.t("statistics-none");
                ui.vertical_centered(|ui| ui.label(RichText::new(text.as_ref()).color(palette.muted)));
                return;
            };
            let whole = |value: f64| value.round().max(0.0) as u64;
            let sent = texts.with("statistics-sent", &[("kbps", whole(newest.sent_kbps).into())]);
            let received = texts.with("statistics-received", &[("kbps", whole(newest.received_kbps).into())]);
            plot(
                ui,
                cx,
                state,
                "statistics-rate",
                &[
                    Curve { text: sent, color: palette.primary, value: &|sample| sample.sent_kbps },
                    Curve { text: received, color: palette.focus, value: &|sample| sample.received_kbps },
                ],
            );
            let loss = decimal(cx, newest.loss_percent);
            let loss = texts.with("statistics-loss-now", &[("percent", loss.as_str().into())]);
            plot(
                ui,
                cx,
                state,
                "statistics-loss",
                &[Curve { text: loss, color: palette.warning, value: &|sample| sample.loss_percent }],
            );
            let round_trip = match newest.round_trip_ms {
                Some(ms) => {
                    let trip = wording::milliseconds(texts, ms);
                    texts.with("statistics-round-trip", &[("trip", trip.as_str().into())])
                }
                None => texts.t("statistics-round-trip-unknown").into_owned(),
            };
            let jitter = texts.with("statistics-jitter", &[("ms", whole(newest.jitter_ms).into())]);
            plot(
                ui,
                cx,
                state,
                "statistics-delay",
                &[
                    Curve {
                        text: round_trip,
                        color: palette.ok,
                        value: &|sample| sample.round_trip_ms.unwrap_or_default(),
                    },
                    Curve { text: jitter, color: palette.muted, value: &|sample| sample.jitter_ms },
                ],
            );
            ui.add_space(space::XS);
            for (index, one) in newest.tracks.iter().enumerate() {
                track(ui, cx, state, index, one);
            }
        });
    });
}

/// Draws a plot with its legend above.
fn plot(ui: &mut Ui, cx: &Cx, state: &CallState, title: &str, curves: &[Curve]) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    ui.label(RichText::new(cx.texts.t(title)).font(bold_font(sizes.body)).color(palette.text));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::XXS;
        for curve in curves {
            // The legend has colour and text: some people can't distinguish the colours.
            let (key, _) = ui.allocate_exact_size(Vec2::new(space::M, sizes.caption), Sense::hover());
            let line = egui::Stroke::new(3.0, curve.color);
            ui.painter().hline(key.x_range(), key.center().y, line);
            ui.label(RichText::new(&curve.text).font(regular_font(sizes.caption)).color(palette.muted));
            ui.add_space(space::XS);
        }
    });
    let samples = &state.statistics.samples;
    let newest = samples.back().map(|sample| sample.at);
    let points = |value: &dyn Fn(&StatisticsSample) -> f64| -> Vec<[f64; 2]> {
        let age = |sample: &StatisticsSample| {
            newest.map(|newest| newest.saturating_duration_since(sample.at).as_secs_f64()).unwrap_or_default()
        };
        samples.iter().map(|sample| [-age(sample), value(sample)]).collect()
    };
    let highest =
        curves.iter().flat_map(|curve| samples.iter().map(|sample| (curve.value)(sample))).fold(1.0_f64, f64::max);
    let lines: Vec<(Vec<[f64; 2]>, Color32, String)> =
        curves.iter().map(|curve| (points(curve.value), curve.color, curve.text.clone())).collect();
    let font = regular_font(sizes.caption);
    ui.style_mut().text_styles.insert(egui::TextStyle::Body, font);
    let response = Plot::new(title)
        .height(PLOT_HEIGHT)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        .sense(Sense::hover())
        .show_x(false)
        .show_y(false)
        .show_axes([false, true])
        .show_grid([false, true])
        .y_axis_min_width(sizes.caption * 3.2)
        .default_x_bounds(-SECONDS, 0.0)
        .default_y_bounds(0.0, highest * 1.1)
        .set_margin_fraction(Vec2::ZERO)
        .show(ui, |plot| {
            plot.set_plot_bounds_x(-SECONDS..=0.0);
            plot.set_plot_bounds_y(0.0..=highest * 1.1);
            for (points, color, name) in lines {
                plot.line(Line::new(name, PlotPoints::from(points)).color(color).width(2.0).allow_hover(false));
            }
        })
        .response;
    let said = curves.iter().map(|curve| curve.text.as_str()).collect::<Vec<_>>().join(", ");
    let label = format!("{}: {said}", cx.texts.t(title));
    announce(ui, ui.scope_id().with(title), response.rect, &label);
    ui.add_space(space::XS);
}

fn track(ui: &mut Ui, cx: &Cx, state: &CallState, index: usize, track: &TrackStatistics) {
    let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
    let whose = match &track.identity {
        Some(identity) => wording::name_of(texts, state, identity, None),
        None => texts.t("you").into_owned(),
    };
    let source = texts.t(match track.source {
        TrackSource::Camera => "track-camera",
        TrackSource::Microphone => "track-microphone",
        TrackSource::Screenshare => "track-screen",
        TrackSource::ScreenshareAudio => "track-screen-sound",
        TrackSource::Unknown => "track-other",
    });
    let title = format!("{source} · {whose}");
    let kbps = track.kbps.round().max(0.0) as u64;
    let mut figures = Vec::new();
    if track.width > 0 {
        figures.push(format!("{}x{}", track.width, track.height));
        figures.push(texts.with("statistics-fps", &[("fps", (track.fps.round().max(0.0) as u64).into())]));
    }
    figures.push(texts.with("statistics-kbps", &[("kbps", kbps.into())]));
    figures.extend([&track.codec, &track.encoder].into_iter().filter(|name| !name.is_empty()).cloned());
    let (loss, jitter) = (decimal(cx, track.loss_percent), track.jitter_ms.round().max(0.0) as u64);
    let values = [("loss", loss.as_str().into()), ("jitter", jitter.into())];
    let detail = texts.with("statistics-track", &values);
    let text = format!("{}\n{detail}", figures.join(" · "));
    let room = ui.available_width() - 2.0 * space::S;
    let title_galley = ui.painter().layout(title.clone(), bold_font(sizes.caption), palette.text, room);
    let galley = ui.painter().layout(text.clone(), regular_font(sizes.caption), palette.muted, room);
    let height = title_galley.size().y + galley.size().y + 2.0 * space::XS;
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    ui.painter().rect_filled(rect, corner::CARD, palette.raised.gamma_multiply(0.6));
    let at = rect.min + Vec2::new(space::S, space::XS);
    let below = at + Vec2::new(0.0, title_galley.size().y);
    ui.painter().galley(at, title_galley, palette.text);
    ui.painter().galley(below, galley, palette.muted);
    announce(ui, ui.scope_id().with(("track", index)), rect, &format!("{title}: {}", text.replace('\n', ", ")));
}

/// Formats one decimal place with the language's decimal separator.
fn decimal(cx: &Cx, value: f64) -> String {
    wording::decimal(cx.texts, value)
}
