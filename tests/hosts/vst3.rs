//! A VST3 host on the COM bindings.

use std::{rc::Rc, sync::Arc};

use vst3::{
    ComPtr, ComWrapper, Interface,
    Steinberg::{Vst::*, *},
};

use super::{
    Format, Instance, ParamFacts, Play, Played,
    com::{Changes, HostObject, Log, Stream, from_utf16},
    use_repository_packs, vst3_path,
};

/// Tempo of every song here.
const BPM: f64 = 100.0;

/// The loaded binary. The factory goes before the library.
pub struct Vst3 {
    factory: Option<ComPtr<IPluginFactory>>,
    library: Option<Arc<libloading::Library>>,
}

impl Vst3 {
    pub fn load() -> Self {
        use_repository_packs();
        // SAFETY: it is our own library, and these are the functions' types.
        unsafe {
            let library = libloading::Library::new(vst3_path()).expect("the library");
            let enter: libloading::Symbol<unsafe extern "system" fn(*mut ()) -> bool> =
                library.get(b"ModuleEntry\0").expect("a way in");
            assert!(enter(std::ptr::dangling_mut()));
            let factory: libloading::Symbol<unsafe extern "system" fn() -> *mut IPluginFactory> =
                library.get(b"GetPluginFactory\0").expect("a factory");
            let factory = ComPtr::from_raw(factory());
            Self { factory, library: Some(Arc::new(library)) }
        }
    }

    pub fn factory(&self) -> &ComPtr<IPluginFactory> {
        self.factory.as_ref().expect("loaded")
    }

    pub fn instance(&self) -> Vst3Instance {
        // SAFETY: the structures are ours and the factory is live.
        unsafe { Vst3Instance::new(self.factory(), true) }
    }
}

impl Format for Vst3 {
    fn open(&self) -> Box<dyn Instance> {
        Box::new(self.instance())
    }
}

impl Drop for Vst3 {
    fn drop(&mut self) {
        self.factory = None;
        if let Some(library) = self.library.take() {
            // SAFETY: this is the function's type.
            let exit = unsafe {
                library
                    .get::<unsafe extern "system" fn() -> bool>(b"ModuleExit\0")
                    .map(|exit| exit())
            };
            assert!(exit.expect("a way out"));
        }
    }
}

pub struct Vst3Instance {
    pub component: ComPtr<IComponent>,
    pub processor: ComPtr<IAudioProcessor>,
    pub controller: ComPtr<IEditController>,
    pub log: Rc<Log>,
    pub host: ComWrapper<HostObject>,
    mode: i32,
}

impl Vst3Instance {
    /// # Safety
    /// The factory is live.
    pub unsafe fn new(factory: &ComPtr<IPluginFactory>, with_context: bool) -> Self {
        unsafe {
            let mut info: PClassInfo = std::mem::zeroed();
            assert_eq!(factory.getClassInfo(0, &mut info), kResultOk);
            let mut object = std::ptr::null_mut();
            let interface = IComponent::IID.as_ptr().cast();
            assert_eq!(
                factory.createInstance(info.cid.as_ptr(), interface, &mut object),
                kResultOk
            );
            let component = ComPtr::<IComponent>::from_raw(object.cast()).expect("a component");
            let log = Rc::new(Log::default());
            let host = ComWrapper::new(HostObject(Rc::clone(&log)));
            let context = host.to_com_ptr::<FUnknown>().expect("it is one");
            let context = if with_context { context.as_ptr() } else { std::ptr::null_mut() };
            assert_eq!(component.initialize(context), kResultOk);
            let controller = component.cast::<IEditController>().expect("one object");
            let handler = host.to_com_ptr::<IComponentHandler>().expect("it is one");
            controller.setComponentHandler(handler.as_ptr());
            let processor = component.cast().expect("one object");
            Self { component, processor, controller, log, host, mode: 0 }
        }
    }

    fn plain(&self, id: u32, normalised: f64) -> f64 {
        unsafe { self.controller.normalizedParamToPlain(id, normalised) }
    }

