//! Pickles whose program is the attack, in both of PyTorch's forms.

use std::mem::discriminant;
use std::path::Path;

use encore::pack::checkpoint::{Checkpoint, CheckpointError};
use encore::pack::pickle::{PickleError, Problem};
use encore::pack::source::Source;

use crate::limits::{assert_says, refusal, turn, watched};
use crate::pickles::{Entry, Pickle, legacy, zip};

pub fn open(name: &'static str, bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::from_source(Source::from_memory(Path::new(name), bytes))
}

/// Both forms of a file with this object in it and no storages.
fn both_forms(object: &[u8]) -> [(&'static str, Vec<u8>); 2] {
    [("evil.pth.tar", legacy(object, &[])), ("evil.pth", zip(&[Entry::new("a/data.pkl", object)]))]
}

/// What both forms are refused with, which is the same for both.
fn problem(case: &str, object: &[u8]) -> Problem {
    let [one, other] = both_forms(object).map(|(name, bytes)| {
        let error = refusal(case, move || open(name, bytes));
        assert_says(case, &error, &[name, "byte"]);
        match error {
            CheckpointError::Pickle { error: PickleError { problem, .. }, .. } => problem,
            error => panic!("{case}: {error:?}"),
        }
    });
    assert_eq!(discriminant(&one), discriminant(&other), "{case}: {one} or {other}");
    one
}

/// A program without the end of the pickle.
fn program(parts: &[&[u8]]) -> Vec<u8> {
    Pickle::new().raw(&parts.concat()).0
}

#[test]
fn lengths_that_are_claimed_are_compared_with_what_is_there() {
    let _turn = turn();
    let huge = [0xff; 8];
    let claims: [(&str, &[u8], usize); 9] = [
        ("a string of 4 GiB", b"X", 4),
        ("a string of 16 EiB", b"\x8d", 8),
        ("a byte string of 4 GiB", b"T", 4),
        ("bytes of 4 GiB", b"B", 4),
        ("bytes of 16 EiB", b"\x8e", 8),
        ("a byte array of 16 EiB", b"\x96", 8),
        ("an integer of 4 GiB", b"\x8b", 4),
        ("a short string", b"\x8c", 1),
        ("short bytes", b"C", 1),
    ];
    for (case, opcode, n_length) in claims {
        let found = problem(case, &program(&[opcode, &huge[..n_length], b"short"]));

        // the stream goes on after the pickle, so a short claim is met by whatever follows
        assert!(matches!(found, Problem::Truncated { wanted: 1.. }), "{case}: {found}");
    }
}

#[test]
fn what_is_there_but_too_much_is_refused_with_both_numbers() {
    let _turn = turn();
    let long = Pickle::new().text(&"x".repeat(2 << 20)).stop();
    let integer = program(&[b"\x8b\x00\x00\x20\x00", &vec![1; 2 << 20], b"."]);
    let strings = (0..40).fold(Pickle::new(), |p, _| p.text(&"x".repeat(1 << 20))).stop();
    let repeat = |n: usize, part: &[u8]| program(&[&part.repeat(n)]);
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("a memo bomb", program(&[b"]", &b"\x94".repeat(600_000)]), "entries of the memo: 524289"),
        ("a stack bomb", program(&[b"]", &b"2".repeat(600_000)]), "entries of the stack: 524289"),
        ("values without end", repeat(300_000, b"NN"), "number of values: 524289"),
        ("values that are thrown away", repeat(600_000, b"N0"), "number of values: 524289"),
        ("a long string", long, "length of a string: 2097152"),
        ("many strings", strings, "bytes of values: "),
        ("an integer of 255 bytes", program(&[b"\x8a\xff", &[1; 255]]), "255 is more than the 64"),
        ("an integer of 2 MiB", integer, "2097152 is more than the 64"),
        ("marks 100 000 deep", repeat(100_000, b"("), "within containers: 257"),
        (
            "tuples 100 000 deep",
            program(&[b")", &b"\x85".repeat(100_000)]),
            "within containers: 25",
        ),
        (
            "lists that hold lists",
            program(&[b"]", &b"q\x00]h\x00a".repeat(100_000)]),
            "within containers: 25",
        ),
        ("a line without end", program(&[b"I", &[b'1'; 5000]]), "length of a line: 65"),
    ];
    for (case, object, says) in cases {
        let found = problem(case, &object);

        assert!(matches!(found, Problem::TooMuch { .. }), "{case}: {found}");
        assert_says(case, &found, &[says, "more than the", "that any checkpoint needs"]);
    }
}

#[test]
fn a_program_that_never_ends_is_cut_off() {
    let _turn = turn();
    let object = program(&[&b"(1".repeat(33 << 20)]);
    let bytes = legacy(&object, &[]);

    let error = refusal("66 MiB of marks", move || open("evil.pth.tar", bytes));

    assert_says("66 MiB of marks", &error, &["evil.pth.tar", "bytes of pickle: 67108865"]);
}

