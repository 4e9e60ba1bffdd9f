//! Pictures of the editor for people to look at, in `target/gui/`; and a check that nothing in them is cut off.

use std::{fs, path::Path};

use egui::Shape;
use egui_kittest::kittest::Queryable;

use crate::{
    fakes::{self, Moment, Window},
    paint::Painter,
};

type Scene = (&'static str, fn() -> Moment, fn(&mut Window));

const SCENES: [Scene; 10] = [
    ("no_model", fakes::no_model, rest),
    ("loading", fakes::loading, rest),
    ("fresh", fakes::fresh, rest),
    ("heard", fakes::heard, rest),
    ("composing", fakes::composing, rest),
    ("complete", fakes::complete, rest),
    ("error", error, rest),
    ("crowded", fakes::crowded, rest),
    ("picker", fakes::thousands, open_picker),
    ("picker_search", fakes::thousands, search_artist),
];

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

fn search_artist(window: &mut Window) {
    open_picker(window);
    window.get_by_label("Search Artist").type_text("tide");
    window.run_steps(3);
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
    for (size, scale) in
        [((800, 500), 1.0), ((1000, 640), 1.0), ((1280, 800), 1.0), ((800, 500), 2.0)]
    {
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
        for scene in SCENES.into_iter().filter(|scene| !scene.0.starts_with("picker")) {
            let (window, _) = stage(scene, size, scale);
            for clipped in &window.output().shapes {
                let Shape::Text(text) = &clipped.shape else { continue };
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
