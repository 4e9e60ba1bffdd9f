//! Zip files whose directory is the attack.

use encore::pack::checkpoint::CheckpointError;

use crate::limits::{assert_says, refusal, refused, turn, watched};
use crate::pickles::{Entry, View, f32s, state_dict, zip};
use crate::programs::open;

/// Offsets in the directory's entry of a file, and in the end of the whole.
const FLAGS: usize = 8;
const END_COUNT: usize = 10;
const END_SIZE: usize = 12;
const END_START: usize = 16;

fn object() -> Vec<u8> {
    state_dict(&[(
        "w",
        View { key: "0", class: "FloatStorage", n: 4, offset: 0, shape: &[4], strides: &[1] },
    )])
}

fn refused_zip(case: &str, bytes: Vec<u8>, says: &str) {
    let open_it = move || open("evil.pth", bytes);
    refused!(case, open_it, CheckpointError::Zip { .. }, &["evil.pth", says]);
}

/// The sound file, and where its directory and its end begin.
fn sound() -> (Vec<u8>, usize, usize) {
    let (object, numbers) = (object(), f32s([0.5; 4]));
    let bytes = zip(&[Entry::new("a/data.pkl", &object), Entry::new("a/data/0", &numbers)]);
    let end = bytes.len() - 22;
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    (bytes, directory, end)
}

