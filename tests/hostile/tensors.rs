//! Pickles that describe tensors and storages which cannot be.

use encore::pack::checkpoint::CheckpointError;
use encore::pack::pickle::{PickleError, Problem};

use crate::limits::{assert_says, refusal, refused, turn, watched};
use crate::pickles::{Pickle, View, f32s, legacy, state_dict};
use crate::programs::open;

const MOST: i64 = i64::MAX;

/// What a stream with this object and one storage "0" of 12 numbers is refused with.
fn problem(case: &str, object: &[u8]) -> Problem {
    let bytes = legacy(object, &[("0", 12, &f32s([0.5; 12]))]);
    let error = refusal(case, move || open("evil.pth.tar", bytes));
    assert_says(case, &error, &["evil.pth.tar", "at byte"]);
    match error {
        CheckpointError::Pickle { error: PickleError { problem, .. }, .. } => problem,
        error => panic!("{case}: {error:?}"),
    }
}

fn view<'a>(n: i64, offset: i64, shape: &'a [i64], strides: &'a [i64]) -> View<'a> {
    View { key: "0", class: "FloatStorage", n, offset, shape, strides }
}

#[test]
fn tensors_that_reach_out_of_their_storage_are_refused_with_their_numbers() {
    let _turn = turn();
    let nine = [1; 9];
    let cases = [
        ("a storage smaller than its tensor", view(12, 0, &[13], &[1]), "[13]"),
        ("a storage of nothing", view(0, 0, &[1], &[1]), "0 bytes"),
        ("an offset beyond the end", view(12, 12, &[1], &[1]), "at element 12"),
        ("a huge offset", view(12, MOST, &[2], &[1]), "at element 9223372036854775807"),
        ("a negative offset", view(12, -1, &[2], &[1]), "at element -1"),
        ("the most negative offset", view(12, i64::MIN, &[2], &[1]), "-9223372036854775808"),
        ("a negative size", view(12, 0, &[-2], &[1]), "-2 among"),
        ("a negative stride", view(12, 11, &[2], &[-1]), "-1 among"),
        ("a stride beyond the end", view(12, 0, &[2], &[12]), "strides [12]"),
        ("a huge stride", view(12, 0, &[3], &[MOST]), "strides [9223372036854775807]"),
        ("a shape that overflows", view(12, 0, &[1 << 32, 1 << 32], &[0, 0]), "[4294967296, "),
        ("nothing of a shape that overflows", view(12, 0, &[0, MOST, MOST], &[1, 1, 1]), "[0, 9"),
        ("more numbers than any disk has", view(12, 0, &[1 << 41], &[0]), "[2199023255552]"),
        ("more sizes than strides", view(12, 0, &[3, 4], &[1]), "2 sizes and 1 strides"),
        ("nine axes", view(12, 0, &nine, &nine), "9 sizes"),
        ("rows that overlap", view(12, 0, &[4, 4], &[2, 1]), "again and again"),
        ("columns that overlap", view(12, 0, &[3, 3], &[1, 1]), "again and again"),
        ("a negative storage", view(-1, 0, &[1], &[1]), "storage \"0\" has -1 elements"),
        ("a storage that overflows", view(MOST, 0, &[1], &[1]), "has 9223372036854775807 elements"),
    ];
    for (case, view, says) in cases {
        let found = problem(case, &state_dict(&[("w", view)]));

        assert!(matches!(found, Problem::Malformed(_)), "{case}: {found}");
        assert_says(case, &found, &[says]);
    }
}

#[test]
fn tensors_and_storages_that_are_told_too_little_or_something_else_are_refused() {
    let _turn = turn();
    let told = || Pickle::new().global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
    let third = || Pickle::new().global("torch._utils", "_rebuild_tensor_v3").raw(b"(");
    let stored = |pickle: Pickle| pickle.storage("0", "FloatStorage", 12);
    let named = || Pickle::new().raw(b"(").text("storage").global("torch", "FloatStorage");
    let unknown = Pickle::new().storage("0", "ComplexStorage", 12);
    let class = "Storage".repeat(1000);
    let cases: [(&str, Pickle, &str); 17] = [
        ("no arguments", told().raw(b"tR"), "needs a storage, an offset"),
        ("one argument", stored(told()).raw(b"tR"), "needs a storage, an offset"),
        ("two arguments", stored(told()).int(0).raw(b"tR"), "needs a storage, an offset"),
        ("three arguments", stored(told()).int(0).tuple(&[1]).raw(b"tR"), "needs a storage"),
        ("a storage that is none", told().int(0).int(0).raw(b"))tR"), "is not a storage"),
        ("an offset of none", stored(told()).raw(b"N))tR"), "offset is not an integer"),
        ("a size of none", stored(told()).int(0).raw(b"N)tR"), "are not a tuple"),
        ("strides of text", stored(told()).int(0).raw(b")").text("x").raw(b"tR"), "not a tuple"),
        ("sizes of lists", stored(told()).int(0).raw(b"](]e)tR"), "are not integers"),
        ("no type", stored(third()).int(0).raw(b"))tR"), "of an unknown type"),
        ("a type of another name", stored(third()).int(0).raw(b"))NNcx\ny\ntR"), "unknown type"),
        ("a persistent id of nothing", Pickle::new().raw(b")Q"), "names no storage"),
        ("a persistent id of text", Pickle::new().text("0").raw(b"Q"), "is not a tuple"),
        ("a persistent id cut short", named().raw(b"tQ"), "names no storage"),
        (
            "a persistent id of numbers",
            Pickle::new().tuple(&[1, 2, 3, 4, 5]).raw(b"Q"),
            "no storage",
        ),
        ("a storage of an unknown type", unknown, "unknown type ComplexStorage"),
        ("a type of 7000 letters", Pickle::new().storage("0", &class, 1), "bytes"),
    ];
    for (case, pickle, says) in cases {
        let found = problem(case, &pickle.stop());

        let is_typed = matches!(found, Problem::Malformed(_) | Problem::TooMuch { .. });
        assert!(is_typed, "{case}: {found}");
        assert_says(case, &found, &[if case.contains("7000") { "length of a line" } else { says }]);
    }
}

