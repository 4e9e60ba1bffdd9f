use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::takes::take::{Branch, example};
use crate::takes::{Edit, EditError, TrimSeconds};

fn tree_of(n_takes: usize) -> Tree {
    let mut tree = Tree::default();
    let takes = (0..n_takes).map(|_| example(tree.next_id())).collect();
    tree.apply(Edit::Add(takes)).unwrap();
    tree
}

fn all(tree: &Tree) -> Vec<Take> {
    tree.takes().cloned().collect()
}

fn names(tree: &Tree) -> Vec<&str> {
    tree.takes().map(|take| take.name.as_str()).collect()
}

fn some_edit(tree: &mut Tree, rng: &mut StdRng) -> Edit {
    let take = rng.random_range(1..=tree.coming_id());
    match rng.random_range(0..9) {
        0 | 1 => {
            let mut takes = vec![example(tree.next_id()), example(tree.next_id())];
            takes[0].sounds = rng.random();
            takes[1].sounds = rng.random();
            takes[1].parent = Some(Branch { take: takes[0].id, at_seconds: 2.0 });
            takes[1].place.seam_frame += rng.random_range(0..2) * 96_000;
            Edit::Add(takes)
        }
        2 => Edit::Rename { take, name: format!("name {}", rng.random_range(0..20)) },
        3 => {
            let start = rng.random_range(-1.0..9.0);
            Edit::Trim { take, trim: TrimSeconds { start, end: start + 1.0 } }
        }
        4 => Edit::Pin { take, pinned: rng.random() },
        5 => Edit::Choose { take },
        6 => Edit::Mute { take },
        7 => Edit::Gain { take, gain_db: rng.random_range(-80.0..12.0) },
        _ => Edit::Delete { take },
    }
}

#[test]
fn whatever_is_done_can_be_undone_to_the_beginning_and_done_again_to_the_end() {
    for seed in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut tree = Tree::default();
        let mut states = vec![all(&tree)];
        while states.len() < MAX_UNDO {
            let n_done = tree.done.len();
            let edit = some_edit(&mut tree, &mut rng);
            let before = all(&tree);
            match tree.apply(edit) {
                Ok(()) if n_done < tree.done.len() => states.push(all(&tree)),
                _ => assert_eq!(all(&tree), before, "nothing was done"),
            }
            let names = names(&tree);
            let distinct: BTreeSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{names:?}");
            for take in tree.sounding() {
                assert!(tree.sounding().all(|other| !other.is_rival(take)));
            }
        }

        for state in states.iter().rev().skip(1) {
            assert!(tree.can_undo().is_some() && tree.undo());
            assert_eq!(all(&tree), *state);
        }
        assert!(!tree.undo() && tree.can_undo().is_none());
        for state in &states[1..] {
            assert!(tree.can_redo().is_some() && tree.redo());
            assert_eq!(all(&tree), *state);
        }
        assert!(!tree.redo());
    }
}

#[test]
fn history_is_bounded_and_what_none_of_it_brings_back_is_let_go() {
    let mut tree = tree_of(2);
    tree.apply(Edit::Delete { take: 1 }).unwrap();
    assert!(tree.undo() && tree.get(1).is_some(), "deleted takes come back");
    assert!(tree.redo());

    for i in 0..2 * MAX_UNDO {
        tree.apply(Edit::Gain { take: 2, gain_db: -(i as f64) / 100.0 - 1.0 }).unwrap();
    }

    assert_eq!(tree.done.len(), MAX_UNDO);
    assert_eq!(tree.slots.len(), 1, "the codes of the deleted take are freed");
    assert_eq!(tree.next_id(), 3, "and its number is not given again");
}

#[test]
fn what_was_undone_is_gone_once_something_else_is_done() {
    let mut tree = tree_of(1);
    tree.apply(Edit::Rename { take: 1, name: "Verse".into() }).unwrap();
    assert_eq!(tree.can_undo(), Some("renaming “Hearthside 1”"));
    tree.undo();
    assert_eq!(tree.can_redo(), Some("renaming “Hearthside 1”"));

    tree.apply(Edit::Mute { take: 1 }).unwrap();
    assert!(tree.can_redo().is_some(), "it was mute: nothing was done");
    tree.apply(Edit::Pin { take: 1, pinned: true }).unwrap();

    assert_eq!(tree.can_redo(), None);
    assert_eq!(names(&tree), ["Hearthside 1"]);
}

