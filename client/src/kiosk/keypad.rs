//! Keypad screen of a kiosk, which takes the eight-digit kiosk code of an appointment.

use autamedica_api::{KIOSK_CODE_DIGITS, Pasted, read_pasted};
use autamedica_call::{JoinTarget, Secret};
use egui::{Align2, CornerRadius, Key, Pos2, Rect, RichText, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use crate::app::ScreenName;
use crate::app::edition::Page;
use crate::theme::{Palette, Sizes, bold_font, corner, regular_font, space};
use crate::ui::check::column;
use crate::ui::controls::note;
use crate::ui::page::{header, wide};
use crate::ui::widgets::{TextButton, Tone, focus_ring};
use crate::ui::{Action, Cx, OperatorRequest};

/// Width in points from which the rest stands beside the keys.
const SIDE_BY_SIDE: f32 = 700.0;

/// State of the keypad screen.
#[derive(Default)]
pub struct KeypadScreen {
    digits: String,
    help: bool,
    problem: bool,
    /// The newest digits came from a keyboard or scanner: Enter submits them even if a control has the focus.
    typing: bool,
}

impl Page for KeypadScreen {
    fn name(&self) -> ScreenName {
        ScreenName::Start
    }

    fn is_blank(&self) -> bool {
        self.digits.is_empty() && !self.help && !self.problem
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        // This precedes the drawing of the keys: a focused one consumes Enter.
        if ui.input(|input| input.key_pressed(Key::Tab)) {
            self.typing = false;
        }
        for pressed in typed(ui, self.typing) {
            self.typing = matches!(pressed, Pressed::Digit(_));
            self.press(pressed, cx);
        }
        wide(ui, cx.sizes, |ui| self.card(ui, cx));
    }
}

impl KeypadScreen {
    fn card(&mut self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        ui.vertical_centered(|ui| ui.heading(texts.t("keypad-title").as_ref()));
        ui.add_space(space::XS);
        let spoken = texts.with("keypad-typed", &[("count", (self.digits.len() as u64).into())]);
        boxes(ui, &sizes, &self.digits, KIOSK_CODE_DIGITS, false, &spoken);
        ui.add_space(space::M);
        let (keys, ()) = beside_keys(ui, cx, Some(Pressed::Help), |ui, cx| {
            let width = ui.available_width();
            let go = TextButton::new(texts.t("keypad-continue"), Tone::Primary).icon(Icon::ArrowRight);
            if go.min_width(width).show(ui, &sizes).clicked() {
                self.press(Pressed::Enter, cx);
            }
            if self.problem {
                ui.add_space(space::XS);
                note(ui, &sizes, &texts.t("keypad-incomplete"), palette.danger);
            }
            ui.add_space(space::M);
            lead(ui, &sizes, &texts.t("keypad-help-text"));
            if self.help {
                ui.add_space(space::M);
                if TextButton::new(texts.t("keypad-staff"), Tone::Neutral).show(ui, &sizes).clicked() {
                    cx.actions.push(Action::Operator(OperatorRequest::Open));
                }
            }
        });
        if let Some(pressed) = keys {
            self.typing = false;
            self.press(pressed, cx);
        }
    }

    fn press(&mut self, pressed: Pressed, cx: &mut Cx) {
        self.problem = false;
        match pressed {
            Pressed::Digit(digit) if self.digits.len() < KIOSK_CODE_DIGITS => self.digits.push(digit),
            Pressed::Digit(_) => {}
            Pressed::Back => drop(self.digits.pop()),
            Pressed::Help => self.help = !self.help,
            Pressed::Enter if self.digits.len() == KIOSK_CODE_DIGITS => {
                cx.actions.push(Action::Begin(JoinTarget::Digits(Secret::new(std::mem::take(&mut self.digits)))));
            }
            Pressed::Enter => self.problem = true,
        }
    }
}

/// Key pressed on the screen or on a keyboard.
#[derive(Clone, Copy)]
pub(super) enum Pressed {
    Digit(char),
    Back,
    Help,
    Enter,
}

/// Returns the keys typed on a keyboard in this pass. A barcode scanner types a whole code in one pass.
///
/// `typing`: the last key of the previous passes was a digit.
pub(super) fn typed(ui: &Ui, typing: bool) -> Vec<Pressed> {
    // The focus is read first: egui has one lock for memory and input.
    let keyboard_is_free = ui.memory(|memory| memory.focused().is_none());
    let mut all = Vec::new();
    ui.input(|input| {
        for event in &input.events {
            match event {
                egui::Event::Text(text) | egui::Event::Paste(text) => {
                    let pasted = match read_pasted(text) {
                        Ok(Pasted::Digits(digits)) => digits,
                        _ => text.clone(),
                    };
                    all.extend(pasted.chars().filter(char::is_ascii_digit).map(Pressed::Digit));
                }
                egui::Event::Key { key: Key::Backspace, pressed: true, .. } => all.push(Pressed::Back),
                // A focused control handles Enter itself unless digits precede it.
                egui::Event::Key { key: Key::Enter, pressed: true, repeat: false, .. } => {
                    let ends_digits = all.last().map_or(typing, |last| matches!(last, Pressed::Digit(_)));
                    if keyboard_is_free || ends_digits {
                        all.push(Pressed::Enter);
                    }
                }
                _ => {}
            }
        }
    });
    all
}

/// Draws boxes with the typed digits, or with dots if `hidden`. Screen readers read `spoken`.
pub(super) fn boxes(ui: &mut Ui, sizes: &Sizes, typed: &str, count: usize, hidden: bool, spoken: &str) {
    let palette = Palette::of(ui);
    let gap = space::XS;
    let side = ((ui.available_width() - gap * (count as f32 - 1.0)) / count as f32).min(sizes.control);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), sizes.control), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, spoken));
    let start = rect.center().x - (side * count as f32 + gap * (count as f32 - 1.0)) / 2.0;
    for n in 0..count {
        let at = Pos2::new(start + n as f32 * (side + gap), rect.top());
        let cell = Rect::from_min_size(at, Vec2::new(side, rect.height()));
        let next = n == typed.len();
        let (width, color) = if next { (3.0, palette.primary) } else { (1.0, palette.outline) };
        ui.painter().rect_stroke(cell, corner::CARD, Stroke::new(width, color), StrokeKind::Inside);
        if let Some(digit) = typed.chars().nth(n) {
            let shown = if hidden { '•' } else { digit };
            ui.painter().text(cell.center(), Align2::CENTER_CENTER, shown, bold_font(sizes.lead), palette.text);
        }
    }
}