#[test]
fn storages_that_contradict_each_other_or_reach_out_of_another_are_refused() {
    let _turn = turn();
    let part = |offset: i64, n: i64| {
        let pickle = Pickle::new().raw(b"(").text("storage").global("torch", "FloatStorage");
        let pickle = pickle.text("0").text("cpu").int(12).raw(b"(").text("part");
        pickle.int(offset).int(n).raw(b"ttQ").stop()
    };
    let two = |n: i64, class: &str| {
        Pickle::new().storage("0", "FloatStorage", 12).storage("0", class, n).stop()
    };
    let short = Pickle::new().raw(b"(").text("storage").global("torch", "FloatStorage");
    let short = short.text("0").text("cpu").int(12).raw(b"(").text("part").raw(b"ttQ").stop();
    for (case, object, says) in [
        ("two sizes", two(13, "FloatStorage"), "storage \"0\" is described twice, as 48 and as 52"),
        ("two types", two(12, "IntStorage"), "is described twice"),
        ("a part beyond the end", part(1, 12), "reaches beyond"),
        ("a part before the start", part(-1, 2), "reaches beyond"),
        ("a part that overflows", part(MOST, MOST), "reaches beyond"),
        ("a part of unknown size", short, "is not (key, offset, size)"),
    ] {
        assert_says(case, &problem(case, &object), &[says]);
    }
}

#[test]
fn long_names_are_refused_before_they_are_compared_with_each_other() {
    let _turn = turn();
    let long = "k".repeat(1 << 20);
    // one long text in the memo, mentioned again and again
    let mention = b"(h\x01h\x02h\x00h\x03h\x04Nt".to_vec();
    let pickle = Pickle::new().text(&long).raw(b"q\x000").text("storage").raw(b"q\x010");
    let pickle = pickle.global("torch", "FloatStorage").raw(b"q\x020").text("cpu").raw(b"q\x030");
    let pickle = pickle.int(12).raw(b"q\x040").raw(&mention).raw(b"q\x05");
    let object = pickle.raw(&b"h\x05Q0".repeat(300_000)).stop();

    let found = problem("a storage's long name", &object);

    assert_says("storage", &found, &["bytes of a storage's name: 1048576 is more than the 512"]);

    let tensor = view(12, 0, &[12], &[1]);
    let pickle = Pickle::new().text(&long).raw(b"q\x000").tensor(&tensor).raw(b"q\x010}(");
    let items = b"h\x00h\x01".repeat(200_000);
    let pickle = (0..8).fold(pickle, |pickle, _| pickle.raw(&items).raw(b"u("));
    let bytes = legacy(&pickle.raw(b"u").stop(), &[("0", 12, &f32s([0.5; 12]))]);
    let open_it = move || open("evil.pth.tar", bytes);
    let says = ["evil.pth.tar", "a name of 1048576 bytes (at most 512)"];
    refused!("a tensor's long name", open_it, CheckpointError::Tensor { .. }, &says);
}

#[test]
fn tensors_that_repeat_little_without_end_are_refused() {
    let _turn = turn();
    let open_with = |tensors: &[(&str, View)]| {
        let bytes = legacy(&state_dict(tensors), &[("0", 12, &f32s([0.5; 12]))]);
        move || open("evil.pth.tar", bytes)
    };
    let one = [("w", view(12, 0, &[1 << 30, 12], &[0, 1]))];
    let says = ["evil.pth.tar", "\"w\"", "48 bytes of its storage to 51539607552"];
    refused!("48 GiB of 48 bytes", open_with(&one), CheckpointError::Tensor { .. }, &says);

    let names: Vec<String> = (0..64).map(|i| format!("w{i}")).collect();
    let each = || view(12, 0, &[1 << 20], &[0]);
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), each())).collect();
    let says = ["evil.pth.tar", "its tensors claim 268435456 bytes"];
    refused!("64 times 4 MiB of nothing", open_with(&many), CheckpointError::Config { .. }, &says);

    let largest = [("w", view(12, 0, &[2 << 20], &[0]))];
    let opened = open_with(&largest);
    let sum = watched("8 MiB of one number", move || {
        opened().unwrap().tensor("w").unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()
    });
    assert_eq!(sum, 0.5 * (2 << 20) as f32);
}

#[test]
fn what_looks_odd_but_is_sound_is_read() {
    let _turn = turn();
    let object = state_dict(&[
        ("one row of a huge stride", view(12, 2, &[1, 3], &[MOST, 2])),
        ("nothing at a huge offset", view(12, MOST, &[0, 7], &[7, 1])),
        ("ones", view(12, 11, &[1; 8], &[MOST; 8])),
    ]);
    let numbers = f32s((0..12).map(|i| i as f32));
    let bytes = legacy(&object, &[("0", 12, &numbers)]);

    let values = watched("odd", move || {
        let checkpoint = open("odd.pth.tar", bytes).unwrap();
        ["one row of a huge stride", "nothing at a huge offset", "ones"].map(|name| {
            let stored = checkpoint.read(name).unwrap().bytes.len();
            let tensor = checkpoint.tensor(name).unwrap().flatten_all().unwrap();
            (stored, tensor.to_vec1::<f32>().unwrap())
        })
    });

    assert_eq!(values, [(12, vec![2.0, 4.0, 6.0]), (0, vec![]), (4, vec![11.0])]);
}
