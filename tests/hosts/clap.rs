//! A CLAP host on clack.

use std::{
    cell::Cell,
    io::{Read, Write},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread::ThreadId,
};

use clack_extensions::{gui::*, log::*, params::*, render::*, state::*, thread_check::*};
use clack_host::{
    events::{EventFlags, event_types::*, spaces::CoreEventSpace},
    prelude::*,
    utils::*,
};

use super::{Format, Instance, ParamFacts, Play, Played, clap_path, use_repository_packs};

/// Tempo of every song here.
pub const BPM: f64 = 100.0;

/// What the plugin may call from any thread.
pub struct Shared {
    main_thread: ThreadId,
    pub n_callbacks: AtomicUsize,
    pub n_flushes: AtomicUsize,
}

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {
        self.n_callbacks.fetch_add(1, SeqCst);
    }
}

impl HostLogImpl for Shared {
    fn log(&self, severity: LogSeverity, message: &str) {
        println!("[plugin {severity}] {message}");
    }
}

impl HostParamsImplShared for Shared {
    fn request_flush(&self) {
        self.n_flushes.fetch_add(1, SeqCst);
    }
}

impl HostGuiImpl for Shared {
    fn resize_hints_changed(&self) {}
    fn request_resize(&self, _size: GuiSize) -> Result<(), HostError> {
        Ok(())
    }
    fn request_show(&self) -> Result<(), HostError> {
        Ok(())
    }
    fn request_hide(&self) -> Result<(), HostError> {
        Ok(())
    }
    fn closed(&self, _was_destroyed: bool) {}
}

impl HostThreadCheckImpl for Shared {
    fn is_main_thread(&self) -> bool {
        std::thread::current().id() == self.main_thread
    }
    fn is_audio_thread(&self) -> bool {
        std::thread::current().name() == Some("audio")
    }
}

/// What the plugin may call from the main thread.
#[derive(Default)]
pub struct Main {
    pub n_rescans: Cell<usize>,
    pub n_dirty: Cell<usize>,
}

impl MainThreadHandler<'_> for Main {}

impl HostParamsImplMainThread for Main {
    fn rescan(&self, _flags: ParamRescanFlags) {
        self.n_rescans.set(self.n_rescans.get() + 1);
    }
    fn clear(&self, _id: ClapId, _flags: ParamClearFlags) {}
}

impl HostStateImpl for Main {
    fn mark_dirty(&self) {
        self.n_dirty.set(self.n_dirty.get() + 1);
    }
}

pub struct Handlers;

impl HostHandlers for Handlers {
    type Shared<'a> = Shared;
    type MainThread<'a> = Main;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Shared) {
        builder
            .register::<HostLog>()
            .register::<HostParams>()
            .register::<HostState>()
            .register::<HostGui>()
            .register::<HostThreadCheck>();
    }
}

type Linked = clack_plugin::entry::SinglePluginEntry<encore::plugin::clap::Encore>;

/// The loaded binary.
pub struct Clap(pub PluginEntry);

impl Clap {
    pub fn load() -> Self {
        use_repository_packs();
        // SAFETY: it is our own library.
        Self(unsafe { PluginEntry::load(clap_path()) }.expect("the CLAP entry"))
    }

    /// The same plugin as part of this program, so that the program's allocator serves it.
    pub fn linked() -> Self {
        use_repository_packs();
        let path = std::ffi::CString::new(env!("CARGO_MANIFEST_DIR")).expect("no zeros in it");
        Self(PluginEntry::load_from_clack::<Linked>(&path).expect("the CLAP entry"))
    }

    pub fn instance(&self) -> ClapInstance {
        let info = HostInfo::new("Encore's tests", "Encore", "", "1").expect("no zeros in it");
        let shared = |_: &()| Shared {
            main_thread: std::thread::current().id(),
            n_callbacks: 0.into(),
            n_flushes: 0.into(),
        };
        let id = c"dev.encore.encore";
        let plugin = PluginInstance::<Handlers>::new(
            |_| shared(&()),
            |_| Main::default(),
            &self.0,
            id,
            &info,
        );
        ClapInstance { plugin: plugin.expect("an instance") }
    }
}

impl Format for Clap {
    fn open(&self) -> Box<dyn Instance> {
        Box::new(self.instance())
    }
}

pub struct ClapInstance {
    pub plugin: PluginInstance<Handlers>,
}

impl ClapInstance {
    fn extension_params(&mut self) -> PluginParams {
        self.plugin.plugin_handle().get_extension().expect("parameters")
    }

    fn extension_state(&mut self) -> PluginState {
        self.plugin.plugin_handle().get_extension().expect("state")
    }
}

impl Instance for ClapInstance {
    fn play(&mut self, play: &Play) -> Played {
        let longest = play.blocks.iter().copied().max().unwrap_or(1);
        let config = PluginAudioConfiguration {
            sample_rate: play.rate,
            min_frames_count: 1,
            max_frames_count: longest as u32,
        };
        let stopped = self.plugin.activate(|_, _| (), config).expect("activation");
        let (stopped, played) = std::thread::scope(|scope| {
            let audio = std::thread::Builder::new().name("audio".into());
            let audio = audio.spawn_scoped(scope, || {
                let mut started = stopped.start_processing().expect("processing starts");
                let played = run(&mut started, play, longest);
                (started.stop_processing(), played)
            });
            audio.expect("an audio thread").join().expect("no panic on the audio thread")
        });
        self.plugin.deactivate(stopped);
        played
    }

    fn set_offline(&mut self, is_offline: bool) {
        let mode = if is_offline { RenderMode::Offline } else { RenderMode::Realtime };
        let render: PluginRender = self.plugin.plugin_handle().get_extension().expect("render");
        render.set(&self.plugin.plugin_handle(), mode).expect("both modes are supported");
    }

