//! CLAP's main thread: parameters, ports, state and what the host is told.

use std::{
    ffi::CStr,
    fmt::Write as _,
    io::{Read, Write as _},
    sync::atomic::Ordering::Relaxed,
};

use clack_extensions::{
    audio_ports::*, latency::*, params::*, render::*, state::*, state_context::*,
};
use clack_plugin::{
    prelude::*,
    stream::{InputStream, OutputStream},
};

use super::{Encore, Shared, events::clap_id, gui::Gui};
use crate::{
    params::{Kind, N_PARAMS, ParamId},
    plugin::{Gestures, MainHost, cut},
};

/// Longest state that is read, in bytes.
const MAX_STATE_BYTES: u64 = 1 << 30;

/// One instance on the main thread.
pub struct Main<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) gui: Gui,
    host: HostMainThreadHandle<'a>,
}

impl<'a> Main<'a> {
    pub(super) fn new(host: HostMainThreadHandle<'a>, shared: &'a Shared<'a>) -> Self {
        Self { shared, gui: Gui::default(), host }
    }

    fn save_to(&self, output: &mut OutputStream) -> Result<(), PluginError> {
        output.write_all(&self.shared.core.save())?;
        Ok(())
    }

    fn load_from(&self, input: &mut InputStream) -> Result<(), PluginError> {
        let mut bytes = Vec::new();
        input.take(MAX_STATE_BYTES).read_to_end(&mut bytes)?;
        let loaded = self.shared.core.load(&bytes);
        self.shared.core.tell(self);
        Ok(loaded?)
    }
}

impl<'a> PluginMainThread<'a, Shared<'a>> for Main<'a> {
    fn on_main_thread(&self) {
        self.shared.core.tell(self);
        self.gui.main_thread();
    }
}

impl MainHost for Main<'_> {
    /// CLAP takes gestures as events, so ask for the call that carries them.
    fn edits(&self, _gestures: &Gestures) {
        self.shared.request_flush();
    }

    fn mark_dirty(&self) {
        if let Some(state) = self.shared.host.get_extension::<HostState>() {
            state.mark_dirty(&self.host);
        }
    }

    fn values_changed(&self) {
        self.rescan(ParamRescanFlags::VALUES);
    }

    fn texts_changed(&self) {
        self.rescan(ParamRescanFlags::VALUES | ParamRescanFlags::TEXT);
    }
}

impl Main<'_> {
    fn rescan(&self, what: ParamRescanFlags) {
        if let Some(params) = self.shared.host.get_extension::<HostParams>() {
            params.rescan(&self.host, what);
        }
    }
}

impl PluginMainThreadParams for Main<'_> {
    fn count(&self) -> u32 {
        N_PARAMS as u32
    }

    fn get_info(&self, index: u32, info: &mut ParamInfoWriter) {
        let Some(id) = ParamId::ALL.get(index as usize) else { return };
        let param = id.param();
        let mut flags = ParamInfoFlags::empty();
        if param.is_automatable() {
            flags |= ParamInfoFlags::IS_AUTOMATABLE;
        }
        if param.n_steps() > 0 {
            flags |= ParamInfoFlags::IS_STEPPED;
        }
        if param.kind == Kind::Bypass {
            flags |= ParamInfoFlags::IS_BYPASS;
        }
        info.set(&ParamInfo {
            id: clap_id(*id),
            flags,
            cookie: Default::default(),
            name: param.name.as_bytes(),
            module: b"",
            min_value: param.min,
            max_value: param.max,
            default_value: param.default,
        });
    }

    fn get_value(&self, id: ClapId) -> Option<f64> {
        ParamId::from_host_id(id.get()).map(|id| self.shared.core.values.get(id))
    }

    fn value_to_text(
        &self,
        id: ClapId,
        value: f64,
        out: &mut ParamDisplayWriter,
    ) -> core::fmt::Result {
        let id = ParamId::from_host_id(id.get()).ok_or(core::fmt::Error)?;
        let text = self.shared.core.text(id, value);
        out.write_str(cut(&text, out.remaining_len()))
    }

    fn text_to_value(&self, id: ClapId, text: &CStr) -> Option<f64> {
        self.shared.core.parse(ParamId::from_host_id(id.get())?, text.to_str().ok()?)
    }

    fn flush(&self, input: &InputEvents, output: &mut OutputEvents) {
        Encore::flush_inactive(self.shared, input, output);
    }
}

impl PluginStateImpl for Main<'_> {
    fn save(&self, output: &mut OutputStream) -> Result<(), PluginError> {
        self.save_to(output)
    }

    fn load(&self, input: &mut InputStream) -> Result<(), PluginError> {
        self.load_from(input)
    }
}

/// A preset, a duplicate and a project are the same state.
impl PluginStateContextImpl for Main<'_> {
    fn save(&self, output: &mut OutputStream, _: StateContextType) -> Result<(), PluginError> {
        self.save_to(output)
    }

    fn load(&self, input: &mut InputStream, _: StateContextType) -> Result<(), PluginError> {
        self.load_from(input)
    }
}

/// Port ids; they never change.
const OUTPUT_ID: u32 = 0;
const INPUT_ID: u32 = 1;
const SIDECHAIN_ID: u32 = 2;

impl PluginAudioPortsImpl for Main<'_> {
    fn count(&self, is_input: bool) -> u32 {
        if is_input { 2 } else { 1 }
    }

    fn get(&self, index: u32, is_input: bool, info: &mut AudioPortInfoWriter) {
        let (id, name, pair): (_, &[u8], _) = match (index, is_input) {
            (0, true) => (INPUT_ID, b"Input", Some(OUTPUT_ID)),
            (0, false) => (OUTPUT_ID, b"Output", Some(INPUT_ID)),
            (1, true) => (SIDECHAIN_ID, b"Sidechain", None),
            _ => return,
        };
        let is_main = pair.is_some();
        info.set(&AudioPortInfo {
            id: ClapId::new(id),
            name,
            channel_count: 2,
            flags: if is_main { AudioPortFlags::IS_MAIN } else { AudioPortFlags::empty() },
            port_type: Some(AudioPortType::STEREO),
            in_place_pair: pair.map(ClapId::new),
        });
    }
}

impl PluginLatencyImpl for Main<'_> {
    fn get(&self) -> u32 {
        0
    }
}

impl PluginRenderImpl for Main<'_> {
    fn has_hard_realtime_requirement(&self) -> bool {
        false
    }

    fn set(&self, mode: RenderMode) -> Result<(), PluginError> {
        self.shared.core.offline.store(mode == RenderMode::Offline, Relaxed);
        Ok(())
    }
}
