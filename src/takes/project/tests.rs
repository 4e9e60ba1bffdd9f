use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::takes::take::{Branch, example};
use crate::takes::{Edit, Levels};

const PARAMS_BYTES: &[u8] = br#"{"encore_state":1,"params":{"9":7.0}}"#;

fn tree() -> Tree {
    let mut tree = Tree::default();
    let mut takes: Vec<Take> = (0..3).map(|_| example(tree.next_id())).collect();
    takes[1].parent = Some(Branch { take: 1, at_seconds: 1.0 / 3.0 });
    takes[2].music.codes.insert(0, (0..2048).collect());
    takes[2].gain_db = -1.0 / 3.0;
    tree.apply(Edit::Add(takes)).unwrap();
    tree.apply(Edit::Choose { take: 2 }).unwrap();
    tree.apply(Edit::Delete { take: 1 }).unwrap();
    tree
}

fn takes(tree: &Tree) -> Vec<Take> {
    tree.takes().cloned().collect()
}

fn saved(sections: &[Section]) -> Vec<u8> {
    join(sections.iter())
}

#[test]
fn a_project_comes_back_as_it_was_saved_and_is_the_same_bytes_every_time() {
    let bytes = save(PARAMS_BYTES, &tree(), &[]);

    let mut loaded = load(&bytes);

    assert_eq!(loaded.problems, [""; 0]);
    assert_eq!(loaded.params.as_deref(), Some(PARAMS_BYTES));
    assert_eq!(takes(&loaded.tree), takes(&tree()));
    assert_eq!(save(PARAMS_BYTES, &loaded.tree, &loaded.others), bytes);
    assert_eq!(loaded.tree.next_id(), 4, "no number is used again");
    assert!(!loaded.tree.undo(), "undoing does not outlive the project");
}

#[test]
fn the_state_of_before_there_were_takes_is_its_parameters() {
    let loaded = load(PARAMS_BYTES);

    assert_eq!(loaded.params.as_deref(), Some(PARAMS_BYTES));
    assert_eq!((loaded.tree.takes().count(), loaded.problems.len()), (0, 0));
}

#[test]
fn a_damaged_take_is_left_out_and_said_and_the_others_are_there() {
    let bytes = save(PARAMS_BYTES, &tree(), &[]);
    let first = bytes.windows(4).position(|tag| tag == b"TAKE").unwrap();
    let mut damaged = bytes.clone();
    damaged[first + 20] ^= 1;

    let loaded = load(&damaged);

    assert_eq!(loaded.tree.takes().map(|take| take.id).collect::<Vec<_>>(), [3]);
    assert_eq!(loaded.params.as_deref(), Some(PARAMS_BYTES));
    assert_eq!(
        loaded.problems,
        ["a take of this project could not be read (damaged bytes); the others are there"]
    );
}

#[test]
fn whatever_byte_is_wrong_or_missing_what_is_left_is_read_and_the_loss_is_said() {
    let bytes = save(PARAMS_BYTES, &tree(), &[]);
    let whole = takes(&tree());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        for loaded in [load(&damaged), load(&bytes[..at])] {
            let found = takes(&loaded.tree);
            assert!(found.iter().all(|take| whole.contains(take)), "byte {at}");
        }
        let loaded = load(&damaged);
        let n_found = takes(&loaded.tree).len() + usize::from(loaded.params.is_some());
        assert!(n_found == 3 || !loaded.problems.is_empty(), "byte {at}: a loss is said");
        assert!(2 <= n_found, "byte {at}: the rest is there");
    }
}

#[test]
fn what_a_newer_encore_wrote_is_read_as_far_as_it_is_understood_and_kept() {
    let unknown = Section::new(*b"NEWS", b"something of tomorrow");
    let mut bytes = save(PARAMS_BYTES, &tree(), std::slice::from_ref(&unknown));
    bytes[4] = 7; // the version

    let loaded = load(&bytes);

    assert_eq!(takes(&loaded.tree), takes(&tree()));
    assert!(loaded.problems[0].contains("version 7"), "{:?}", loaded.problems);
    assert_eq!(loaded.others, [unknown]);
    let again = load(&save(PARAMS_BYTES, &loaded.tree, &loaded.others));
    assert_eq!(again.others, loaded.others);
}

