//! The line at the top: whose plugin this is, which model it plays with, what the engine does, and bypass.

use egui::{Color32, Label, RichText, Role, Sense, Ui, WidgetInfo, vec2};

use super::{View, Wish, switch, theme, words};
use crate::{
    link::{ModelStatus, PackSummary, Phase, Status},
    params::ParamId,
};

/// Draws the header; the bypass switch is all that can be asked for here.
pub fn header_ui(ui: &mut Ui, view: &View) -> Vec<Wish> {
    let (_, wishes) =
        egui::Sides::new().shrink_left().truncate().height(theme::HEADER_HEIGHT).show(
            ui,
            |ui| {
                let wordmark =
                    RichText::new("ENCORE").size(theme::WORDMARK).extra_letter_spacing(3.5);
                ui.add(Label::new(wordmark.color(theme::TEXT)).extend());
                ui.add_space(6.0);
                model_ui(ui, view.status);
            },
            |ui| {
                let wishes = switch::switch_ui(ui, ParamId::Bypass, view.values, theme::ERROR);
                pill_ui(ui, view.status.phase);
                clock_ui(ui, view);
                wishes
            },
        );
    wishes
}

fn model_ui(ui: &mut Ui, status: &Status) {
    match &status.model {
        ModelStatus::Unknown => state_ui(ui, theme::TEXT_WEAK, "Looking for a model…"),
        ModelStatus::Loading { name } => {
            ui.add(egui::Spinner::new().size(12.0).color(theme::ACCENT));
            ui.add(
                Label::new(RichText::new(format!("Loading {name}…")).color(theme::TEXT_WEAK))
                    .truncate(),
            );
        }
        ModelStatus::Ready(pack) => {
            dot_ui(ui, theme::READY);
            let facts = format!(
                "{} · {} · {}",
                pack.name,
                words::bytes(pack.n_bytes),
                words::parameters(pack.n_parameters)
            );
            let label = Label::new(RichText::new(facts).color(theme::TEXT_WEAK)).truncate();
            ui.add(label.show_tooltip_when_elided(false)).on_hover_ui(|ui| {
                pack_ui(ui, pack);
                health_ui(ui, status);
            });
        }
        ModelStatus::Unavailable { .. } => state_ui(ui, theme::ERROR, "No model"),
    }
}

/// What the header has no room for, as a tooltip.
fn pack_ui(ui: &mut Ui, pack: &PackSummary) {
    ui.set_max_width(360.0);
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.strong(&pack.name);
    ui.label(format!("Licence: {}", pack.licence));
    ui.label(format!(
        "{} in memory, {}",
        words::bytes(pack.n_bytes),
        words::parameters(pack.n_parameters)
    ));
    ui.label(format!(
        "Listens to {:.1} s at most, at {} Hz",
        pack.max_prime_seconds, pack.sample_rate
    ));
    ui.weak(pack.folder.display().to_string());
}

/// What the engine costs, and how often something went wrong.
fn health_ui(ui: &mut Ui, status: &Status) {
    let (load, health) = (&status.load, &status.health);
    ui.separator();
    ui.label(format!(
        "Engine at work {:.0} % of the time; {} in this process",
        100.0 * load.busy,
        words::bytes(load.n_bytes as usize)
    ));
    ui.label(format!("Takes that ran dry: {}", health.n_underruns));
    ui.label(format!(
        "Takes that came late: {} (at most {:.0} ms)",
        health.n_late_takes, health.worst_late_ms
    ));
    ui.label(format!("Frames not heard: {}", health.n_lost_frames));
    ui.label(format!("Samples that were no numbers: {}", health.n_non_finite));
}

fn state_ui(ui: &mut Ui, color: Color32, text: &str) {
    dot_ui(ui, color);
    ui.add(Label::new(RichText::new(text).color(theme::TEXT_WEAK)).truncate());
}

fn dot_ui(ui: &mut Ui, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(8.0, 8.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 4.0, color);
}

/// The engine's state; amber while it works for this instance.
fn pill_ui(ui: &mut Ui, phase: Phase) {
    let (fill, text) = match phase {
        Phase::Idle => (theme::PANEL, theme::TEXT_WEAK),
        Phase::Queued { .. } | Phase::Loading | Phase::Armed(_) => (theme::CONTROL, theme::TEXT),
        Phase::Composing(_) => (theme::ACCENT, theme::TEXT_ON_ACCENT),
    };
    let words = words::phase(phase);
    let galley = ui.painter().layout_no_wrap(words.clone(), theme::font(theme::SMALL), text);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(22.0, 8.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &words));
    ui.painter().rect_filled(rect, rect.height() / 2.0, fill);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, text);
}

/// Where the song is.
fn clock_ui(ui: &mut Ui, view: &View) {
    if view.live.rate <= 0.0 {
        return;
    }
    let seconds = view.live.playhead as f64 / view.live.rate;
    let color = if view.live.rolling { theme::TEXT } else { theme::TEXT_WEAK };
    let clock = RichText::new(words::clock(seconds, 1)).monospace().color(color);
    let whose = if view.live.free_clock {
        "Time since the plugin was switched on: the host gives no transport."
    } else {
        "Song position."
    };
    ui.add(Label::new(clock).extend()).on_hover_text(whose);
}