#[test]
fn opcodes_that_find_too_little_on_the_stack_say_which_they_are() {
    let _turn = turn();
    let underflows: [&[u8]; 26] = [
        b".", b"a", b"e", b"s", b"u", b"R", b"b", b"\x81", b"\x92", b"\x93", b"\x85", b"\x86",
        b"\x87", b"t", b"l", b"d", b"0", b"1", b"2", b"Q", b"q\x00", b"\x94", b"\x90", b"\x91",
        b"(.", b"](a",
    ];
    let wrong_kinds: [&[u8]; 8] =
        [b"NNa", b"N(Ne", b"NNNs", b"}(Nu", b"}(NNNu", b"(Nd", b"NN\x93", b"K\x01K\x02K\x03s"];
    for program_bytes in underflows.into_iter().chain(wrong_kinds) {
        let case = format!("{program_bytes:x?}");

        let found = problem(&case, &program(&[program_bytes, b"."]));

        assert!(matches!(found, Problem::Stack { .. }), "{case}: {found}");
        assert_says(&case, &found, &["needs", "on the stack"]);
    }
}

#[test]
fn opcodes_values_and_calls_that_no_checkpoint_has_are_refused() {
    let _turn = turn();
    let global = |module: &str, name: &str| format!("c{module}\n{name}\n").into_bytes();
    let rebuild = global("torch._utils", "_rebuild_parameter");
    let encode = global("_codecs", "encode");
    let dict = global("collections", "OrderedDict");
    let mut cases: Vec<(String, Vec<u8>, &str)> = vec![
        ("a memo that was never written".into(), program(&[b"h\x07."]), "memo 7"),
        ("a long memo".into(), program(&[b"j\xff\xff\xff\xff."]), "memo 4294967295"),
        ("protocol 9".into(), program(&[b"\x80\x09."]), "protocol 9"),
        ("an integer of letters".into(), program(&[b"Ilots\n."]), "\"lots\" is not an integer"),
        ("a name that is no text".into(), program(&[b"c\xff\xfe\nx\n."]), "not UTF-8"),
        ("a call without a tuple".into(), program(&[&dict, b"NR."]), "are not a tuple"),
        ("a call of a number".into(), program(&[b"K\x01)R."]), "not a function"),
        ("a parameter of nothing".into(), program(&[&rebuild, b")R."]), "without its tensor"),
        ("bytes of nothing".into(), program(&[&encode, b")R."]), "encoded from nothing"),
        (
            "bytes of a number".into(),
            program(&[&encode, b"K\x01\x85R."]),
            "something else than text",
        ),
        ("a dictionary of numbers".into(), program(&[&dict, b"](K\x01e\x85R."]), "than pairs"),
        ("a dictionary of a number".into(), program(&[&dict, b"K\x01\x85R."]), "than a list"),
        ("a state for a number".into(), program(&[b"K\x01Nb."]), "a value that has no state"),
        ("a state for a tuple".into(), program(&[b")Nb."]), "a value that has no state"),
        ("a state for nothing".into(), program(&[b"NNb."]), "a value that has no state"),
    ];
    for opcode in [0, b'S', b'F', b'V', b'P', b'i', b'o', b'p', b'g', b'L', 0x82, 0x97, 0xff] {
        let said = Problem::Opcode(opcode).to_string().leak();
        cases.push((format!("opcode {opcode:#x}"), program(&[&[opcode], b"1\n."]), said));
    }
    for (case, object, says) in cases {
        assert_says(&case, &problem(&case, &object), &[says]);
    }
}

#[test]
fn nothing_that_a_pickle_names_is_ever_called() {
    let _turn = turn();
    let marker = tempfile::tempdir().unwrap().path().join("marker");
    let command = format!("touch {}", marker.display());
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("subprocess", "check_call"),
        ("torch.hub", "load"),
        ("encore", "main"),
    ] {
        let calls: [&[u8]; 4] = [b"R", b"\x81", b"R}b", b"R)R"]; // and states of, and calls of results
        for call in calls {
            let case = format!("{module}.{name} {call:x?}");
            let pickle = Pickle::new().global(module, name).text(&command).raw(b"\x85").raw(call);
            for (name, bytes) in both_forms(&pickle.stop()) {
                let error = refusal(&case, move || open(name, bytes));

                assert!(matches!(error, CheckpointError::NoWeights { .. }), "{case}: {error:?}");
                assert_says(&case, &error, &[name, "no weights"]);
            }
        }
    }
    assert!(!marker.exists());
}

#[test]
fn values_that_hold_themselves_or_are_beyond_use_cost_nothing() {
    let _turn = turn();
    let laughs = (0..200).fold(Pickle::new().raw(b")"), |pickle, _| pickle.raw(b"2\x86")).stop();
    let cases: [(&str, Vec<u8>); 4] = [
        ("a list in itself", program(&[b"]q\x00h\x00a."])),
        (
            "a dictionary that is its own model",
            Pickle::new().raw(b"}q\x00").text("model").raw(b"h\x00s.").0,
        ),
        ("a state that is its object", program(&[b"cx\ny\n)Rq\x00h\x00b."])),
        ("a pair of pairs of pairs, 200 times", laughs),
    ];
    for (case, object) in cases {
        for (name, bytes) in both_forms(&object) {
            let error = watched(case, move || open(name, bytes).map(drop)).unwrap_err();

            assert!(matches!(error, CheckpointError::NoWeights { .. }), "{case}: {error:?}");
        }
    }
}
