//! Where CLAP hosts enter: clack's entry, made patient with hosts that do not fill in the transport's header.
//!
//! The header says that the transport is a transport. Qtractor leaves it empty, and clack panics over that in
//! every block; so each instance is handed out with a `process` that rights the header first.

use std::{
    ffi::{CStr, c_char, c_void},
    ptr,
    sync::OnceLock,
};

use clack_plugin::{clack_entry, entry::SinglePluginEntry};
use clap_sys::{
    entry::clap_plugin_entry,
    events::{
        CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_TRANSPORT, clap_event_header, clap_event_transport,
    },
    factory::plugin_factory::{CLAP_PLUGIN_FACTORY_ID, clap_plugin_factory},
    host::clap_host,
    plugin::{clap_plugin, clap_plugin_descriptor},
    process::{CLAP_PROCESS_ERROR, clap_process, clap_process_status},
};

use super::Encore;

type Process = unsafe extern "C" fn(*const clap_plugin, *const clap_process) -> clap_process_status;

static CLACK: clap_plugin_entry = clack_entry!(SinglePluginEntry<Encore>);

/// What hosts look for in the binary.
#[allow(non_upper_case_globals)]
// SAFETY: no other symbol of this program has the name.
#[unsafe(no_mangle)]
pub static clap_entry: clap_plugin_entry =
    clap_plugin_entry { get_factory: Some(get_factory), ..CLACK };

/// clack's factory, as an address, once a host has asked for it.
static FACTORY: OnceLock<usize> = OnceLock::new();

/// clack's `process`, the same for every instance, once there was one.
static PROCESS: OnceLock<Process> = OnceLock::new();

static PATIENT_FACTORY: clap_plugin_factory = clap_plugin_factory {
    get_plugin_count: Some(get_plugin_count),
    get_plugin_descriptor: Some(get_plugin_descriptor),
    create_plugin: Some(create_plugin),
};

unsafe extern "C" fn get_factory(id: *const c_char) -> *const c_void {
    // SAFETY: the host's own arguments go to clack as they came; its id is a text, as CLAP has it.
    let (factory, is_of_plugins) = unsafe {
        let factory = CLACK.get_factory.map_or(ptr::null(), |get| get(id));
        (factory, !id.is_null() && CStr::from_ptr(id) == CLAP_PLUGIN_FACTORY_ID)
    };
    if factory.is_null() || !is_of_plugins {
        return factory;
    }
    FACTORY.get_or_init(|| factory.expose_provenance());
    (&raw const PATIENT_FACTORY).cast()
}

/// clack's factory; it lives in a static of clack's for as long as the binary is loaded.
fn factory() -> Option<&'static clap_plugin_factory> {
    let address = *FACTORY.get()?;
    // SAFETY: `get_factory` put the address there, of a factory that it was given under this id.
    unsafe { ptr::with_exposed_provenance::<clap_plugin_factory>(address).as_ref() }
}

unsafe extern "C" fn get_plugin_count(_: *const clap_plugin_factory) -> u32 {
    let Some(factory) = factory() else { return 0 };
    // SAFETY: the factory is its own argument.
    factory.get_plugin_count.map_or(0, |count| unsafe { count(factory) })
}

unsafe extern "C" fn get_plugin_descriptor(
    _: *const clap_plugin_factory,
    index: u32,
) -> *const clap_plugin_descriptor {
    let Some(factory) = factory() else { return ptr::null() };
    // SAFETY: the factory is its own argument, and any index may be asked for.
    factory.get_plugin_descriptor.map_or(ptr::null(), |get| unsafe { get(factory, index) })
}

unsafe extern "C" fn create_plugin(
    _: *const clap_plugin_factory,
    host: *const clap_host,
    id: *const c_char,
) -> *const clap_plugin {
    let Some(factory) = factory() else { return ptr::null() };
    // SAFETY: the factory is its own argument; the others are the host's, as they came.
    let plugin =
        factory.create_plugin.map_or(ptr::null(), |create| unsafe { create(factory, host, id) });
    // SAFETY: clack made the instance a moment ago, in a box of its own, and nobody else knows it yet.
    if let Some(instance) = unsafe { plugin.cast_mut().as_mut() }
        && let Some(process) = instance.process
    {
        PROCESS.get_or_init(|| process);
        instance.process = Some(patient_process);
    }
    plugin
}

/// clack's `process`, with the transport's header righted. Realtime-safe.
unsafe extern "C" fn patient_process(
    plugin: *const clap_plugin,
    block: *const clap_process,
) -> clap_process_status {
    let Some(process) = PROCESS.get() else { return CLAP_PROCESS_ERROR };
    // SAFETY: where the host gives a block, it and its transport are readable for the time of this call.
    let transport = unsafe { block.as_ref().and_then(|block| block.transport.as_ref()) };
    let Some(transport) = transport.filter(|transport| !is_right(&transport.header)) else {
        // SAFETY: the host's own arguments, as they came.
        return unsafe { process(plugin, block) };
    };
    let righted = clap_event_transport { header: HEADER, ..*transport };
    // SAFETY: the transport was reached through the block, so the block is there.
    let block = clap_process { transport: &righted, ..unsafe { *block } };
    // SAFETY: the host's arguments, but for the copies, which outlive the call.
    unsafe { process(plugin, &block) }
}

const HEADER: clap_event_header = clap_event_header {
    size: size_of::<clap_event_transport>() as u32,
    time: 0,
    space_id: CLAP_CORE_EVENT_SPACE_ID,
    type_: CLAP_EVENT_TRANSPORT,
    flags: 0,
};

fn is_right(header: &clap_event_header) -> bool {
    (header.space_id, header.type_) == (HEADER.space_id, HEADER.type_)
}

#[cfg(test)]
mod tests {
    use std::{mem::zeroed, sync::atomic::AtomicU16, sync::atomic::Ordering::SeqCst};

    use super::*;

    static TYPE_SEEN: AtomicU16 = AtomicU16::new(0);

    unsafe extern "C" fn look(
        _: *const clap_plugin,
        block: *const clap_process,
    ) -> clap_process_status {
        // SAFETY: the tests below give a block, and it outlives the call.
        let transport = unsafe { (*block).transport.as_ref() };
        let seen = transport.filter(|t| t.tempo == 99.0).map_or(u16::MAX, |t| t.header.type_);
        TYPE_SEEN.store(seen, SeqCst);
        1
    }

    #[test]
    fn a_transport_without_a_header_is_still_a_transport() {
        PROCESS.get_or_init(|| look);
        // SAFETY: both are plain numbers and pointers, for which zero is a value.
        let (mut transport, mut block): (clap_event_transport, clap_process) =
            unsafe { (zeroed(), zeroed()) };
        transport.tempo = 99.0;
        block.transport = &transport;

        // SAFETY: the block and its transport live until the end of the test.
        let status = unsafe { patient_process(ptr::null(), &block) };

        assert_eq!((status, TYPE_SEEN.load(SeqCst)), (1, CLAP_EVENT_TRANSPORT));
    }
}