/// Draws the keys with `rest` beside them, or below where space is scarce. Returns the key pressed.
pub(super) fn beside_keys<R>(
    ui: &mut Ui,
    cx: &mut Cx,
    extra: Option<Pressed>,
    rest: impl FnOnce(&mut Ui, &mut Cx) -> R,
) -> (Option<Pressed>, R) {
    let width = ui.available_width();
    if width < SIDE_BY_SIDE {
        let pressed = keys(ui, cx, extra);
        ui.add_space(space::S);
        return (pressed, rest(ui, cx));
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::XL;
        let half = (width - space::XL) / 2.0;
        let pressed = column(ui, half, |ui| keys(ui, cx, extra));
        (pressed, column(ui, half, |ui| rest(ui, cx)))
    })
    .inner
}

/// Draws the keys in telephone order, `extra` at the lower right. Returns the key pressed.
fn keys(ui: &mut Ui, cx: &Cx, extra: Option<Pressed>) -> Option<Pressed> {
    let mut pressed = None;
    let texts = cx.texts;
    let rows = [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]];
    let width = ((ui.available_width() - 2.0 * space::XS) / 3.0).min(180.0);
    let size = Vec2::new(width, cx.sizes.control);
    let indent = (ui.available_width() - 3.0 * width - 2.0 * space::XS) / 2.0;
    let mut row = |ui: &mut Ui, keys: [(&str, String, Option<Pressed>); 3]| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            ui.add_space(indent);
            for (shown, name, means) in keys {
                let Some(means) = means else {
                    ui.allocate_exact_size(size, Sense::hover());
                    continue;
                };
                if key(ui, &cx.sizes, size, shown, &name) {
                    pressed = Some(means);
                }
            }
        });
    };
    for digits in rows {
        row(ui, digits.map(|digit| (digit, digit.to_owned(), digit.chars().next().map(Pressed::Digit))));
    }
    let back = (BACK, texts.t("keypad-back").into_owned(), Some(Pressed::Back));
    let zero = ("0", "0".to_owned(), Some(Pressed::Digit('0')));
    let help_word = texts.t("keypad-help").into_owned();
    let help = (help_word.as_str(), help_word.clone(), extra);
    row(ui, [back, zero, help]);
    pressed
}

/// Key drawn as an icon.
const BACK: &str = "back";

fn key(ui: &mut Ui, sizes: &Sizes, size: Vec2, shown: &str, name: &str) -> bool {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let fill = if response.is_pointer_button_down_on() {
        palette.pressed(palette.raised)
    } else if response.hovered() {
        palette.hovered(palette.raised)
    } else {
        palette.raised
    };
    ui.painter().rect_filled(rect, corner::CARD, fill);
    ui.painter().rect_stroke(rect, corner::CARD, Stroke::new(1.0, palette.outline), StrokeKind::Inside);
    if shown == BACK {
        let font = crate::theme::icon_font(sizes.lead);
        let icon = char::from(Icon::Delete);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, icon, font, palette.text);
    } else if shown.chars().count() > 1 {
        // Another font and colour distinguish the word from digits.
        let font = bold_font(sizes.body);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, shown, font, palette.primary);
    } else {
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, shown, regular_font(sizes.title), palette.text);
    }
    focus_ring(ui, &response, CornerRadius::same(corner::CARD));
    response.clicked()
}

/// Draws the text under a title.
pub(super) fn lead(ui: &mut Ui, sizes: &Sizes, text: &str) {
    let color = Palette::of(ui).muted;
    ui.label(RichText::new(text).font(regular_font(sizes.lead)).color(color));
}
