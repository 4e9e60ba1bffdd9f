//! Projects of every version of Encore open forever. `tests/states/` has bytes as each version wrote them, which
//! never change; a version that writes others adds a file and a test.

use std::fs;
use std::path::Path;

use encore::params::{ParamId, Values, load_state};
use encore::takes::project::{self, Loaded};
use encore::takes::{Branch, Edit, Tree, TrimSeconds};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn state(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states");
    fs::read(folder.join(name)).unwrap()
}

fn opened(name: &str) -> (Values, Loaded) {
    let loaded = project::load(&state(name));
    assert_eq!(loaded.problems, [""; 0], "{name}");
    (load_state(loaded.params.as_deref().unwrap()).unwrap(), loaded)
}

/// What all files were written with.
fn check_params(values: &Values) {
    let wanted = [
        (ParamId::Continue, 0.0),
        (ParamId::Artist, 4.0),
        (ParamId::Genre, 4.0),
        (ParamId::PrimeSeconds, 5.25),
        (ParamId::LengthSeconds, 24.0),
        (ParamId::Temperature, 0.8),
        (ParamId::TopP, 0.9),
        (ParamId::Seed, 7.0),
        (ParamId::DryWet, 0.75),
        (ParamId::OutputGain, -3.0),
        (ParamId::FollowTransport, 1.0),
        (ParamId::Bypass, 0.0),
        (ParamId::TakeOver, 2.0),
    ];
    for (id, value) in wanted {
        assert_eq!(values[id.index()], value, "{}", id.param().name);
    }
}

#[test]
fn a_project_of_before_there_were_takes_opens() {
    let (values, loaded) = opened("parameters.state");

    check_params(&values);
    assert_eq!(loaded.tree.takes().count(), 0);
}

#[test]
fn a_project_with_two_takes_opens() {
    let (values, mut loaded) = opened("takes.state");

    check_params(&values);
    let takes: Vec<_> = loaded.tree.takes().cloned().collect();
    let [first, second] = takes.as_slice() else { panic!("{} takes", takes.len()) };
    assert_eq!([(first.id, first.batch), (second.id, second.batch)], [(1, 1), (2, 2)]);
    assert_eq!([&first.name, &second.name], ["Hearthside 1", "Strophe über φ"]);
    assert_eq!([first.pinned, second.pinned], [true, false]);
    assert_eq!([first.sounds, second.sounds], [false, true]);
    assert_eq!((first.parent, second.parent), (None, Some(Branch { take: 1, at_seconds: 1.5 })));
    assert_eq!(first.trim, TrimSeconds::whole(2.0));
    assert_eq!(second.trim, TrimSeconds { start: 0.25, end: 1.75 });
    assert_eq!([first.gain_db, second.gain_db], [0.0, -1.5]);
    for take in &takes {
        let (place, music) = (&take.place, &take.music);
        assert_eq!((place.seam_frame, place.begins_at, place.rate), (96_000, 95_912.5, 48_000.0));
        assert_eq!((place.takes_over, place.beat, place.tempo_bpm), (true, Some(4.0), Some(120.0)));
        assert_eq!((music.level, music.n_prime_tokens, music.length_seconds), (1, 344, 2.0));
        let code = |i: u32| (i * i + 17 * i * take.id as u32) % 1024;
        assert_eq!(music.codes[&1], (0..1033).map(code).collect::<Vec<_>>());
        assert_eq!(music.recipe.seed, 6 + take.id);
        assert_eq!(music.recipe.backend, "cpu-q8");
        assert_eq!(music.recipe.artist.name, "Hearthside");
        assert_eq!(music.recipe.sampler.top_p, Some(0.92));
    }
    assert_eq!(loaded.tree.next_id(), 3);
}

#[test]
fn an_opened_project_saves_as_the_same_takes_again() {
    let (_, loaded) = opened("takes.state");
    let params = loaded.params.as_deref().unwrap();

    let again = project::load(&project::save(params, &loaded.tree, &loaded.others));

    assert!(again.tree.takes().eq(loaded.tree.takes()));
    assert_eq!(again.params, loaded.params);
}

#[test]
fn a_project_of_sixteen_long_takes_opens_within_a_second() {
    let (_, loaded) = opened("takes.state");
    let mut rng = StdRng::seed_from_u64(1); // codes of music are hardly more regular
    let mut tree = Tree::default();
    let takes = (0..16).map(|_| {
        let mut take = loaded.tree.get(1).cloned().unwrap();
        take.id = tree.next_id();
        let codes = (0..30 * 345).map(|_| rng.random_range(0..2048)).collect();
        take.music.codes = [(1, codes)].into();
        take.music.length_seconds = 30.0;
        take
    });
    let takes = takes.collect();
    tree.apply(Edit::Add(takes)).unwrap();
    let bytes = project::save(b"{}", &tree, &[]);

    let begun = std::time::Instant::now();
    let opened = project::load(&bytes);

    let seconds = begun.elapsed().as_secs_f64();
    println!("16 takes of 30 s: {} bytes, read in {seconds:.3} s", bytes.len());
    assert_eq!(opened.tree.takes().count(), 16);
    assert!(seconds < 1.0);
}