    fn normalised(&self, id: u32, plain: f64) -> f64 {
        unsafe { self.controller.plainParamToNormalized(id, plain) }
    }
}

impl Drop for Vst3Instance {
    fn drop(&mut self) {
        unsafe {
            self.controller.setComponentHandler(std::ptr::null_mut());
            self.component.terminate();
        }
    }
}

/// COM pointers that move to the audio thread, as hosts move them.
struct ToAudio<'a>(&'a Vst3Instance);

// SAFETY: only `process` is called there, and the main thread waits meanwhile.
unsafe impl Send for ToAudio<'_> {}

impl Instance for Vst3Instance {
    fn play(&mut self, play: &Play) -> Played {
        let longest = play.blocks.iter().copied().max().unwrap_or(1);
        let mut setup = ProcessSetup {
            processMode: self.mode,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as _,
            maxSamplesPerBlock: longest as i32,
            sampleRate: play.rate,
        };
        unsafe {
            assert_eq!(self.processor.setupProcessing(&mut setup), kResultOk);
            self.component.activateBus(0, 0, 0, 1);
            self.component.activateBus(0, 1, 0, 1);
            assert_eq!(self.component.setActive(1), kResultOk);
        }
        let audio = ToAudio(self);
        let played = std::thread::scope(|scope| {
            let audio = scope.spawn(move || {
                let audio = audio;
                unsafe { run(audio.0, play) }
            });
            audio.join().expect("no panic on the audio thread")
        });
        unsafe { assert_eq!(self.component.setActive(0), kResultOk) };
        played
    }

    fn set_offline(&mut self, is_offline: bool) {
        self.mode =
            if is_offline { ProcessModes_::kOffline } else { ProcessModes_::kRealtime } as i32;
    }

    fn params(&mut self) -> Vec<ParamFacts> {
        let facts = |i| {
            let mut info: ParameterInfo = unsafe { std::mem::zeroed() };
            assert_eq!(unsafe { self.controller.getParameterInfo(i, &mut info) }, kResultOk);
            ParamFacts {
                id: info.id,
                name: from_utf16(&info.title),
                min: self.plain(info.id, 0.0),
                max: self.plain(info.id, 1.0),
                default: self.plain(info.id, info.defaultNormalizedValue),
                is_bypass: info.flags & ParameterInfo_::ParameterFlags_::kIsBypass as i32 != 0,
            }
        };
        (0..unsafe { self.controller.getParameterCount() }).map(facts).collect()
    }

    fn value(&mut self, id: u32) -> f64 {
        self.plain(id, unsafe { self.controller.getParamNormalized(id) })
    }

    fn text(&mut self, id: u32, value: f64) -> Option<String> {
        let mut text: String128 = [0; 128];
        let value = self.normalised(id, value);
        let result = unsafe { self.controller.getParamStringByValue(id, value, &mut text) };
        (result == kResultOk).then(|| from_utf16(&text))
    }

    fn parse(&mut self, id: u32, text: &str) -> Option<f64> {
        let mut units: Vec<TChar> = text.encode_utf16().chain([0]).collect();
        let mut value = f64::NAN;
        let result =
            unsafe { self.controller.getParamValueByString(id, units.as_mut_ptr(), &mut value) };
        (result == kResultOk).then(|| self.plain(id, value))
    }

    fn save(&mut self, n_piece: usize) -> Vec<u8> {
        let stream = Stream::new(&[], n_piece);
        let com = stream.to_com_ptr::<IBStream>().expect("it is one");
        assert_eq!(unsafe { self.component.getState(com.as_ptr()) }, kResultOk);
        stream.bytes.borrow().clone()
    }

    fn load(&mut self, state: &[u8], n_piece: usize) -> bool {
        let stream = Stream::new(state, n_piece).to_com_ptr::<IBStream>().expect("it is one");
        unsafe { self.component.setState(stream.as_ptr()) == kResultOk }
    }

    fn main_thread(&mut self) {
        self.log.run_timers();
    }

