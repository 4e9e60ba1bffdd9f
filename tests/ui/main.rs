//! The editor without a host or a window: what it shows, and what a click on it asks for.

mod fakes;
mod paint;
mod pictures;
mod wishes;
