//! Modal dialogs above a screen.

use egui::{Align2, Frame, Id, Modal, Response, ScrollArea, Ui, Vec2};

use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::Cx;
use crate::ui::widgets::{TextButton, Tone};

/// Returns whether a dialog was open in the previous pass; it then handles keys and shortcuts.
pub fn is_open(ctx: &egui::Context) -> bool {
    let last: Option<u64> = ctx.data(|data| data.get_temp(Id::unique("a dialog is open")));
    last.is_some_and(|last| last + 1 >= ctx.cumulative_pass_nr())
}

/// Draws a dialog with a title. Returns the result of `content`, or `None` when the person closes the dialog.
pub fn dialog<T>(ui: &Ui, name: &str, title: &str, width: f32, content: impl FnOnce(&mut Ui) -> T) -> Option<T> {
    let palette = Palette::of(ui);
    let ctx = ui.ctx();
    // The pass number is read first: the context must not be queried while its data is locked.
    let pass = ctx.cumulative_pass_nr();
    ctx.data_mut(|data| data.insert_temp(Id::unique("a dialog is open"), pass));
    let frame = Frame::new()
        .fill(palette.surface)
        .stroke(egui::Stroke::new(1.0, palette.divider()))
        .corner_radius(corner::VIDEO)
        .inner_margin(space::L);
    let id = Id::unique(("dialog", name));
    let area = Modal::default_area(id).anchor(Align2::CENTER_CENTER, Vec2::ZERO);
    let window = ctx.content_rect();
    let width = width.min(window.width() - 2.0 * space::L - 2.0 * space::S);
    let shown = Modal::new(id).area(area).frame(frame).show(ctx, |ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing = Vec2::splat(space::S);
        // The current content decides the height, not that of the previous pass.
        let height = window.height() - 2.0 * space::L - 2.0 * space::S;
        ScrollArea::vertical()
            .max_height(height)
            .min_scrolled_height(height)
            .show(ui, |ui| {
                ui.heading(title);
                content(ui)
            })
            .inner
    });
    (!shown.should_close()).then_some(shown.inner)
}

/// Focuses `response` in the pass in which its dialog opens.
pub fn focus_once(ui: &Ui, response: &Response) {
    let id = response.id.with("was focused");
    let pass = ui.ctx().cumulative_pass_nr();
    let last: Option<u64> = ui.data(|data| data.get_temp(id));
    if last.is_none_or(|last| last + 2 < pass) {
        response.request_focus();
    }
    ui.data_mut(|data| data.insert_temp(id, pass));
}

/// Answer to a confirmation dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not answered yet.
    Open,
    /// Confirmed.
    Yes,
    /// Declined.
    No,
}

/// Draws a confirmation dialog for an irreversible action. The safe answer has the focus.
pub fn ask(ui: &Ui, cx: &Cx, name: &str, title: &str, lead: &str, yes: &str) -> Answer {
    let answer = dialog(ui, name, title, 440.0, |ui| {
        let palette = Palette::of(ui);
        ui.label(egui::RichText::new(lead).font(regular_font(cx.sizes.body)).color(palette.muted));
        ui.add_space(space::S);
        ui.horizontal_wrapped(|ui| {
            let no = TextButton::new(cx.texts.t("dialog-cancel"), Tone::Neutral).show(ui, &cx.sizes);
            focus_once(ui, &no);
            let yes = TextButton::new(yes, Tone::Danger).show(ui, &cx.sizes);
            if yes.clicked() {
                Answer::Yes
            } else if no.clicked() {
                Answer::No
            } else {
                Answer::Open
            }
        })
        .inner
    });
    answer.unwrap_or(Answer::No)
}
