//! Pictures of the editor for people to look at, in `target/gui/`; and a check that nothing in them is cut off.

use std::{fs, path::Path};

use egui::Shape;
use egui_kittest::kittest::Queryable;

use crate::{
    fakes::{self, Moment, Window},
    paint::Painter,
};

type Scene = (&'static str, fn() -> Moment, fn(&mut Window));

const SCENES: [Scene; 16] = [
    ("no_model", fakes::no_model, rest),
    ("loading", fakes::loading, rest),
    ("fresh", fakes::fresh, rest),
    ("heard", fakes::heard, rest),
    ("armed", fakes::armed, rest),
    ("take_over", fakes::heard, open_take_over),
    ("composing", fakes::composing, rest),
    ("complete", fakes::complete, rest),
    ("error", error, rest),
    ("crowded", fakes::crowded, rest),
    ("typing", fakes::heard, type_length),
    ("keyboard", fakes::heard, tab_to_a_knob),
    ("zoomed", fakes::composing, zoom),
    ("tooltip", fakes::heard, hover_model),
    ("picker", fakes::thousands, open_picker),
    ("picker_search", fakes::thousands, search_artist),
];

/// Scenes that show part of something on purpose.
const SCROLLED: [&str; 3] = ["picker", "picker_search", "zoomed"];

fn rest(_: &mut Window) {}

fn error() -> Moment {
    let text = "Composing stopped: the model's weights may be damaged (numbers were expected).";
    fakes::complete().with_notice(encore::link::Severity::Error, text)
}

fn open_picker(window: &mut Window) {
    window.get_by_label("Artist").click();
    window.run_steps(5);
    window.remove_cursor();
    window.run_steps(3);
}

fn open_take_over(window: &mut Window) {
    window.get_by_label("Take over").click();
    window.run_steps(5);
    window.remove_cursor();
    window.run_steps(3);
}

fn search_artist(window: &mut Window) {
    open_picker(window);
    window.get_by_label("Search Artist").type_text("tide");
    window.run_steps(3);
}

fn type_length(window: &mut Window) {
    window.get_by_label("Length value").click();
    window.run_steps(5);
}

fn tab_to_a_knob(window: &mut Window) {
    window.get_by_label("Length").focus();
}

fn zoom(window: &mut Window) {
    window.hover_at(egui::pos2(500.0, 200.0));
    window.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        source: egui::MouseWheelSource::Wheel,
        delta: egui::vec2(0.0, 900.0),
        phase: egui::TouchPhase::Move,
        modifiers: egui::Modifiers::NONE,
    });
    window.run_steps(30);
    window.remove_cursor();
}

fn hover_model(window: &mut Window) {
    window.get_by_label_contains("Starter ·").hover();
    window.run_steps(30);
}

/// Opens a scene and lets it settle.
fn stage((_, moment, prepare): Scene, size: (u32, u32), scale: f32) -> (Window, Painter) {
    let painter = Painter::default();
    let mut window = moment().open(size, scale, painter.clone());
    prepare(&mut window);
    window.run_steps(3);
    (window, painter)
}

#[test]
fn pictures_of_every_scene_are_drawn() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/gui");
    fs::create_dir_all(&folder).unwrap();
    for (size, scale) in [
        ((800, 500), 1.0),
        ((1000, 640), 1.0),
        ((1280, 800), 1.0),
        ((800, 500), 1.5),
        ((800, 500), 2.0),
    ] {
        for scene in SCENES {
            let (window, painter) = stage(scene, size, scale);

            let picture = painter.picture(&window);

            let name = format!("{}_{}x{}@{scale}.png", scene.0, size.0, size.1);
            picture.save(folder.join(name)).unwrap();
            let shades: std::collections::HashSet<_> = picture.pixels().collect();
            assert!(shades.len() > 100, "{} shows almost nothing", scene.0);
        }
    }
}

#[test]
fn no_text_is_cut_off_at_any_size() {
    for (size, scale) in
        [((800, 500), 1.0), ((800, 500), 1.5), ((1000, 640), 1.0), ((1280, 800), 2.0)]
    {
        for scene in SCENES.into_iter().filter(|scene| !SCROLLED.contains(&scene.0)) {
            let (window, _) = stage(scene, size, scale);
            for clipped in &window.output().shapes {
                let Shape::Text(text) = &clipped.shape else { continue };
                if text.galley.text().is_empty() {
                    continue;
                }
                let (seen, whole) = (clipped.clip_rect.expand(1.0), text.visual_bounding_rect());
                let words = text.galley.text();
                assert!(
                    seen.contains_rect(whole) && window.ctx.content_rect().contains_rect(whole),
                    "{} at {size:?} × {scale} cuts off {words:?}: {whole:?} in {seen:?}",
                    scene.0
                );
            }
        }
    }
}
