//! A recipe is enough to make its take again, and says so where it is not.

use std::fs;

use encore::takes::{PackedCodes, Recipe, read_codes, read_levels};

use crate::finer::{TOLD, desk as singing_desk};
use crate::{Desk, text};

/// A desk with a take in `takes`.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.json(
        "continue track.wav --pack tiny --artist ada --seconds 0.3 --seed 7 --temperature 0.8 --out takes",
    );
    desk
}

#[test]
fn a_recipe_makes_the_same_codes_again_without_the_track() {
    let desk = desk();
    fs::remove_file(desk.path("track.wav")).unwrap();

    desk.json("continue --recipe takes/take-1.json --pack tiny --out again");

    assert_eq!(desk.bytes("again/take-1.safetensors"), desk.bytes("takes/take-1.safetensors"));
    assert_eq!(desk.bytes("again/take-1.json"), desk.bytes("takes/take-1.json"));
    desk.json("continue --recipe again/take-1.json --pack tiny --out once-more");
    assert_eq!(desk.bytes("once-more/take-1.wav"), desk.bytes("again/take-1.wav"));
}

#[test]
fn the_recipe_holds_the_codes_of_the_prime_and_no_others() {
    let desk = desk();

    let recipe = Recipe::read(&desk.path("takes/take-1.json")).unwrap();

    let codes = read_codes(&desk.path("takes/take-1.safetensors"), 0).unwrap();
    let n_prime = 160 / crate::HOP;
    assert_eq!(recipe.prime_codes[&0].codes(), codes[..n_prime]);
}

#[test]
fn finer_levels_and_words_are_made_again_too() {
    let desk = singing_desk();
    let line = format!("continue track.wav {TOLD} --seconds 0.2 --seed 3 --until bottom");
    desk.json(&format!("{line} --out takes"));

    desk.json("continue --recipe takes/take-1.json --pack singer --out again");

    let codes = |folder: &str| read_levels(&desk.path(&format!("{folder}/take-1.safetensors")));
    assert_eq!(codes("again").unwrap(), codes("takes").unwrap());
}

#[test]
fn a_recipe_finds_its_pack_and_its_precision_by_itself() {
    let desk = Desk::new();
    let line =
        "continue track.wav --pack tiny --artist ada --seconds 0.2 --precision q8 --out takes";
    desk.json(line);
    fs::create_dir(desk.path("packs")).unwrap();
    fs::rename(desk.path("tiny"), desk.path("packs/other-name")).unwrap();

    let output = desk
        .command("continue --recipe takes/take-1.json --out again")
        .env("ENCORE_PACKS", desk.path("packs"))
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(desk.bytes("again/take-1.safetensors"), desk.bytes("takes/take-1.safetensors"));
}

#[test]
fn another_backend_is_told_and_still_composes() {
    let desk = desk();

    let output =
        desk.encore("continue --recipe takes/take-1.json --pack tiny --precision q8 --out again");

    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert!(said.contains("was made on cpu-f32, and this is cpu-q8: codes may differ"), "{said}");
}

#[test]
fn what_contradicts_a_recipe_is_refused() {
    let desk = desk();
    for typed in
        ["track.wav", "--seed 8", "--seconds 1", "--artist ada", "--takes 2", "--until top"]
    {
        let line = format!("continue {typed} --recipe takes/take-1.json --pack tiny --out again");
        let refusal = desk.refusal(&line);
        assert!(refusal.contains("cannot be used with"), "{refusal}");
    }
    let refusal = desk.refusal("continue --pack tiny --out again");
    assert!(refusal.contains("--seconds") && refusal.contains("IN.wav"), "{refusal}");
}

#[test]
fn another_pack_is_refused_as_its_codes_mean_something_else() {
    let desk = singing_desk();
    desk.json("continue track.wav --pack tiny --artist ada --seconds 0.2 --out takes");

    let refusal = desk.refusal("continue --recipe takes/take-1.json --pack singer --out again");

    assert!(refusal.contains("was made with another pack than \"singer\""), "{refusal}");
}

#[test]
fn recipes_that_cannot_be_made_again_say_why() {
    let desk = desk();
    let recipe = Recipe::read(&desk.path("takes/take-1.json")).unwrap();
    let refusal = |recipe: Recipe| {
        recipe.write(&desk.path("other.json")).unwrap();
        desk.refusal("continue --recipe other.json --pack tiny --out again")
    };
    let with = |codes: &[u32]| Recipe {
        prime_codes: [(0, PackedCodes::of(codes))].into(),
        ..recipe.clone()
    };

    let bare = Recipe { prime_codes: Default::default(), ..recipe.clone() };
    assert!(refusal(bare).contains("has no codes of its prime"));
    assert!(refusal(with(&[0, 9_999])).contains("has the code 9999 in its prime"));
    assert!(refusal(with(&[0; 100_000])).contains("codes of prime, and this model listens to"));
    assert!(refusal(with(&[])).contains("needs at least"));
    let mut cold = recipe.clone();
    cold.sampler.temperature = 0.0;
    assert!(refusal(cold).contains("temperature is 0"));
    let endless = Recipe { length_seconds: 1e9, ..recipe.clone() };
    assert!(refusal(endless).contains("1000000000"));
}