#[test]
fn a_take_that_is_not_understood_is_kept_through_saving_again() {
    let json = br#"{"id":9,"played_by":"a robot"}"#;
    let bytes = [&(json.len() as u32).to_le_bytes()[..], json, &[0; 4]].concat();
    let future = Section::new(TAKE, &bytes);

    let loaded = load(&save(PARAMS_BYTES, &tree(), std::slice::from_ref(&future)));

    assert_eq!(loaded.tree.takes().count(), 2);
    assert!(loaded.problems[0].contains("is kept in the project"), "{:?}", loaded.problems);
    assert_eq!(loaded.others, [future]);
}

#[test]
fn a_hostile_take_is_refused_in_a_sentence_of_bearable_length() {
    let json = format!(r#"{{"id":"{}"}}"#, "\\u0007".repeat(1000));
    let bytes = [&(json.len() as u32).to_le_bytes()[..], json.as_bytes(), &[0; 4]].concat();

    let problems = load(&saved(&[Section::new(TAKE, &bytes)])).problems;

    assert!(problems[0].chars().count() < 400 && !problems[0].contains(char::is_control));
}

#[test]
fn takes_that_inflate_beyond_all_bounds_are_refused() {
    let codes = Levels::from([(1, vec![0; SMALL_BYTES + EXPANSION * 100_000])]); // a bit each, all alike
    let mut take = example(1);
    take.music.codes = codes;
    let bomb = Section::new(TAKE, &kept::to_bytes(&take));
    let bytes = saved(&[Section::new(PARAMS, PARAMS_BYTES), bomb]);
    assert!(bytes.len() < 20_000);

    let loaded = load(&bytes);

    assert_eq!(loaded.tree.takes().count(), 0);
    assert!(loaded.problems[0].contains("too many codes"), "{:?}", loaded.problems);
    let zeros = Section::new(TAKE, &vec![0; 2 * SMALL_BYTES]);
    assert_eq!(load(&saved(&[zeros])).problems.len(), 1);
}

#[test]
fn numbers_and_lengths_that_lie_are_refused() {
    let good = kept::to_bytes(&example(1));
    for at in 0..good.len() {
        for n in [0u32, 1, 33, u32::MAX] {
            let mut bytes = good.clone();
            let end = bytes.len().min(at + 4);
            bytes[at..end].copy_from_slice(&n.to_le_bytes()[..end - at]);
            let loaded = load(&saved(&[Section::new(TAKE, &bytes)]));
            assert!(loaded.tree.takes().count() <= 1);
        }
    }
    let twice = [Section::new(TAKE, &good), Section::new(TAKE, &good)];
    let loaded = load(&saved(&twice));
    assert_eq!((loaded.tree.takes().count(), loaded.problems.len()), (1, 1));
    let mut last = example(1);
    last.id = u64::MAX;
    assert_eq!(load(&saved(&[Section::new(TAKE, &kept::to_bytes(&last))])).tree.takes().count(), 0);
}

#[test]
fn something_else_than_a_project_is_said() {
    for bytes in [&b""[..], b"ENC", b"RIFF and so on", &[0; 1000]] {
        let loaded = load(bytes);
        assert!(loaded.params.is_none() && loaded.tree.takes().count() == 0);
        assert_eq!(loaded.problems.len(), 1, "{bytes:?}");
    }
}

#[test]
fn a_second_of_a_take_costs_half_a_kilobyte() {
    let project = |seconds: f64| {
        let mut rng = StdRng::seed_from_u64(1); // codes of music are hardly more regular
        let n_codes = (seconds * 44_100.0 / 128.0) as usize;
        let codes = (0..n_codes).map(|_| rng.random_range(0..2048)).collect();
        let mut take = example(1);
        take.music.codes = Levels::from([(1, codes)]);
        let tree = Tree::of_kept(vec![take], 2);
        save(PARAMS_BYTES, &tree, &[]).len()
    };

    let (short, long) = (project(10.0), project(40.0));

    let per_second = (long - short) as f64 / 30.0;
    let head = short as f64 - 10.0 * per_second;
    println!("a take is {per_second:.1} bytes a second and {head:.0} bytes besides");
    assert!(per_second < 480.0, "{per_second} bytes a second");
}
