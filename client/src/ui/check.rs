//! Check screen before a call: camera, microphone, speaker and network, each with advice.

use std::time::Duration;

use autamedica_api::Role;
use autamedica_call::DeviceKind;
use autamedica_call::check::{CheckCommand, CheckState, NetworkState, NetworkVerdict, TestSound, Voice};
use autamedica_media::audio::Level;
use autamedica_media::{DeviceChoice, DeviceProblem, DeviceState};
use egui::{Align, Layout, Rect, RichText, Sense, Ui, Vec2};
use lucide_icons::Icon;

use super::controls::{along_meter, caption, choice, meter, note, remark, switch};
use super::page::{header, wide_with_footer};
use super::video::{Fit, PictureId, PictureKind, PictureStyle, Videos};
use super::widgets::{TextButton, Tone, announce_picture};
use super::{Action, Cx, wording};
use crate::theme::{Palette, corner, icon_font, regular_font, space};

/// Redraw interval of the level meter, with or without a video.
const METER_INTERVAL: Duration = Duration::from_millis(66);
/// Width in points from which the picture stands beside the rest.
const SIDE_BY_SIDE: f32 = 720.0;

/// Height in points from which the lead text fits.
const ROOMY: f32 = 700.0;

/// State of the check screen between passes.
#[derive(Default)]
pub struct CheckScreen {
    /// Level as drawn; falls more slowly than the voice.
    shown_level: f32,
}

/// Status of a device or of the network.
enum Sign {
    Fine,
    Wait,
    Warn,
}

impl CheckScreen {
    /// Draws the screen.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CheckState, level: Level, videos: &mut Videos) {
        header(ui, cx);
        self.shown_level = along_meter(level.rms).max(self.shown_level - 0.06);
        wide_with_footer(ui, cx, |ui, cx| self.body(ui, cx, state, videos), buttons);
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape)) {
            cx.actions.push(Action::Home);
        }
        // A focused control handles Enter itself. A key still held from the previous screen doesn't count.
        let is_free = ui.memory(|memory| memory.focused().is_none()) && !egui::Popup::is_any_open(ui.ctx());
        if is_free && ui.input(|input| input.events.iter().any(is_enter)) {
            cx.actions.push(Action::Enter);
        }
        ui.ctx().request_repaint_after(METER_INTERVAL);
    }

    fn body(&self, ui: &mut Ui, cx: &mut Cx, state: &CheckState, videos: &mut Videos) {
        let (texts, sizes, palette) = (cx.texts, cx.sizes, Palette::of(ui));
        ui.heading(texts.t("check-title").as_ref());
        // In a low window the controls take precedence over the lead text.
        if ui.ctx().content_rect().height() >= ROOMY {
            let lead = RichText::new(texts.t("check-lead").as_ref());
            ui.label(lead.font(regular_font(sizes.lead)).color(palette.muted));
        }
        ui.add_space(space::S);
        let width = ui.available_width();
        if width >= SIDE_BY_SIDE {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::L;
                let half = (width - space::L) / 2.0;
                column(ui, half, |ui| {
                    preview(ui, cx, state, videos);
                    ui.add_space(space::S);
                    network(ui, cx, state);
                });
                column(ui, half, |ui| self.devices(ui, cx, state));
            });
        } else {
            preview(ui, cx, state, videos);
            ui.add_space(space::S);
            self.devices(ui, cx, state);
            network(ui, cx, state);
        }
    }

    fn devices(&self, ui: &mut Ui, cx: &mut Cx, state: &CheckState) {
        let (texts, sizes) = (cx.texts, cx.sizes);
        let camera = texts.t("camera-caption");
        caption(ui, &sizes, &camera);
        let devices = &state.devices;
        if let Some(chosen) = device(ui, cx, DeviceKind::Camera, &state.chosen.camera, &devices.cameras, true) {
            cx.actions.push(Action::Check(CheckCommand::UseCamera(chosen)));
        }
        let (is, text) = camera_words(state);
        verdict(ui, cx, is, &texts.t(text.0), text.1.map(|advice| texts.t(advice)).as_deref());
        ui.add_space(space::S);

        let microphone = texts.t("microphone-caption");
        caption(ui, &sizes, &microphone);
        if let Some(chosen) =
            device(ui, cx, DeviceKind::Microphone, &state.chosen.microphone, &devices.microphones, false)
        {
            cx.actions.push(Action::Check(CheckCommand::UseMicrophone(chosen)));
        }
        ui.add_space(space::XXS);
        meter(ui, &texts.t("check-level"), self.shown_level);
        let (is, text) = microphone_words(state);
        verdict(ui, cx, is, &texts.t(text.0), text.1.map(|advice| texts.t(advice)).as_deref());
        ui.add_space(space::S);

        let speaker = texts.t("speaker-caption");
        caption(ui, &sizes, &speaker);
        if let Some(chosen) = device(ui, cx, DeviceKind::Speaker, &state.chosen.speaker, &devices.speakers, false) {
            cx.actions.push(Action::Check(CheckCommand::UseSpeaker(chosen)));
        }
        sound(ui, cx, state);
    }
}

