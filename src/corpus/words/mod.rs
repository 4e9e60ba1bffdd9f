//! stub
pub const LANGUAGES: [&str; 4] = ["en", "es", "de", "it"];
