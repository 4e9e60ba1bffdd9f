use std::cell::RefCell;

use super::*;
use crate::takes::{Edit, Levels, Music, Place, Take, Tree, TrimSeconds};

#[derive(Default)]
struct Told(RefCell<Vec<&'static str>>);

impl MainHost for Told {
    fn edits(&self, gestures: &Gestures) {
        while gestures.pop().is_some() {}
        self.0.borrow_mut().push("edits");
    }
    fn mark_dirty(&self) {
        self.0.borrow_mut().push("dirty");
    }
    fn values_changed(&self) {
        self.0.borrow_mut().push("values");
    }
    fn texts_changed(&self) {
        self.0.borrow_mut().push("texts");
    }
}

#[test]
fn the_host_is_told_each_thing_once() {
    let core = Core::new();
    let host = Told::default();

    core.edit(Gesture::Value(ParamId::Seed, 5.0));
    core.edit(Gesture::End(ParamId::Seed));
    core.load(&core.save()).unwrap();
    core.tell(&host);
    core.tell(&host);

    let told = host.0.into_inner();
    assert_eq!(
        told.iter().filter(|t| **t != "texts").collect::<Vec<_>>(),
        [&"edits", &"dirty", &"values"]
    );
}

#[test]
fn a_state_that_cannot_be_read_becomes_a_notice_and_changes_nothing() {
    let core = Core::new();
    core.values.set(ParamId::Seed, 77.0);

    assert!(core.load(b"{\"encore_state\": 1").is_err());

    let shown = core.status().notice.clone();
    assert_eq!(shown.map(|n| n.severity), Some(Severity::Error));
    assert_eq!(core.values.get(ParamId::Seed), 77.0);
    core.dismiss_notice();
    assert!(core.status().notice.as_ref().is_none_or(|n| !n.text.contains("state")));
}

#[test]
fn takes_of_a_model_that_is_not_here_are_kept_and_the_host_learns_of_edits() {
    let take = take_of_no_model();
    let tree = Tree::of_kept(vec![take.clone()], 9);
    let params = params::save_state(&params::defaults());
    let core = Core::new();
    let host = Told::default();

    core.load(&project::save(&params, &tree, &[])).unwrap();
    core.tell(&host);
    assert!(!host.0.borrow().contains(&"dirty"), "loading changes nothing that is not saved");
    let kept = project::load(&core.save());
    core.send(Command::Edit(Edit::Rename { take: 3, name: "Bridge".into() }));
    core.tell(&host);
    core.tell(&host);

    assert_eq!(kept.tree.takes().cloned().collect::<Vec<_>>(), [take]);
    assert_eq!(kept.tree.coming_id(), 9);
    assert_eq!(host.0.borrow().iter().filter(|told| **told == "dirty").count(), 1);
    assert_eq!(project::load(&core.save()).tree.get(3).unwrap().name, "Bridge");
}

#[test]
fn what_of_a_damaged_state_can_be_read_is_and_the_rest_is_said() {
    let tree = Tree::of_kept(vec![take_of_no_model()], 9);
    let core = Core::new();
    core.values.set(ParamId::Seed, 77.0);

    core.load(&project::save(b"no parameters at all", &tree, &[])).unwrap();

    assert_eq!(core.values.get(ParamId::Seed), 77.0, "the settings stay");
    assert_eq!(core.status().takes.len(), 1);
    assert!(core.status().notice.as_ref().is_some_and(|n| n.severity == Severity::Error));
}

fn take_of_no_model() -> Take {
    let recipe = crate::engine::recipe::tests::recipe();
    let codes = Levels::from([(recipe.level, vec![3; 40])]);
    let place = Place {
        seam_frame: 48_000,
        begins_at: 47_900.5,
        rate: 48_000.0,
        takes_over: false,
        beat: None,
        tempo_bpm: None,
    };
    let level = recipe.level;
    Take {
        id: 3,
        name: "Verse".into(),
        batch: 3,
        parent: None,
        place,
        music: Music { recipe, level, codes, n_prime_tokens: 8, length_seconds: 2.0 },
        trim: TrimSeconds::whole(2.0),
        gain_db: 0.0,
        pinned: false,
        sounds: true,
    }
}

#[test]
fn pressing_continue_is_recorded_as_a_press_and_a_release() {
    let core = Core::new();

    core.press_continue();

    let recorded: Vec<_> = std::iter::from_fn(|| core.gestures.pop()).collect();
    assert_eq!(recorded[1], Gesture::Value(ParamId::Continue, 1.0));
    assert_eq!(recorded[2], Gesture::Value(ParamId::Continue, 0.0));
    assert_eq!(recorded.len(), 4);
    assert!(core.continue_echo.load(Relaxed));
}