    fn params(&mut self) -> Vec<ParamFacts> {
        let params = self.extension_params();
        let handle = self.plugin.plugin_handle();
        let facts = |i| {
            let mut buffer = ParamInfoBuffer::new();
            let info = params.get_info(&handle, i, &mut buffer).expect("every index has a row");
            ParamFacts {
                id: info.id.get(),
                name: String::from_utf8_lossy(info.name).into_owned(),
                min: info.min_value,
                max: info.max_value,
                default: info.default_value,
                is_bypass: info.flags.contains(ParamInfoFlags::IS_BYPASS),
            }
        };
        (0..params.count(&handle)).map(facts).collect()
    }

    fn value(&mut self, id: u32) -> f64 {
        let params = self.extension_params();
        params.get_value(&self.plugin.plugin_handle(), ClapId::new(id)).expect("a known id")
    }

    fn text(&mut self, id: u32, value: f64) -> Option<String> {
        let params = self.extension_params();
        let mut buffer = [0; 256];
        let handle = self.plugin.plugin_handle();
        let text = params.value_to_text(&handle, ClapId::new(id), value, &mut buffer).ok()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn parse(&mut self, id: u32, text: &str) -> Option<f64> {
        let params = self.extension_params();
        let text = std::ffi::CString::new(text).expect("no zeros in it");
        params.text_to_value(&self.plugin.plugin_handle(), ClapId::new(id), &text)
    }

    fn save(&mut self, n_piece: usize) -> Vec<u8> {
        let state = self.extension_state();
        let mut out = Pieces { bytes: vec![], at: 0, n_piece };
        state.save(&self.plugin.plugin_handle(), &mut out).expect("saving works");
        out.bytes
    }

    fn load(&mut self, bytes: &[u8], n_piece: usize) -> bool {
        let state = self.extension_state();
        let mut input = Pieces { bytes: bytes.to_vec(), at: 0, n_piece };
        state.load(&self.plugin.plugin_handle(), &mut input).is_ok()
    }

    fn main_thread(&mut self) {
        if self.plugin.access_shared_handler(|shared| shared.n_callbacks.swap(0, SeqCst)) > 0 {
            self.plugin.call_on_main_thread_callback();
        }
    }

    fn n_rescans(&mut self) -> usize {
        self.plugin.access_handler(|main| main.n_rescans.get())
    }
}

/// A stream that moves a few bytes at a time.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    n_piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = out.len().min(self.n_piece).min(self.bytes.len() - self.at);
        out[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = bytes.len().min(self.n_piece);
        self.bytes.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn run(started: &mut StartedPluginAudioProcessor<Handlers>, play: &Play, longest: usize) -> Played {
    let mut played = Played::default();
    let mut inputs = vec![vec![0f32; longest]; 2];
    let mut outputs = vec![vec![9f32; longest]; 2];
    let (mut in_ports, mut out_ports) =
        (AudioPorts::with_capacity(2, 1), AudioPorts::with_capacity(2, 1));
    let mut lengths = play.blocks.iter().cycle();
    let mut done = 0;
    let begun = std::time::Instant::now();
    while done < play.n_frames {
        play.pace(begun, done);
        let n = (play.n_frames - done).min(*lengths.next().expect("a cycle never ends"));
        play.fill(&mut inputs, done, n);
        let due = play.events.iter().filter(|(at, ..)| (done..done + n).contains(at));
        let events: Vec<_> = due
            .map(|(at, id, value)| {
                let at = (at - done) as u32;
                ParamValueEvent::new(at, ClapId::new(*id), Pckn::match_all(), *value)
            })
            .collect();
        let input = in_ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(
                inputs.iter_mut().map(|channel| InputChannel::variable(&mut channel[..n])),
            ),
        }]);
        let mut output = out_ports.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(
                outputs.iter_mut().map(|channel| &mut channel[..n]),
            ),
        }]);
        let transport = play.song.at(done).map(|(frame, rolls)| transport(frame, rolls, play.rate));
        let mut told = EventBuffer::new();
        started
            .process(
                &input,
                &mut output,
                &InputEvents::from_buffer(&events),
                &mut OutputEvents::from_buffer(&mut told),
                Some(done as u64),
                transport.as_ref(),
            )
            .expect("processing works");
        played.left.extend_from_slice(&outputs[0][..n]);
        played.right.extend_from_slice(&outputs[1][..n]);
        for event in told.iter() {
            if let Some(CoreEventSpace::ParamValue(event)) = event.as_core_event() {
                let id = event.param_id().expect("an id").get();
                played.told.push((done + event.time() as usize, id, event.value()));
            }
        }
        done += n;
        played.blocks.push((done, std::time::Instant::now()));
    }
    played
}

pub fn transport(frame: i64, rolls: bool, rate: f64) -> TransportEvent {
    let seconds = frame as f64 / rate;
    let beats = seconds * BPM / 60.0;
    let known = TransportFlags::HAS_TEMPO
        | TransportFlags::HAS_BEATS_TIMELINE
        | TransportFlags::HAS_SECONDS_TIMELINE
        | TransportFlags::HAS_TIME_SIGNATURE;
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: if rolls { known | TransportFlags::IS_PLAYING } else { known },
        song_pos_beats: BeatTime::from_float(beats),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo: BPM,
        tempo_inc: 0.0,
        loop_start_beats: BeatTime::from_float(0.0),
        loop_end_beats: BeatTime::from_float(0.0),
        loop_start_seconds: SecondsTime::from_float(0.0),
        loop_end_seconds: SecondsTime::from_float(0.0),
        bar_start: BeatTime::from_float((beats / 4.0).floor() * 4.0),
        bar_number: (beats / 4.0).floor() as i32,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}
