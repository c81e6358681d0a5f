//! The round buttons: what a person can do, and the way out, apart from the rest.

use autamedica_api::Role;
use egui::{Popup, Rect, RectAlign, Response, Sense, Ui, Vec2, WidgetInfo, pos2};
use lucide_icons::Icon;

use super::panel::Tab;
use super::{CallScreen, is_full_screen};
use crate::call::{CallCommand, CallState, RecordingState, ShareState};
use crate::device::ScreenSource;
use crate::theme::{Palette, corner, icon_font, regular_font, space};
use crate::ui::widgets::{CallButton, Tone, focus_ring};
use crate::ui::{Action, Cx};

/// Between the last button and hang-up.
const APART: f32 = space::XL;
const WIDE_MENU: f32 = 260.0;

/// Room for the bar.
pub(super) fn size(cx: &Cx, doctor: bool) -> Vec2 {
    let button = CallButton::size(&cx.sizes);
    let count = if doctor { 7.0 } else { 5.0 };
    Vec2::new(count * button.x + APART + 2.0 * space::S, button.y + 2.0 * space::S)
}

/// Hands out places from left to right.
struct Row<'a> {
    ui: &'a Ui,
    cx: &'a Cx<'a>,
    next: egui::Pos2,
    hidden: bool,
}

impl Row<'_> {
    fn add(&mut self, name: &str, button: CallButton) -> Response {
        let size = CallButton::size(&self.cx.sizes);
        let rect = Rect::from_min_size(self.next, size);
        self.next.x += size.x;
        button.show(self.ui, self.ui.scope_id().with(name), rect, &self.cx.sizes, self.hidden)
    }
}

impl CallScreen {
    pub(super) fn bar(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState, place: Rect, hidden: bool) {
        let palette = Palette::of(ui);
        ui.painter().rect_filled(place, corner::VIDEO, palette.overlay());
        let mut asked = Vec::new();
        let mut row = Row { ui, cx, next: place.min + Vec2::splat(space::S), hidden };
        asked.extend(sources(&mut row, state));
        if state.role == Role::Doctor {
            asked.extend(doctors(&mut row, state));
        }
        self.chat_button(&mut row, state);
        let more = row.add(
            "more",
            CallButton {
                icon: Icon::Ellipsis,
                caption: &row.cx.texts.t("more-caption"),
                label: &row.cx.texts.t("more-open"),
                shortcut: "",
                tone: Tone::Neutral,
                on: None,
                badge: 0,
            },
        );
        row.next.x = place.right() - space::S - CallButton::size(&row.cx.sizes).x;
        let hang_up = row.add(
            "hang up",
            CallButton {
                icon: Icon::PhoneOff,
                caption: &row.cx.texts.t("hang-up-caption"),
                label: &row.cx.texts.t("hang-up"),
                shortcut: "",
                tone: Tone::Danger,
                on: None,
                badge: 0,
            },
        );
        if hang_up.clicked() {
            asked.push(Action::Leave);
        }
        cx.actions.extend(asked);
        self.more_menu(cx, &more);
    }

    fn chat_button(&mut self, row: &mut Row, state: &CallState) {
        let texts = row.cx.texts;
        let open = self.panel.shows(Tab::Chat);
        let unread = self.panel.unread(state);
        let label = match (open, unread) {
            (true, _) => texts.t("chat-close").into_owned(),
            (false, 0) => texts.t("chat-open").into_owned(),
            (false, count) => texts.with("chat-open-unread", &[("count", (count as u64).into())]),
        };
        let button = CallButton {
            icon: Icon::MessageSquare,
            caption: &texts.t("chat-caption"),
            label: &label,
            shortcut: "",
            tone: if open { Tone::Primary } else { Tone::Neutral },
            on: Some(open),
            badge: unread,
        };
        if row.add("chat", button).clicked() {
            self.panel.toggle(Tab::Chat);
        }
    }