    fn n_rescans(&mut self) -> usize {
        self.log.n_restarts.get()
    }
}

/// # Safety
/// Every pointer is ours.
unsafe fn run(instance: &Vst3Instance, play: &Play) -> Played {
    let longest = play.blocks.iter().copied().max().unwrap_or(1);
    let mut played = Played::default();
    let mut inputs = vec![vec![0f32; longest]; 2];
    let mut outputs = vec![vec![9f32; longest]; 2];
    let mut lengths = play.blocks.iter().cycle();
    let mut done = 0;
    unsafe { instance.processor.setProcessing(1) };
    let begun = std::time::Instant::now();
    while done < play.n_frames {
        play.pace(begun, done);
        let n = (play.n_frames - done).min(*lengths.next().expect("a cycle never ends"));
        play.fill(&mut inputs, done, n);
        let mut changes: Vec<(u32, Vec<(i32, f64)>)> = vec![];
        for (at, id, value) in play.events.iter().filter(|(at, ..)| (done..done + n).contains(at)) {
            let point = ((at - done) as i32, instance.normalised(*id, *value));
            match changes.iter_mut().find(|(known, _)| known == id) {
                Some((_, points)) => points.push(point),
                None => changes.push((*id, vec![point])),
            }
        }
        let changes = Changes::new(&changes).to_com_ptr::<IParameterChanges>().expect("it is one");
        let told = Changes::for_output(&[1, 2]);
        let told_com = told.to_com_ptr::<IParameterChanges>().expect("it is one");
        let mut context = play.song.at(done).map(|(frame, rolls)| context(frame, rolls, play.rate));
        let mut ins: Vec<*mut f32> = inputs.iter_mut().map(|c| c.as_mut_ptr()).collect();
        let mut outs: Vec<*mut f32> = outputs.iter_mut().map(|c| c.as_mut_ptr()).collect();
        let (mut input, mut output) = (bus(&mut ins), bus(&mut outs));
        let mut data = ProcessData {
            processMode: instance.mode,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as _,
            numSamples: n as i32,
            numInputs: 1,
            numOutputs: 1,
            inputs: &mut input,
            outputs: &mut output,
            inputParameterChanges: changes.as_ptr(),
            outputParameterChanges: told_com.as_ptr(),
            inputEvents: std::ptr::null_mut(),
            outputEvents: std::ptr::null_mut(),
            processContext: context.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut),
        };
        assert_eq!(unsafe { instance.processor.process(&mut data) }, kResultOk);
        played.left.extend_from_slice(&outputs[0][..n]);
        played.right.extend_from_slice(&outputs[1][..n]);
        for (queue, _) in &told.queues {
            for (at, value) in queue.points.borrow().iter() {
                played.told.push((done + *at as usize, queue.id, instance.plain(queue.id, *value)));
            }
        }
        done += n;
        played.blocks.push((done, std::time::Instant::now()));
    }
    unsafe { instance.processor.setProcessing(0) };
    played
}

/// A bus of all the channels.
pub fn bus(channels: &mut [*mut f32]) -> AudioBusBuffers {
    AudioBusBuffers {
        numChannels: channels.len() as i32,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 { channelBuffers32: channels.as_mut_ptr() },
    }
}

/// A transport at song position `frame`.
pub fn context(frame: i64, rolls: bool, rate: f64) -> ProcessContext {
    use ProcessContext_::StatesAndFlags_::*;
    // SAFETY: all zeros is a context that knows nothing.
    let mut context: ProcessContext = unsafe { std::mem::zeroed() };
    let known = kTempoValid | kTimeSigValid | kProjectTimeMusicValid;
    context.state = if rolls { known | kPlaying } else { known } as u32;
    context.sampleRate = rate;
    context.projectTimeSamples = frame;
    context.tempo = BPM;
    context.projectTimeMusic = frame as f64 / rate * BPM / 60.0;
    context.timeSigNumerator = 4;
    context.timeSigDenominator = 4;
    context
}
