//! A VST3 host that breaks every rule it can. Links the plugin directly, so that it can count what
//! `process` allocates and frees: nothing, whatever it is given.
#![allow(clippy::undocumented_unsafe_blocks)] // every call is one: the whole file plays a reckless host
#![allow(clippy::unnecessary_cast)] // VST3's constants have other types on other systems

#[path = "../hosts/mod.rs"]
mod hosts;
mod lives;
mod processing;
mod values;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr::null_mut,
};

use encore::{
    params::{ParamId, TABLE},
    plugin::vst3::GetPluginFactory,
};
use hosts::{
    Instance,
    com::Changes,
    use_repository_packs,
    vst3::{Vst3Instance, bus, context},
};
use vst3::{
    ComPtr, Interface,
    Steinberg::{Vst::*, *},
};

thread_local! {
    static IS_COUNTING: Cell<bool> = const { Cell::new(false) };
    static N_COUNTED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts while a thread asks for it.
struct Counting;

impl Counting {
    fn count() {
        if IS_COUNTING.get() {
            N_COUNTED.set(N_COUNTED.get() + 1);
        }
    }
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Counting::count();
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MAX_BLOCK: usize = 256;

fn new(with_context: bool) -> Vst3Instance {
    use_repository_packs();
    unsafe {
        let factory = ComPtr::from_raw(GetPluginFactory()).expect("a factory");
        Vst3Instance::new(&factory, with_context)
    }
}

fn start(encore: &Vst3Instance) {
    let mut setup = ProcessSetup {
        processMode: 0,
        symbolicSampleSize: 0,
        maxSamplesPerBlock: MAX_BLOCK as i32,
        sampleRate: 48_000.0,
    };
    unsafe {
        assert_eq!(encore.processor.setupProcessing(&mut setup), kResultOk);
        assert_eq!(encore.component.setActive(1), kResultOk);
        encore.processor.setProcessing(1);
    }
}

/// What comes in on channel `c`.
fn input(c: usize, frame: usize) -> f32 {
    (frame % 97) as f32 / 97.0 + 0.001 + c as f32
}

/// `process` as a host that counts.
fn process(encore: &Vst3Instance, data: *mut ProcessData) -> tresult {
    IS_COUNTING.set(true);
    let result = unsafe { encore.processor.process(data) };
    IS_COUNTING.set(false);
    assert_eq!(N_COUNTED.get(), 0, "process allocated or freed");
    result
}

fn empty() -> ProcessData {
    unsafe { std::mem::zeroed() }
}

#[derive(Clone, Copy, PartialEq)]
enum Memory {
    Apart,
    /// Input and output are the same memory.
    InPlace,
    /// Both output channels are the same memory.
    OneOutput,
}

/// One block of `n` frames; what the output channels hold afterwards.
fn block(
    encore: &Vst3Instance,
    n: usize,
    n_channels: usize,
    layout: Memory,
    changes: &[(u32, Vec<(i32, f64)>)],
) -> Vec<Vec<f32>> {
    let mut ins: Vec<Vec<f32>> =
        (0..n_channels).map(|c| (0..n).map(|i| input(c, i)).collect()).collect();
    let mut outs = vec![vec![9f32; n]; n_channels];
    let mut in_pointers: Vec<*mut f32> = ins.iter_mut().map(|c| c.as_mut_ptr()).collect();
    let mut out_pointers: Vec<*mut f32> = outs.iter_mut().map(|c| c.as_mut_ptr()).collect();
    match layout {
        Memory::Apart => {}
        Memory::InPlace => out_pointers.clone_from(&in_pointers),
        Memory::OneOutput => out_pointers.fill(outs[0].as_mut_ptr()),
    }
    let (mut in_bus, mut out_bus) = (bus(&mut in_pointers), bus(&mut out_pointers));
    let changes = Changes::new(changes).to_com_ptr::<IParameterChanges>().expect("it is one");
    let mut time = context(0, true, 48_000.0);
    let mut data = empty();
    data.numSamples = n as i32;
    (data.numInputs, data.numOutputs) = (1, 1);
    (data.inputs, data.outputs) = (&mut in_bus, &mut out_bus);
    data.inputParameterChanges = changes.as_ptr();
    data.processContext = &mut time;
    assert_eq!(process(encore, &mut data), kResultOk);
    if layout == Memory::InPlace { ins } else { outs }
}

fn plain_block(encore: &Vst3Instance, n: usize) -> Vec<Vec<f32>> {
    block(encore, n, 2, Memory::Apart, &[])
}

fn assert_passed(out: &[Vec<f32>]) {
    for (c, channel) in out.iter().enumerate() {
        for (i, sample) in channel.iter().enumerate() {
            assert_eq!(*sample, input(c, i), "channel {c}, frame {i}");
        }
    }
}
