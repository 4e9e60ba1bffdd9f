//! The CLAP adapter, on clack, which makes each of CLAP's threads a type and catches panics.
//!
//! `main_thread` answers the host's questions, `processor` runs audio, `gui` holds the window,
//! `events` translates events and time; `entry` is where hosts come in.

mod entry;
mod events;
mod gui;
mod main_thread;
mod processor;

use std::sync::Arc;

use clack_extensions::{
    audio_ports::PluginAudioPorts,
    gui::PluginGui,
    latency::PluginLatency,
    params::{HostParams, PluginParams},
    render::PluginRender,
    state::PluginState,
    state_context::PluginStateContext,
    tail::PluginTail,
};
use clack_plugin::{plugin::features, prelude::*};
use parking_lot::Mutex;

pub use entry::clap_entry;

use self::{main_thread::Main, processor::ClapProcessor};
use super::{Core, NAME, Processor, VENDOR, VERSION, guard::guard};

/// What CLAP hosts save in projects to find the plugin again; it never changes.
pub const ID: &str = "dev.encore.encore";

/// The plugin type that clack drives.
pub struct Encore;

impl Plugin for Encore {
    type AudioProcessor<'a> = ClapProcessor<'a>;
    type Shared<'a> = Shared<'a>;
    type MainThread<'a> = Main<'a>;

    fn declare_extensions(builder: &mut PluginExtensions<Self>, _shared: Option<&Shared>) {
        builder
            .register::<PluginAudioPorts>()
            .register::<PluginParams>()
            .register::<PluginState>()
            .register::<PluginStateContext>()
            .register::<PluginGui>()
            .register::<PluginLatency>()
            .register::<PluginTail>()
            .register::<PluginRender>();
    }
}

impl DefaultPluginFactory for Encore {
    fn get_descriptor() -> PluginDescriptor {
        PluginDescriptor::new(ID, NAME)
            .with_vendor(VENDOR)
            .with_version(VERSION)
            .with_description("Continues a recorded track in a chosen artist's style.")
            .with_features([features::AUDIO_EFFECT, features::STEREO])
    }

    fn new_shared(host: HostSharedHandle<'_>) -> Result<Shared<'_>, PluginError> {
        let core = Core::new();
        // SAFETY: the waker is the only holder of this handle, and `Shared::drop`, which runs while the
        // host still exists, takes the waker away and waits for a call in progress.
        let forever: HostSharedHandle<'static> = unsafe { host.with_arbitrary_lifetime() };
        core.set_waker(Some(Box::new(move || forever.request_callback())));
        Ok(Shared { host, core, parked: Mutex::new(None) })
    }

    fn new_main_thread<'a>(
        host: HostMainThreadHandle<'a>,
        shared: &'a Shared<'a>,
    ) -> Result<Main<'a>, PluginError> {
        Ok(Main::new(host, shared))
    }
}

/// What the main thread and the audio thread both reach.
pub struct Shared<'a> {
    host: HostSharedHandle<'a>,
    core: Arc<Core>,
    /// The processor while the plugin is inactive; what it heard survives a restart of the audio engine.
    parked: Mutex<Option<Processor>>,
}

impl<'a> PluginShared<'a> for Shared<'a> {}

impl Shared<'_> {
    /// Asks the host to fetch parameter events that wait here. Not on the audio thread.
    fn request_flush(&self) {
        if let Some(params) = self.host.get_extension::<HostParams>() {
            params.request_flush(&self.host);
        }
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        guard((), || self.core.set_waker(None));
    }
}
