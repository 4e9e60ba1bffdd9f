//! `encore labels`: searching the label tables.

use encore::pack::Labels;
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
            "artists": artists.iter().map(|label| artist_json(labels, label)).collect::<Vec<_>>(),
            "genres": genres.iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>(),
        }));
    }
    for (kind, asked, found) in
        [("artist", &args.artist, &artists), ("genre", &args.genre, &genres)]
    {
        match (asked, found.as_slice()) {
            (Some(query), []) => print(&format!("no {kind} comes close to {query:?}"))?,
            (None, []) => {}
            _ => print(&table(kind, found, labels))?,
        }
    }
    Ok(())
}

fn artist_json(labels: &Labels, (id, name): &(u32, &str)) -> Value {
    let genre = labels.genre_of(*id).and_then(|genre| labels.genre_name(genre));
    json!({"id": id, "name": name, "genre": genre})
}

fn table(kind: &str, found: &[(u32, &str)], labels: &Labels) -> String {
    let line = |(id, name): &(u32, &str)| {
        let genre = (kind == "artist").then(|| labels.genre_of(*id)).flatten();
        match genre.and_then(|genre| labels.genre_name(genre)) {
            Some(genre) => format!("{id:>6}  {name} ({genre})"),
            None => format!("{id:>6}  {name}"),
        }
    };
    let lines: Vec<_> = found.iter().map(line).collect();
    format!("{kind}s\n{}", lines.join("\n"))
}