/// Returns whether the event is a press of Enter.
fn is_enter(event: &egui::Event) -> bool {
    matches!(event, egui::Event::Key { key: egui::Key::Enter, pressed: true, repeat: false, modifiers, .. } if modifiers.is_none())
}

/// Lays `content` out in a column of this width.
pub(crate) fn column<R>(ui: &mut Ui, width: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    ui.allocate_ui_with_layout(Vec2::new(width, 0.0), Layout::top_down(Align::Min), |ui| {
        ui.set_width(width);
        content(ui)
    })
    .inner
}

/// Draws the mirrored self-view.
pub(super) fn own_picture(ui: &Ui, cx: &Cx, place: Rect, slot: &autamedica_engine::LatestFrame, videos: &mut Videos) {
    let palette = Palette::of(ui);
    ui.painter().rect_filled(place, corner::VIDEO, palette.raised);
    let id = PictureId { identity: String::new(), kind: PictureKind::SelfView };
    let style = PictureStyle { fit: Fit::Cover, mirrored: true, corner: corner::VIDEO, brightness: 1.0, drives: true };
    if videos.show(ui, place, &id, slot, style).is_some() {
        announce_picture(ui, ui.scope_id().with("own picture"), place, &cx.texts.t("self-view"));
    } else {
        let font = icon_font(space::XXL);
        let icon = char::from(Icon::Video);
        ui.painter().text(place.center(), egui::Align2::CENTER_CENTER, icon, font, palette.muted);
    }
}

fn preview(ui: &mut Ui, cx: &Cx, state: &CheckState, videos: &mut Videos) {
    let width = ui.available_width();
    let (place, _) = ui.allocate_exact_size(Vec2::new(width, (width * 9.0 / 16.0).min(300.0)), Sense::hover());
    own_picture(ui, cx, place, &state.preview, videos);
}

/// Draws a list of devices, the system's default first. Returns a new choice.
pub(crate) fn device(
    ui: &mut Ui,
    cx: &Cx,
    kind: DeviceKind,
    chosen: &DeviceChoice,
    names: &[String],
    may_be_none: bool,
) -> Option<DeviceChoice> {
    let label = cx.texts.t(wording::device_caption(kind));
    let mut choices = vec![DeviceChoice::Default];
    choices.extend(names.iter().cloned().map(DeviceChoice::Named));
    if may_be_none {
        choices.push(DeviceChoice::None);
    }
    // Keeps the chosen device in the list even if it is unplugged or a test source.
    if !choices.contains(chosen) {
        choices.push(chosen.clone());
    }
    let words = |choice: &DeviceChoice| match choice {
        DeviceChoice::Default => cx.texts.t(wording::device_default(kind)).into_owned(),
        DeviceChoice::Named(name) => name.clone(),
        DeviceChoice::Test => cx.texts.t(wording::device_test(kind)).into_owned(),
        DeviceChoice::None => cx.texts.t(wording::device_none(kind)).into_owned(),
    };
    let options: Vec<_> = choices.iter().map(words).collect();
    let selected = choices.iter().position(|choice| choice == chosen);
    choice(ui, &label, &options, selected).and_then(|n| choices.into_iter().nth(n))
}

