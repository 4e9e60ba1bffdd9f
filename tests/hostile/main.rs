//! Files made to do harm: each is answered with an error that names the file and the value, in little
//! time and little memory.
//!
//! All are built here, byte by byte, where one can see what is wrong with them.

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod configs;
mod limits;
mod manifests;
#[path = "../common/pickles.rs"]
mod pickles;
mod programs;
mod quantised;
mod safetensors;
mod storages;
mod streams;
mod tables;
mod tensors;
mod words;
mod zips;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
