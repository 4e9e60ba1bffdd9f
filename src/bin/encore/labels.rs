//! `encore labels`: searching the label tables.

use encore::pack::Pack;
use serde_json::{Value, json};

use crate::args::LabelsArgs;
use crate::failure::{Failure, print, print_json};
use crate::open;

pub fn run(args: &LabelsArgs, as_json: bool) -> Result<(), Failure> {
    let pack = open::pack(&args.pack.pack)?;
    let labels = pack.labels();
    let asked_nothing = args.artist.is_none() && args.genre.is_none();
    let query = |asked: &Option<String>| asked.clone().or(asked_nothing.then(String::new));
    let artists = query(&args.artist).map(|query| labels.find_artists(&query)).unwrap_or_default();
    let genres = query(&args.genre).map(|query| labels.find_genres(&query)).unwrap_or_default();

    if as_json {
        return print_json(&json!({
            "artists": artists.iter().map(|label| artist_json(&pack, label)).collect::<Vec<_>>(),
            "genres": genres.iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>(),
        }));
    }
    for (kind, asked, found) in
        [("artist", &args.artist, &artists), ("genre", &args.genre, &genres)]
    {
        match (asked, found.as_slice()) {
            (Some(query), []) => print(&format!("no {kind} comes close to {query:?}"))?,
            (None, []) => {}
            _ => print(&table(kind, found, &pack))?,
        }
    }
    Ok(())
}

fn artist_json(pack: &Pack, (id, name): &(u32, &str)) -> Value {
    let labels = pack.labels();
    let genre = labels.genre_of(*id).and_then(|genre| labels.genre_name(genre));
    let mut facts = json!({"id": id, "name": name, "genre": genre});
    if pack.taught().iter().any(|taught| taught.artist_id == *id) {
        facts["taught"] = true.into();
    }
    facts
}

fn table(kind: &str, found: &[(u32, &str)], pack: &Pack) -> String {
    let labels = pack.labels();
    let is_taught =
        |id: u32| kind == "artist" && pack.taught().iter().any(|taught| taught.artist_id == id);
    let line = |(id, name): &(u32, &str)| {
        let genre = (kind == "artist").then(|| labels.genre_of(*id)).flatten();
        let taught = if is_taught(*id) { ", taught" } else { "" };
        match genre.and_then(|genre| labels.genre_name(genre)) {
            Some(genre) => format!("{id:>6}  {name} ({genre}{taught})"),
            None if is_taught(*id) => format!("{id:>6}  {name} (taught)"),
            None => format!("{id:>6}  {name}"),
        }
    };
    let lines: Vec<_> = found.iter().map(line).collect();
    format!("{kind}s\n{}", lines.join("\n"))
}
