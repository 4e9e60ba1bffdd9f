//! Files of artists and genres that are none.

use std::fs;
use std::path::Path;

use encore::pack::labels::id_file;
use encore::pack::{IdFileError, LabelRule, Labels, LabelsError};

use crate::limits::{refused, turn, watched};

type IsKind = fn(&IdFileError) -> bool;

#[test]
fn tables_that_are_none_are_refused_with_the_line() {
    let _turn = turn();
    let is_id: IsKind = |e| matches!(e, IdFileError::Id { .. });
    let is_pair: IsKind = |e| matches!(e, IdFileError::NotPair { .. });
    let is_text: IsKind = |e| matches!(e, IdFileError::NotText { .. });
    let is_empty: IsKind = |e| matches!(e, IdFileError::Empty { .. });
    let is_many: IsKind = |e| matches!(e, IdFileError::TooMany { .. });
    let long = "x".repeat(1 << 20);
    let cases: [(&str, Vec<u8>, IsKind, &str); 14] = [
        ("nothing", vec![], is_empty, "no names"),
        ("blank lines", b"\n \n\t\r\n".repeat(1000), is_empty, "no names"),
        ("another encoding", b"a;0\nb;1\n\xff\xfe;2\n".to_vec(), is_text, "line 3"),
        ("a name cut within a letter", b"a;0\n\xe6\x97".to_vec(), is_text, "line 2"),
        ("zeros", vec![0; 1 << 20], is_pair, "line 1"),
        ("no id", b"a;0\nb\n".to_vec(), is_pair, "line 2: \"b\""),
        ("two ids", b"a;0;1\n".to_vec(), is_pair, "\"a;0;1\""),
        ("a million semicolons", b";".repeat(1 << 20), is_pair, "line 1"),
        ("a negative id", b"a;-1\n".to_vec(), is_id, "the id \"-1\""),
        ("an id beyond all tables", b"a;1048576\n".to_vec(), is_id, "\"1048576\""),
        ("an id beyond integers", b"a;99999999999999999999999\n".to_vec(), is_id, "0 to 1048575"),
        ("an id of half a number", b"a;1.5\n".to_vec(), is_id, "\"1.5\""),
        ("an id of 1 MiB", format!("a;{long}").into_bytes(), is_id, "line 1: the id"),
        ("200 000 names", b"a;0\n".repeat(200_000), is_many, "more than 131072 names"),
    ];
    for (case, bytes, is_kind, says) in cases {
        let parse = move || id_file::from_bytes(Path::new("v2_genre_ids.txt"), &bytes);
        let error = crate::limits::refusal(case, parse);
        assert!(is_kind(&error), "{case}: {error:?}");
        crate::limits::assert_says(case, &error, &["v2_genre_ids.txt", says]);
    }
}

#[test]
fn a_table_of_one_line_without_end_is_refused() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v3_artist_ids.txt");
    let file = fs::File::create(&path).unwrap();
    file.set_len(100 << 20).unwrap(); // one line of 100 MiB; sparse
    let says = ["v3_artist_ids.txt", "longer than 4194304 bytes"];
    refused!("100 MiB", move || id_file::read(&path), IdFileError::TooLong { .. }, &says);

    let folder = dir.path().to_owned();
    refused!("a folder", move || id_file::read(&folder), IdFileError::Io { .. }, &["not a file"]);
}

/// Found by fuzzing: names of many signs that nobody can read were repeated in full, each as six.
#[test]
fn long_names_do_not_make_long_sentences() {
    let _turn = turn();
    let signs = |n: usize| format!("{}hip{}", "\u{e}".repeat(n), "\u{19}".repeat(n));
    for (n, asked) in
        [(200, signs(200) + "x"), (1 << 19, signs(1 << 19) + "x"), (200, "hip!".into())]
    {
        let text = format!("unknown;0\n{};1\nhip;2\n", signs(n));
        let choose = move || {
            let names = id_file::from_bytes(Path::new("ids.txt"), text.as_bytes()).unwrap();
            let labels = Labels::new(LabelRule::Plain, names.clone(), names);
            assert!(labels.choose(Some("hip"), &[], 1).is_ok());
            labels.choose(Some(&asked), &[], 1)
        };
        refused!("signs", choose, LabelsError::Unknown(_), &["the pack has no artist"]);
    }
}

#[test]
fn odd_tables_are_read_and_searched() {
    let _turn = turn();
    let full: String = (0..120_000).map(|i| format!("name number {i};{i}\n")).collect();
    let twice = "dup;1\ndup;2\n;0\n;3\nDUP;1\n".to_owned();
    let far = "a;1048575\nb;1048575\n".to_owned();
    let long = format!("{};0\n", "y".repeat(1 << 20));
    for (case, text) in
        [("a full table", full), ("names twice", twice), ("a far id", far), ("long", long)]
    {
        watched(case, move || {
            let names = id_file::from_bytes(Path::new("ids.txt"), text.as_bytes()).unwrap();
            let last = names.last().unwrap().clone();
            for rule in [LabelRule::V2, LabelRule::V3] {
                let labels = Labels::new(rule, names.clone(), vec![]);
                labels.find_artists("zzz");
                labels.find_artists(&"z".repeat(1 << 20));
                let chosen = labels.choose(Some(&last.0), &["no such genre".into()], 1).unwrap();
                assert!((chosen.artist as usize) < labels.artists.len());
            }
        });
    }
}