#[test]
fn a_chosen_take_silences_those_of_the_same_place() {
    let mut tree = tree_of(2);
    let mut later = Take { sounds: true, ..example(tree.next_id()) };
    later.place.seam_frame += 48_000;
    tree.apply(Edit::Add(vec![later])).unwrap();
    tree.apply(Edit::Choose { take: 1 }).unwrap();

    tree.apply(Edit::Choose { take: 2 }).unwrap();

    let sounding = |tree: &Tree| tree.sounding().map(|take| take.id).collect::<Vec<_>>();
    assert_eq!(sounding(&tree), [2, 3]);
    tree.undo();
    assert_eq!(sounding(&tree), [1, 3]);
    let newest = Take { sounds: true, ..example(9) };
    tree.apply(Edit::Add(vec![newest])).unwrap();
    assert_eq!(sounding(&tree), [3, 9], "a new take that sounds is chosen");
}

#[test]
fn a_pinned_take_is_not_deleted_and_the_words_say_what_to_do() {
    let mut tree = tree_of(1);
    tree.apply(Edit::Pin { take: 1, pinned: true }).unwrap();

    let refused = tree.apply(Edit::Delete { take: 1 }).unwrap_err();

    assert_eq!(refused.to_string(), "\"Hearthside 1\" is pinned and stays; unpin it to delete it");
    assert_eq!(tree.takes().count(), 1);
}

#[test]
fn takes_are_named_after_their_artist_and_no_two_alike() {
    let mut tree = tree_of(2);
    let mut unknown = example(tree.next_id());
    unknown.music.recipe.artist.id = 0;
    let named = Take { name: "Hearthside 1".into(), ..example(tree.next_id()) };
    tree.apply(Edit::Add(vec![unknown, named])).unwrap();

    assert_eq!(names(&tree), ["Hearthside 1", "Hearthside 2", "Take 1", "Hearthside 1 1"]);
    let rename = |name: &str| Edit::Rename { take: 1, name: name.into() };
    assert_eq!(tree.apply(rename("  ")), Err(EditError::NoName));
    assert_eq!(tree.apply(rename("Take 1 ")), Err(EditError::NameTaken("Take 1".into())));
    assert_eq!(tree.apply(rename(&"x".repeat(121))), Err(EditError::LongName(121)));
    assert_eq!(tree.apply(rename("Hearthside 1")), Ok(()), "its own");
}

#[test]
fn branches_are_followed_up_and_down() {
    let mut tree = tree_of(2);
    let branch = |take| Some(Branch { take, at_seconds: 4.0 });
    let child = Take { parent: branch(1), batch: 2, ..example(tree.next_id()) };
    let grandchild = Take { parent: branch(3), batch: 3, ..example(tree.next_id()) };
    tree.apply(Edit::Add(vec![child, grandchild])).unwrap();

    let ids = |takes: &mut dyn Iterator<Item = &Take>| takes.map(|take| take.id).collect();
    let found: [Vec<TakeId>; 3] =
        [ids(&mut tree.path_to_root(4)), ids(&mut tree.children(1)), ids(&mut tree.batch(1))];
    assert_eq!(found, [vec![4, 3, 1], vec![3], vec![1, 2]]);

    tree.apply(Edit::Delete { take: 3 }).unwrap();
    assert_eq!(ids(&mut tree.path_to_root(4)), [4], "what goes on from a deleted take stays");
    assert_eq!(ids(&mut tree.children(3)), [4]);
}

#[test]
fn edits_that_make_no_sense_are_refused() {
    let mut tree = tree_of(1);
    let trim = |start, end| Edit::Trim { take: 1, trim: TrimSeconds { start, end } };
    let gain = |gain_db| Edit::Gain { take: 1, gain_db };
    let bad = Take { gain_db: f64::NAN, ..example(7) };
    let refused = [
        trim(2.0, 1.0),
        trim(f64::NAN, 1.0),
        trim(8.0, 9.0),
        gain(f64::NAN),
        gain(100.0),
        Edit::Choose { take: 99 },
        Edit::Add(vec![example(1)]),
        Edit::Add(vec![example(7), example(7)]),
        Edit::Add(vec![bad]),
    ];
    for edit in refused {
        let before = all(&tree);
        assert!(tree.apply(edit.clone()).is_err(), "{edit:?}");
        assert_eq!(all(&tree), before);
    }
    assert_eq!(tree.next_id(), 2);
}

#[test]
fn a_take_goes_on_being_composed_while_it_is_deleted() {
    let mut tree = tree_of(1);
    tree.apply(Edit::Delete { take: 1 }).unwrap();

    assert!(tree.compose(1, |music| music.length_seconds = 3.0));
    tree.undo();

    assert_eq!(tree.get(1).unwrap().music.length_seconds, 3.0);
    assert!(!tree.compose(2, |_| ()));
}
