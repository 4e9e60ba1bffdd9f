//! Buttons are clicked and knobs are turned; the wishes that come out are what was meant.

use egui::{Key, Modifiers, Pos2, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use encore::{
    link::Severity,
    params::{self, ParamId},
    ui::{MIN_SIZE, Wish, WishedCommand},
};

use crate::{
    fakes::{self, Moment, Window},
    paint::Painter,
};

fn open(moment: Moment) -> Window {
    moment.open(MIN_SIZE, 1.0, Painter::default())
}

/// What was asked for since the last call.
fn wishes(window: &mut Window) -> Vec<Wish> {
    window.run_steps(3);
    window.state().wishes.take()
}

fn click(window: &mut Window, label: &str) -> Vec<Wish> {
    window.get_by_label(label).click();
    wishes(window)
}

fn is_disabled(window: &Window, label: &str) -> bool {
    window.get_by_label(label).accesskit_node().is_disabled()
}

fn gesture(id: ParamId, value: f64) -> [Wish; 3] {
    [Wish::Begin(id), Wish::Set(id, value), Wish::End(id)]
}

fn press(window: &mut Window, key: Key) {
    window.key_press(key);
    window.run_steps(2);
}

#[test]
fn continue_and_stop_ask_for_what_they_say() {
    let mut window = open(fakes::composing());

    assert_eq!(click(&mut window, "Continue"), [Wish::Command(WishedCommand::Continue)]);
    assert_eq!(click(&mut window, "Stop"), [Wish::Command(WishedCommand::Stop)]);
}

#[test]
fn enter_on_a_focused_continue_presses_it() {
    let mut window = open(fakes::heard());
    window.get_by_label("Continue").focus();
    window.run_steps(2);

    press(&mut window, Key::Enter);

    assert_eq!(wishes(&mut window), [Wish::Command(WishedCommand::Continue)]);
}

#[test]
fn tab_reaches_continue_and_the_knobs() {
    let mut window = open(fakes::heard());
    let mut reached = Vec::new();

    for _ in 0..24 {
        press(&mut window, Key::Tab);
        let is_focused = |label: &&str| window.get_by_label(label).is_focused();
        reached.extend(
            ["Continue", "Artist", "Prime", "Output", "Bypass"].iter().filter(|l| is_focused(l)),
        );
    }

    reached.dedup();
    for label in ["Continue", "Artist", "Prime", "Output", "Bypass"] {
        assert!(reached.contains(&label), "Tab never reaches {label}");
    }
}

#[test]
fn continue_waits_for_a_model_and_for_something_heard() {
    for moment in [fakes::no_model(), fakes::loading(), fakes::fresh()] {
        let mut window = open(moment);
        assert!(is_disabled(&window, "Continue"));
        assert!(click(&mut window, "Continue").is_empty());
    }
    let window = open(fakes::heard());
    assert!(!is_disabled(&window, "Continue"));
    assert!(is_disabled(&window, "Stop"));
}

#[test]
fn a_disabled_continue_says_why() {
    let mut window = open(fakes::fresh());

    window.get_by_label("Continue").hover();
    window.run_steps(30);

    window.get_by_label_contains("Nothing has been heard yet. Play your track");
}

#[test]
fn an_unavailable_model_says_why_and_can_be_looked_for_again() {
    let mut window = open(fakes::no_model());

    window.get_by_label_contains("no model pack was found");
    assert_eq!(click(&mut window, "Look again"), [Wish::Command(WishedCommand::ReloadModel)]);
}

#[test]
fn a_notice_can_be_dismissed() {
    let mut window = open(fakes::heard().with_notice(Severity::Note, "The take was kept."));

    window.get_by_label("The take was kept.");
    assert_eq!(click(&mut window, "Dismiss"), [Wish::Command(WishedCommand::DismissNotice)]);
}

#[test]
fn lost_frames_are_told_until_dismissed_and_again_when_more_are_lost() {
    let mut moment = fakes::heard();
    moment.live.lost_frames = 480;
    let mut window = open(moment);
    window.get_by_label_contains("480 frames (10 ms)");

    assert!(click(&mut window, "Dismiss").is_empty());
    assert!(window.query_by_label_contains("480 frames").is_none());

    window.state_mut().moment.live.lost_frames = 960;
    window.run_steps(2);
    window.get_by_label_contains("960 frames");
}

#[test]
fn a_drag_is_one_begin_many_sets_and_one_end() {
    let mut window = open(fakes::heard());
    let knob = window.get_by_label("Temperature").rect().center();
    let before = window.state().moment.values[ParamId::Temperature.index()];

    window.hover_at(knob);
    window.drag_at(knob);
    for i in 1..=10 {
        window.hover_at(knob + vec2(0.0, 4.0 * i as f32));
    }
    window.drop_at(knob + vec2(0.0, 40.0));
    let asked = wishes(&mut window);

    let id = ParamId::Temperature;
    assert_eq!(asked.first(), Some(&Wish::Begin(id)));
    assert_eq!(asked.last(), Some(&Wish::End(id)));
    let sets: Vec<f64> =
        asked[1..asked.len() - 1]
            .iter()
            .map(|wish| {
                if let Wish::Set(_, value) = wish {
                    *value
                } else {
                    panic!("{wish:?} within a drag")
                }
            })
            .collect();
    assert!(sets.len() >= 5, "{sets:?}");
    assert!(sets.is_sorted_by(|a, b| a > b) && sets[0] < before, "{sets:?}");
}

#[test]
fn a_double_click_on_a_knob_goes_back_to_the_default() {
    let mut window = open(fakes::heard().with_value(ParamId::TopP, 0.5));

    window.get_by_label("Top-p").click();
    window.get_by_label("Top-p").click();

    assert_eq!(wishes(&mut window), gesture(ParamId::TopP, ParamId::TopP.param().default));
}

#[test]
fn a_value_can_be_typed_and_typing_can_be_given_up() {
    let mut window = open(fakes::heard());

    for (end, expected) in
        [(Key::Enter, Vec::from(gesture(ParamId::LengthSeconds, 42.0))), (Key::Escape, vec![])]
    {
        assert!(click(&mut window, "Length value").is_empty());
        window.event(egui::Event::Text("42".into()));
        window.run_steps(2);
        press(&mut window, end);
        assert_eq!(wishes(&mut window), expected);
        assert!(window.get_by_label("Length").is_focused());
    }
}

#[test]
fn arrow_keys_turn_a_focused_knob() {
    let mut window = open(fakes::heard());
    window.get_by_label("Dry/Wet").focus();
    window.run_steps(2);

    press(&mut window, Key::ArrowDown);

    assert_eq!(wishes(&mut window), gesture(ParamId::DryWet, 0.98));
    assert!(window.get_by_label("Dry/Wet").is_focused());
}

#[test]
fn switches_flip() {
    let mut window = open(fakes::heard());

    assert_eq!(click(&mut window, "Bypass"), gesture(ParamId::Bypass, 1.0));
    assert_eq!(click(&mut window, "Follow transport"), gesture(ParamId::FollowTransport, 0.0));
}

#[test]
fn where_to_take_over_is_chosen_from_a_list() {
    let mut window = open(fakes::heard());
    assert_eq!(window.get_by_label("Take over").value().as_deref(), Some("at once"));

    assert!(click(&mut window, "Take over").is_empty());
    let asked = click(&mut window, "loop end");

    assert_eq!(asked, gesture(ParamId::TakeOver, 2.0));
    assert_eq!(window.get_by_label("Take over").value().as_deref(), Some("loop end"));
}

#[test]
fn an_armed_take_tells_its_place_and_can_be_disarmed() {
    let mut window = open(fakes::armed());

    window.get_by_label("Armed: takes over at bar 17 in 3.2 s.");
    assert_eq!(click(&mut window, "Stop"), [Wish::Command(WishedCommand::Stop)]);
}

#[test]
fn the_dice_set_another_seed() {
    let mut window = open(fakes::heard());

    let asked = click(&mut window, "New seed");

    let [Wish::Begin(_), Wish::Set(ParamId::Seed, seed), Wish::End(_)] = asked[..] else {
        panic!("{asked:?}")
    };
    assert_ne!(seed, params::defaults()[ParamId::Seed.index()]);
}

#[test]
fn choosing_an_artist_sets_its_genre_too() {
    let mut window = open(fakes::heard());

    assert!(click(&mut window, "Artist").is_empty());
    let asked = click(&mut window, "Nine Volt");

    let expected = [gesture(ParamId::Artist, 3.0), gesture(ParamId::Genre, 4.0)].concat();
    assert_eq!(asked, expected);
    assert!(window.query_by_label("Search Artist").is_none(), "the list closes");
}

#[test]
fn an_artist_is_found_by_typing_and_picked_by_keyboard() {
    let mut window = open(fakes::thousands());
    click(&mut window, "Artist");

    window.event(egui::Event::Text("tide 14".into()));
    window.run_steps(3);
    window.get_by_label("22 of 7898 names");
    press(&mut window, Key::ArrowDown);
    press(&mut window, Key::ArrowDown);
    press(&mut window, Key::ArrowUp);
    press(&mut window, Key::Enter);

    // "Tide 141" is the first, "Tide 146" the second
    assert_eq!(wishes(&mut window), gesture(ParamId::Artist, 146.0));
}

/// An arrow key once moved the focus to Continue for a frame, and a quick Enter pressed it.
#[test]
fn keys_meant_for_the_list_press_nothing_else() {
    let mut window = open(fakes::thousands());
    click(&mut window, "Artist");
    window.event(egui::Event::Text("tide 14".into()));
    window.run_steps(3);

    for key in [Key::ArrowDown, Key::Enter] {
        let modifiers = Modifiers::NONE;
        let event =
            egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
        window.event(event);
        window.step();
    }

    assert_eq!(wishes(&mut window), gesture(ParamId::Artist, 146.0));
}

#[test]
fn escape_closes_the_list_and_changes_nothing() {
    let mut window = open(fakes::thousands());
    click(&mut window, "Artist");
    window.get_by_label("Search Artist");

    press(&mut window, Key::Escape);

    assert!(wishes(&mut window).is_empty());
    assert!(window.query_by_label("Search Artist").is_none());
}

#[test]
fn thousands_of_names_lay_out_only_the_rows_in_view() {
    let mut window = open(fakes::thousands());
    click(&mut window, "Artist");

    let n_rows = window.query_all_by_role(egui::Role::ListBoxOption).count();

    assert!((5..40).contains(&n_rows), "{n_rows} rows");
    window.get_by_label_contains("The Number 1500 Blues"); // opened at the chosen one
}

#[test]
fn without_a_model_the_pickers_show_ids_and_stay_closed() {
    let mut window = open(fakes::no_model().with_value(ParamId::Artist, 4711.0));

    assert_eq!(window.get_by_label("Artist").value().as_deref(), Some("unknown (4711)"));
    assert!(is_disabled(&window, "Artist"));
    click(&mut window, "Artist");
    assert!(window.query_by_label("Search Artist").is_none());
}

#[test]
fn a_prime_longer_than_the_model_can_hear_is_noted() {
    let window = open(fakes::heard().with_value(ParamId::PrimeSeconds, 20.0));
    window.get_by_label("model hears 5.9 s");

    let window = open(fakes::heard());
    assert!(window.query_by_label_contains("model hears").is_none());
}

#[test]
fn the_song_can_be_zoomed_and_fitted_again() {
    let mut window = open(fakes::complete());
    assert!(window.query_by_label("Fit").is_none());

    window.hover_at(Pos2::new(300.0, 200.0));
    window.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        source: egui::MouseWheelSource::Wheel,
        delta: vec2(0.0, 120.0),
        phase: egui::TouchPhase::Move,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(30); // wheels are smoothed
    assert!(click(&mut window, "Fit").is_empty());

    assert!(window.query_by_label("Fit").is_none());
}

#[test]
fn a_clip_is_remembered_until_it_is_clicked() {
    let mut window = open(fakes::composing());
    window.get_by_label("Out peak +0.2 dB, clipped");
    window.state_mut().moment.live.output_peaks = [0.0; 2];
    window.run_steps(3);

    click(&mut window, "Out peak +0.2 dB, clipped");

    window.get_by_label("Out peak −∞ dB");
}

#[test]
fn windows_smaller_than_agreed_and_statuses_that_make_no_sense_do_no_harm() {
    let mut nonsense = fakes::crowded();
    nonsense.live = encore::ui::Live {
        rate: 0.0,
        playhead: i64::MIN,
        input_peaks: [f32::NAN, f32::INFINITY],
        ..nonsense.live
    };
    nonsense.values = [f64::NAN; params::N_PARAMS];
    for moment in [fakes::composing(), nonsense] {
        for size in [(1, 1), (120, 90), (300, 200), (801, 150), (4000, 3000)] {
            moment.clone().open(size, 1.0, Painter::default()).run_steps(3);
        }
    }
}

#[test]
fn nothing_is_drawn_again_while_nothing_moves() {
    for moment in [fakes::no_model(), fakes::fresh(), fakes::complete()] {
        let mut window = open(moment);
        (window.state_mut().moment.live.input_peaks, window.state_mut().moment.live.output_peaks) =
            Default::default();
        window.run_steps(200); // lets the meters fall
        let delay = window.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
        assert_eq!(delay, std::time::Duration::MAX);
    }
    let window = open(fakes::composing());
    let delay = window.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(delay.as_secs_f64() < 0.05);
}