    fn more_menu(&mut self, cx: &mut Cx, button: &Response) {
        let texts = cx.texts;
        let above = Popup::menu(button).align(RectAlign::TOP).gap(space::M).width(WIDE_MENU);
        above.show(|ui| {
            ui.spacing_mut().item_spacing.y = space::XXS;
            if menu_item(ui, cx, Icon::Users, &texts.t("more-people")).clicked() {
                self.panel.toggle(Tab::People);
            }
            let (icon, text) = if self.self_view_hidden {
                (Icon::Eye, texts.t("more-show-self"))
            } else {
                (Icon::EyeOff, texts.t("more-hide-self"))
            };
            if menu_item(ui, cx, icon, &text).clicked() {
                self.self_view_hidden = !self.self_view_hidden;
            }
            if !cx.kiosk {
                let full = is_full_screen(ui);
                let (icon, text) = if full {
                    (Icon::Minimize, texts.t("more-window"))
                } else {
                    (Icon::Maximize, texts.t("more-full-screen"))
                };
                if menu_item(ui, cx, icon, &text).clicked() {
                    cx.actions.push(Action::FullScreen(!full));
                }
            }
        });
    }
}

/// Our own microphone and camera.
fn sources(row: &mut Row, state: &CallState) -> Vec<Action> {
    let texts = row.cx.texts;
    let mut asked = Vec::new();
    let muted = state.microphone.muted;
    let button = CallButton {
        icon: if muted { Icon::MicOff } else { Icon::Mic },
        caption: &texts.t("microphone-caption"),
        label: &texts.t(if muted { "microphone-unmute" } else { "microphone-mute" }),
        shortcut: "Ctrl+D",
        tone: if muted { Tone::Inverted } else { Tone::Neutral },
        on: Some(!muted),
        badge: 0,
    };
    if row.add("microphone", button).clicked() {
        asked.push(Action::Command(CallCommand::MuteMicrophone(!muted)));
    }
    let muted = state.camera.muted;
    let button = CallButton {
        icon: if muted { Icon::VideoOff } else { Icon::Video },
        caption: &texts.t("camera-caption"),
        label: &texts.t(if muted { "camera-start" } else { "camera-stop" }),
        shortcut: "Ctrl+E",
        tone: if muted { Tone::Inverted } else { Tone::Neutral },
        on: Some(!muted),
        badge: 0,
    };
    if row.add("camera", button).clicked() {
        asked.push(Action::Command(CallCommand::MuteCamera(!muted)));
    }
    asked
}

/// Screen share and recording.
fn doctors(row: &mut Row, state: &CallState) -> Vec<Action> {
    let texts = row.cx.texts;
    let mut asked = Vec::new();
    let sharing = matches!(state.screen, ShareState::Starting | ShareState::On);
    let button = CallButton {
        icon: if sharing { Icon::ScreenShareOff } else { Icon::ScreenShare },
        caption: &texts.t(if sharing { "stop-caption" } else { "share-caption" }),
        label: &texts.t(if sharing { "share-stop" } else { "share-start" }),
        shortcut: "Ctrl+Shift+S",
        tone: if sharing { Tone::Primary } else { Tone::Neutral },
        on: Some(sharing),
        badge: 0,
    };
    if row.add("share", button).clicked() {
        asked.push(Action::Command(share(sharing)));
    }
    let recording = matches!(state.recording, RecordingState::Starting | RecordingState::On(_));
    let button = CallButton {
        icon: if recording { Icon::CircleStop } else { Icon::CircleDot },
        caption: &texts.t(if recording { "stop-caption" } else { "record-caption" }),
        label: &texts.t(if recording { "record-stop" } else { "record-start" }),
        shortcut: "",
        tone: if recording { Tone::Live } else { Tone::Neutral },
        on: Some(recording),
        badge: 0,
    };
    if row.add("record", button).clicked() {
        asked.push(Action::Command(CallCommand::Record(!recording)));
    }
    asked
}

/// What the share button and its shortcut ask for.
pub(super) fn share(sharing: bool) -> CallCommand {
    if sharing { CallCommand::StopSharing } else { CallCommand::ShareScreen(ScreenSource::Primary) }
}

fn menu_item(ui: &mut Ui, cx: &Cx, icon: Icon, text: &str) -> Response {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(WIDE_MENU - space::M, cx.sizes.control), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::MenuItem, true, text));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, corner::CARD, palette.raised);
    }
    let at = pos2(rect.left() + space::S, rect.center().y);
    let icon_size = cx.sizes.body * 1.25;
    ui.painter().text(at, egui::Align2::LEFT_CENTER, char::from(icon), icon_font(icon_size), palette.muted);
    let at = at + Vec2::new(icon_size + space::S, 0.0);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, text, regular_font(cx.sizes.body), palette.text);
    focus_ring(ui, &response, corner::CARD.into());
    response
}