fn with(at: usize, value: &[u8]) -> Vec<u8> {
    let (mut bytes, ..) = sound();
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn entries_that_claim_to_be_something_else_are_named() {
    let _turn = turn();
    let (object, numbers) = (object(), f32s([0.5; 4]));
    let pickle = Entry::new("a/data.pkl", &object);
    let storage = || Entry::new("a/data/0", &numbers);
    let at_start = || Entry { at: Some(0), ..storage() };
    let cases: [(&str, Entry, &str); 6] = [
        (
            "4 GiB in 16 bytes",
            Entry { claimed: Some(0xffff_fff0), ..storage() },
            "4294967280 bytes",
        ),
        ("compressed", Entry { method: 8, ..storage() }, "\"a/data/0\" is compressed"),
        ("of an unknown method", Entry { method: 99, ..storage() }, "is compressed"),
        ("over another", Entry { at: Some(0), claimed: Some(8), ..storage() }, "entries overlap"),
        ("where there is none", Entry { at: Some(7), ..storage() }, "no entry at byte 7"),
        ("beyond the end", Entry { at: Some(u32::MAX - 1), ..storage() }, "lies outside"),
    ];
    for (case, entry, says) in cases {
        refused_zip(case, zip(&[pickle.clone(), entry]), says);
    }
    refused_zip("the same bytes twice", zip(&[pickle.clone(), at_start()]), "overlap");
    refused_zip("two of one name", zip(&[pickle.clone(), storage(), storage()]), "two entries");
    refused_zip(
        "a bomb beside a sound model",
        {
            let bomb =
                Entry { method: 8, claimed: Some(0xffff_fff0), ..Entry::new("a/bomb", b"x") };
            zip(&[pickle, storage(), bomb])
        },
        "\"a/bomb\" is compressed",
    );
}

#[test]
fn names_that_lead_out_of_the_file_are_refused() {
    let _turn = turn();
    let object = object();
    let long = "x/".repeat(30_000);
    for name in
        ["../data.pkl", "a/../../etc/passwd", "/etc/passwd", "a\\b", "c:x", "a\0b", "..", &long]
    {
        let case: String = name.chars().take(20).collect();
        let bytes = zip(&[Entry::new("a/data.pkl", &object), Entry::new(name, b"x")]);

        let error = refusal(&case, move || open("evil.pth", bytes));

        // a long name leads nowhere, so it is the storage that is missed
        let is_long = name.len() > 100;
        let says = if is_long { "\"0\" is not in the file" } else { "leads out of it" };
        assert_says(&case, &error, &["evil.pth", says]);
    }
}

#[test]
fn a_directory_that_lies_is_refused() {
    let _turn = turn();
    let (_, directory, end) = sound();
    let ones = [0xff; 4];
    let cases = [
        ("no end", with(end, b"none"), "was cut short"),
        ("more entries than there are", with(end + END_COUNT, &[3, 0]), "cut short"),
        ("65 534 entries", with(end + END_COUNT, &[0xfe, 0xff]), "cut short"),
        (
            "a directory of 4 GiB",
            with(end + END_SIZE, &0xffff_fffeu32.to_le_bytes()),
            "lies outside",
        ),
        (
            "a directory at 4 GiB",
            with(end + END_START, &0xffff_fffeu32.to_le_bytes()),
            "lies outside",
        ),
        ("64 bits without them", with(end + END_START, &ones), "64-bit directory is missing"),
        (
            "64 bits of size without them",
            with(end + END_SIZE, &ones),
            "64-bit directory is missing",
        ),
        ("an entry that is none", with(directory, b"PK\x01\x03"), "directory is damaged"),
        ("an encrypted entry", with(directory + FLAGS, &[1, 0]), "is encrypted"),
        ("a name that is no text", with(directory + 46, &[0xff]), "not UTF-8"),
        ("a name beyond the end", with(directory + 28, &[0xff, 0xff]), "cut short"),
        ("an extra beyond the end", with(directory + 30, &[0xff, 0xff]), "cut short"),
    ];
    for (case, bytes, says) in cases {
        refused_zip(case, bytes, says);
    }
}

#[test]
fn a_64_bit_directory_that_lies_is_refused() {
    let _turn = turn();
    let (sound, directory, end) = sound();
    let n_directory = (end - directory) as u64;
    // the record's place, then entries, bytes and start as the record tells them
    for (case, place, n_entries, n_bytes, start, says) in [
        ("a record outside", u64::MAX, 2, n_directory, directory as u64, "failed to fill"),
        ("a record elsewhere", 0, 2, n_directory, directory as u64, "64-bit directory is missing"),
        ("16 EiB of directory", end as u64, 2, u64::MAX, directory as u64, "lies outside"),
        ("a directory at 16 EiB", end as u64, 2, n_directory, u64::MAX, "lies outside"),
        ("16 E entries", end as u64, u64::MAX, n_directory, directory as u64, "more than any"),
    ] {
        let mut bytes = sound[..end].to_vec();
        bytes.extend(b"PK\x06\x06");
        bytes.extend([0; 28]);
        bytes.extend([n_entries, n_bytes, start].map(u64::to_le_bytes).concat());
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(place.to_le_bytes());
        bytes.extend([0; 4]);
        let mut ending = sound[end..].to_vec();
        ending[END_START..END_START + 4].copy_from_slice(&[0xff; 4]);
        bytes.extend(ending);

        let error = refusal(case, move || open("evil.pth", bytes));

        assert!(matches!(error, CheckpointError::Zip { .. }), "{case}: {error:?}");
        assert_says(case, &error, &["evil.pth"]);
        let said = error.to_string();
        assert!(said.contains(says) || said.contains("end of file"), "{case}: {said}");
    }
}

#[test]
fn a_file_without_what_pytorch_writes_is_refused() {
    let _turn = turn();
    let (object, numbers) = (object(), f32s([0.5; 4]));
    let pickle = Entry::new("a/data.pkl", &object);
    let entry = |name| Entry::new(name, &numbers[..]);
    refused_zip("no pickle", zip(&[entry("a/data/0")]), "one entry data.pkl");
    refused_zip("two pickles", zip(&[pickle.clone(), entry("b/data.pkl")]), "one entry data.pkl");
    let big = Entry::new("a/byteorder", b"big");
    refused_zip("another order of bytes", zip(&[pickle.clone(), big]), "byte order");
    for (case, storage, says) in [
        ("no storage", entry("a/data/1"), "storage \"0\" is not in the file"),
        ("a short storage", Entry::new("a/data/0", &numbers[1..]), "15 bytes, but 16 are"),
        ("an empty storage", Entry::new("a/data/0", b""), "0 bytes, but 16 are"),
        ("a storage in another root", entry("b/data/0"), "is not in the file"),
    ] {
        let bytes = zip(&[pickle.clone(), storage]);
        let open_it = move || open("evil.pth", bytes);
        refused!(case, open_it, CheckpointError::Storage { .. }, &["evil.pth", says]);
    }
    let nothing = zip(&[]);
    let open_it = move || open("evil.pth", nothing);
    refused!("nothing", open_it, CheckpointError::NotACheckpoint { .. }, &["evil.pth"]);
}

#[test]
fn as_many_entries_as_fit_take_little() {
    let _turn = turn();
    let names: Vec<String> = (0..60_000).map(|i| format!("a/data/{i:0100}")).collect();
    let entries: Vec<_> = names.iter().map(|name| Entry::new(name, b"")).collect();
    let bytes = zip(&entries);

    let error = watched("60 000 entries", move || open("evil.pth", bytes).map(drop)).unwrap_err();

    assert_says("60 000 entries", &error, &["evil.pth", "60000 entries"]);
}
