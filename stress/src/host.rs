//! A CLAP host as small as can be: it loads Encore through the entry that every host uses, and remembers
//! what the plugin asks of it.

use std::{
    ffi::CString,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use clack_extensions::{
    log::{HostLog, HostLogImpl, LogSeverity},
    params::{HostParams, HostParamsImplMainThread, HostParamsImplShared, ParamClearFlags},
    params::{ParamInfoBuffer, ParamRescanFlags, PluginParams},
    state::{HostState, HostStateImpl},
};
use clack_host::{prelude::*, utils::ClapId};

/// What CLAP hosts save to find the plugin again.
const ID: &std::ffi::CStr = c"dev.encore.encore";

/// Why nothing can be tried.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("{path}: no CLAP plugin ({why})")]
    Entry { path: PathBuf, why: String },
    #[error("Encore refuses to exist: {0}")]
    Instance(String),
}

/// Times that the plugin, or what adapts it to CLAP, said that something went wrong that never should.
pub static N_MISBEHAVED: AtomicU64 = AtomicU64::new(0);

/// What the plugin may call from any thread.
#[derive(Default)]
pub struct Shared {
    wants_main_thread: AtomicBool,
}

impl HostLogImpl for Shared {
    /// Refused states and the like are told as errors, and are none.
    fn log(&self, severity: LogSeverity, message: &str) {
        let severe =
            [LogSeverity::Fatal, LogSeverity::PluginMisbehaving, LogSeverity::HostMisbehaving];
        if severe.contains(&severity) {
            eprintln!("encore-stress: {severity}: {message}");
            N_MISBEHAVED.fetch_add(1, Relaxed);
        }
    }
}

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {
        self.wants_main_thread.store(true, Relaxed);
    }
}

impl HostParamsImplShared for Shared {
    fn request_flush(&self) {}
}

/// What the plugin may call from the main thread.
pub struct Main;

impl MainThreadHandler<'_> for Main {}

impl HostParamsImplMainThread for Main {
    fn rescan(&self, _flags: ParamRescanFlags) {}
    fn clear(&self, _id: ClapId, _flags: ParamClearFlags) {}
}

impl HostStateImpl for Main {
    fn mark_dirty(&self) {}
}

pub struct Handlers;

impl HostHandlers for Handlers {
    type Shared<'a> = Shared;
    type MainThread<'a> = Main;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Shared) {
        builder.register::<HostLog>().register::<HostParams>().register::<HostState>();
    }
}

/// One parameter, as the plugin describes it.
#[derive(Debug, Clone)]
pub struct Param {
    pub id: ClapId,
    pub name: String,
    pub min: f64,
    pub max: f64,
}

/// The plugin, ready to be instantiated.
pub struct Encore {
    entry: PluginEntry,
    info: HostInfo,
}

impl Encore {
    /// Loads the built library at `path`, or the Encore that is part of this program, whose allocations and
    /// panics can be counted.
    ///
    /// # Errors
    /// When there is no CLAP plugin in it.
    pub fn load(path: Option<&Path>) -> Result<Self, HostError> {
        let entry = match path {
            // SAFETY: the user names a plugin that is meant to be run
            Some(path) => unsafe { PluginEntry::load(path) },
            None => {
                let path = CString::new(env!("CARGO_MANIFEST_DIR")).unwrap_or_default();
                // SAFETY: the very entry that the library exports
                unsafe { PluginEntry::load_from_raw(&encore::plugin::clap::clap_entry, &path) }
            }
        };
        let path = || path.map(Path::to_owned).unwrap_or_else(|| "this program".into());
        let explain = |why: String| HostError::Entry { path: path(), why };
        let info = HostInfo::new("encore-stress", "Encore", "", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            entry: entry.map_err(|e| explain(e.to_string()))?,
            info: info.map_err(|e| explain(e.to_string()))?,
        })
    }

    /// # Errors
    /// When the plugin does not want to.
    pub fn instance(&self) -> Result<PluginInstance<Handlers>, HostError> {
        let (shared, main) = (|_: &()| Shared::default(), |_: &()| Main);
        let made = PluginInstance::new(|_| shared(&()), |_| main(&()), &self.entry, ID, &self.info);
        made.map_err(|e| HostError::Instance(e.to_string()))
    }
}

/// Runs what the plugin asked to have run on the main thread.
pub fn main_thread(instance: &mut PluginInstance<Handlers>) {
    if instance.access_shared_handler(|shared| shared.wants_main_thread.swap(false, Relaxed)) {
        instance.call_on_main_thread_callback();
    }
}

/// Every parameter that the plugin has.
pub fn params(instance: &mut PluginInstance<Handlers>) -> Vec<Param> {
    let handle = instance.plugin_handle();
    let Some(params) = handle.get_extension::<PluginParams>() else { return Vec::new() };
    let described = |at| {
        let mut buffer = ParamInfoBuffer::new();
        let info = params.get_info(&handle, at, &mut buffer)?;
        let name = String::from_utf8_lossy(info.name).into_owned();
        Some(Param { id: info.id, name, min: info.min_value, max: info.max_value })
    };
    (0..params.count(&handle)).filter_map(described).collect()
}