type Words = (&'static str, Option<&'static str>);

fn camera_words(state: &CheckState) -> (Sign, Words) {
    match &state.camera {
        DeviceState::On { .. } => (Sign::Fine, ("check-camera-on", None)),
        DeviceState::Starting => (Sign::Wait, ("check-starting", None)),
        DeviceState::Off => (Sign::Warn, ("check-camera-off", Some("check-camera-off-advice"))),
        DeviceState::Failed(problem) => {
            let (title, advice) = wording::camera_problem(*problem);
            (Sign::Warn, (title, Some(advice)))
        }
    }
}

fn microphone_words(state: &CheckState) -> (Sign, Words) {
    match (&state.microphone, state.voice) {
        (DeviceState::Starting, _) => (Sign::Wait, ("check-starting", None)),
        (DeviceState::Off, _) => (Sign::Warn, ("check-microphone-off", Some("check-microphone-off-advice"))),
        (DeviceState::Failed(problem), _) => {
            let (title, advice) = wording::microphone_problem(*problem);
            (Sign::Warn, (title, Some(advice)))
        }
        (DeviceState::On { .. }, Voice::Listening) => (Sign::Wait, ("check-say-something", None)),
        (DeviceState::On { .. }, Voice::Heard) => (Sign::Fine, ("check-voice-heard", None)),
        (DeviceState::On { .. }, Voice::Faint) => (Sign::Warn, ("check-voice-faint", Some("check-voice-faint-advice"))),
        (DeviceState::On { .. }, Voice::Silent) => {
            (Sign::Warn, ("check-voice-silent", Some("check-voice-silent-advice")))
        }
        (DeviceState::On { .. }, Voice::Muted) => (Sign::Warn, ("check-voice-muted", Some("check-voice-muted-advice"))),
    }
}

fn sound(ui: &mut Ui, cx: &mut Cx, state: &CheckState) {
    let (texts, sizes) = (cx.texts, cx.sizes);
    if let DeviceState::Failed(problem) = &state.speaker {
        let title = if *problem == DeviceProblem::NotFound { "check-speaker-not-found" } else { "speaker-problem" };
        verdict(ui, cx, Sign::Warn, &texts.t(title), Some(&texts.t("check-speaker-advice")));
        return;
    }
    ui.add_space(space::XXS);
    let ask = |cx: &mut Cx, command| cx.actions.push(Action::Check(command));
    match state.sound {
        TestSound::Playing => verdict(ui, cx, Sign::Wait, &texts.t("check-sound-playing"), None),
        TestSound::Heard => verdict(ui, cx, Sign::Fine, &texts.t("check-sound-heard"), None),
        TestSound::NotHeard => {
            verdict(ui, cx, Sign::Warn, &texts.t("check-sound-not-heard"), Some(&texts.t("check-speaker-advice")));
        }
        TestSound::Silent | TestSound::Unanswered => {}
    }
    if state.sound == TestSound::Unanswered {
        let ink = Palette::of(ui).text;
        note(ui, &sizes, &texts.t("check-sound-asked"), ink);
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
        match state.sound {
            TestSound::Unanswered => {
                if TextButton::new(texts.t("check-yes"), Tone::Neutral).show(ui, &sizes).clicked() {
                    ask(cx, CheckCommand::Heard(true));
                }
                if TextButton::new(texts.t("check-no"), Tone::Neutral).show(ui, &sizes).clicked() {
                    ask(cx, CheckCommand::Heard(false));
                }
            }
            TestSound::Silent | TestSound::Heard | TestSound::NotHeard => {
                let play = TextButton::new(texts.t("check-sound-play"), Tone::Neutral).icon(Icon::Volume2);
                if play.show(ui, &sizes).clicked() {
                    ask(cx, CheckCommand::PlaySound);
                }
            }
            TestSound::Playing => {}
        }
    });
}

