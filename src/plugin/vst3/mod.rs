//! The VST3 adapter, written directly on the COM bindings of the `vst3` crate.
//!
//! One object is component, processor and controller at once ([`Encore`]); a second is the editor's view.
//! Hosts break the rules of this format in every way, so: no panic leaves a method, pointers are checked,
//! no lock is held while the host is called, and calls in the wrong order do something harmless.
//!
//! - `instance`, `automation`: what the object and its view share; `handler`: what the host is told
//! - `component`, `process`, `controller`, `view` with its `window`: the interfaces
//! - `buffers`, `stream`, `strings`, `time`, `parent`, `run_loop`: from COM's types to ours
//! - `factory`: how the host finds us

#![allow(non_snake_case)] // the interfaces' own names

mod automation;
mod buffers;
mod component;
mod controller;
mod factory;
mod handler;
mod instance;
mod parent;
mod process;
#[cfg(target_os = "linux")]
mod run_loop;
mod stream;
mod strings;
mod time;
mod view;
mod window;

use std::sync::Arc;

use ::vst3::{
    Class,
    Steinberg::{
        TUID,
        Vst::{IAudioProcessor, IComponent, IEditController, IProcessContextRequirements},
        kInvalidArgument, kResultOk, tresult,
    },
    uid,
};

pub use factory::GetPluginFactory;

use self::instance::Instance;

/// What VST3 hosts save in projects to find the plugin again; it never changes, on any system.
pub const CLASS_ID: TUID = uid(0x8E2D_41C7, 0x0B5A_4F93, 0xA6D8_19E4, 0x5C37_F20B);

/// Where hosts list it.
pub const SUBCATEGORIES: &str = "Fx|Generator";

/// The COM object.
pub struct Encore(Arc<Instance>);

impl Class for Encore {
    type Interfaces = (IComponent, IAudioProcessor, IEditController, IProcessContextRequirements);
}

/// COM's word for "was that possible?".
fn ok_if(is_fine: bool) -> tresult {
    if is_fine { kResultOk } else { kInvalidArgument }
}