fn network(ui: &mut Ui, cx: &mut Cx, state: &CheckState) {
    let (texts, sizes) = (cx.texts, cx.sizes);
    ui.label(RichText::new(texts.t("check-network").as_ref()).font(crate::theme::bold_font(sizes.body)));
    match state.network {
        NetworkState::NoServer => verdict(ui, cx, Sign::Wait, &texts.t("check-network-none"), None),
        NetworkState::Running(step) => verdict(ui, cx, Sign::Wait, &texts.t(wording::network_step(step)), None),
        NetworkState::Done(report) => {
            let (title, advice) = wording::network_verdict(report.verdict());
            let is = if report.verdict() == NetworkVerdict::Poor { Sign::Warn } else { Sign::Fine };
            verdict(ui, cx, is, &texts.t(title), advice.map(|advice| texts.t(advice)).as_deref());
            // Only doctors see the figures: patients can't act on them.
            if cx.role == Role::Doctor {
                let mbps = |kbps: u32| wording::decimal(texts, f64::from(kbps) / 1000.0);
                let figures = texts.with(
                    "check-network-figures",
                    &[
                        ("trip", wording::milliseconds(texts, f64::from(report.round_trip_ms)).as_str().into()),
                        ("up", mbps(report.up_kbps).as_str().into()),
                        ("down", mbps(report.down_kbps).as_str().into()),
                        ("loss", wording::decimal(texts, report.loss_percent).as_str().into()),
                    ],
                );
                let color = Palette::of(ui).muted;
                ui.label(RichText::new(figures).font(regular_font(sizes.caption)).color(color));
            }
        }
        NetworkState::Failed(problem) => {
            let (title, advice) = wording::network_problem(problem);
            verdict(ui, cx, Sign::Warn, &texts.t(title), Some(&texts.t(advice)));
        }
    }
    if matches!(state.network, NetworkState::Failed(_))
        || matches!(state.network, NetworkState::Done(report) if report.verdict() != NetworkVerdict::Good)
    {
        let again = TextButton::new(texts.t("check-network-again"), Tone::Neutral).icon(Icon::RefreshCw);
        if again.show(ui, &sizes).clicked() {
            cx.actions.push(Action::Check(CheckCommand::TestNetwork));
        }
    }
}

fn verdict(ui: &mut Ui, cx: &Cx, is: Sign, title: &str, advice: Option<&str>) {
    let palette = Palette::of(ui);
    let (icon, color) = match is {
        Sign::Fine => (Icon::CircleCheck, palette.ok),
        Sign::Wait => (Icon::Info, palette.muted),
        Sign::Warn => (Icon::TriangleAlert, palette.warning),
    };
    remark(ui, &cx.sizes, icon, color, title);
    if let Some(advice) = advice {
        note(ui, &cx.sizes, advice, palette.muted);
    }
}

fn buttons(ui: &mut Ui, cx: &mut Cx) {
    let (texts, sizes) = (cx.texts, cx.sizes);
    let enter = TextButton::new(texts.t("check-enter"), Tone::Primary).icon(Icon::ArrowRight).min_width(180.0);
    if enter.show(ui, &sizes).clicked() {
        cx.actions.push(Action::Enter);
    }
    if TextButton::new(texts.t("check-back"), Tone::Neutral).show(ui, &sizes).clicked() {
        cx.actions.push(Action::Home);
    }
    skip_next_time(ui, cx);
}

fn skip_next_time(ui: &mut Ui, cx: &mut Cx) {
    if cx.role != Role::Doctor {
        return;
    }
    if switch(ui, &cx.sizes, &cx.texts.t("settings-skip-check"), cx.settings.skip_check) {
        let settings = crate::settings::Settings { skip_check: !cx.settings.skip_check, ..cx.settings.clone() };
        cx.actions.push(Action::ApplySettings(Box::new(settings)));
    }
}
