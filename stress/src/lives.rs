//! The host's main thread: instances come, go, rest, are saved and loaded, while others play.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, Release},
    },
    time::Duration,
};

use clack_extensions::{
    params::PluginParams,
    render::{PluginRender, RenderMode},
    state::PluginState,
};
use clack_host::{events::event_types::ParamValueEvent, prelude::*};

use crate::{
    dice::Dice,
    host::{self, Encore, Handlers, HostError, Param},
    stage::Stage,
    tally::Tally,
    voice::{Between, Voice},
};

/// Most instances at a time.
const MAX_LIVES: usize = 6;

/// Saved states that are kept to be loaded again.
const MAX_STATES: usize = 8;

/// Between two acts.
const NAP: Duration = Duration::from_millis(2);

/// One instance as the main thread sees it.
struct Life {
    id: u64,
    instance: PluginInstance<Handlers>,
    between: Arc<Between>,
    /// Its audio thread, while it is active.
    stage: Option<usize>,
    /// Sample rate in Hz and longest block of the last activation.
    config: (f64, usize),
}

/// All instances, and what makes more.
pub struct Lives<'a> {
    encore: &'a Encore,
    stages: &'a [Stage],
    tally: &'a Tally,
    dice: Dice,
    seed: u64,
    params: Arc<[Param]>,
    lives: Vec<Life>,
    n_born: u64,
    states: Vec<Vec<u8>>,
}

impl<'a> Lives<'a> {
    pub fn new(encore: &'a Encore, stages: &'a [Stage], tally: &'a Tally, seed: u64) -> Self {
        Self {
            encore,
            stages,
            tally,
            dice: Dice::new(seed, 0),
            seed,
            params: Arc::new([]),
            lives: Vec::new(),
            n_born: 0,
            states: Vec::with_capacity(MAX_STATES),
        }
    }

    /// Acts until so many mutations were made; `look` is called between acts.
    ///
    /// # Errors
    /// When the plugin cannot be instantiated.
    pub fn go_on(&mut self, until: u64, mut look: impl FnMut()) -> Result<(), HostError> {
        while self.tally.n_mutations() < until {
            self.act()?;
            look();
            std::thread::sleep(NAP);
        }
        Ok(())
    }

    /// Ends all instances, in any order.
    pub fn end(&mut self) {
        while !self.lives.is_empty() {
            let at = self.dice.below(self.lives.len());
            self.kill(at);
        }
    }

    fn act(&mut self) -> Result<(), HostError> {
        if self.lives.len() < 2 || (self.lives.len() < MAX_LIVES && self.dice.chance(0.005)) {
            return self.give_birth();
        }
        let at = self.dice.below(self.lives.len());
        host::main_thread(&mut self.lives[at].instance);
        match self.dice.below(1000) {
            0 if self.dice.chance(0.3) => self.kill(at),
            1 if self.dice.chance(0.3) => self.restart(at),
            2..6 => self.load(at),
            6..60 => self.save(at),
            60 => self.render(at, RenderMode::Offline),
            61..200 => self.render(at, RenderMode::Realtime),
            200..500 => self.ask(at),
            500..600 => self.flush(at),
            _ => {}
        }
        Ok(())
    }

    fn give_birth(&mut self) -> Result<(), HostError> {
        let mut instance = self.encore.instance()?;
        if self.params.is_empty() {
            self.params = host::params(&mut instance).into();
        }
        self.n_born += 1;
        let between = Arc::default();
        let config = (self.dice.rate(), self.n_max());
        self.lives.push(Life { id: self.n_born, instance, between, stage: None, config });
        self.tally.mutated(1);
        self.activate(self.lives.len() - 1);
        Ok(())
    }

    /// Longest block, in frames.
    fn n_max(&mut self) -> usize {
        match self.dice.below(100) {
            0 => 100_000,
            1..10 => self.dice.of_any_size(1.0, 64.0) as usize,
            10..14 => self.dice.of_any_size(1024.0, 8192.0) as usize,
            _ => self.dice.of_any_size(64.0, 1024.0) as usize,
        }
    }

    fn activate(&mut self, at: usize) {
        let life = &mut self.lives[at];
        let (rate, n_max) = life.config;
        let config = PluginAudioConfiguration {
            sample_rate: rate,
            min_frames_count: 1,
            max_frames_count: n_max as u32,
        };
        let Ok(processor) = life.instance.activate(|_, _| (), config) else {
            self.tally.crashed();
            return;
        };
        let stage = self.dice.below(self.stages.len());
        life.stage = Some(stage);
        let dice = Dice::new(self.seed, self.dice.bits());
        let (between, params) = (Arc::clone(&life.between), Arc::clone(&self.params));
        let voice = Voice::new(life.id, processor.into(), between, params, life.config, dice);
        self.stages[stage].play(voice);
        self.tally.mutated(1);
    }

    fn deactivate(&mut self, at: usize) {
        let life = &mut self.lives[at];
        let Some(stage) = life.stage.take() else { return };
        match self.stages[stage].give_back(life.id) {
            Some(voice) => life.instance.deactivate(voice.processor.into_stopped()),
            None => self.tally.crashed(),
        }
        self.tally.mutated(1);
    }

    fn kill(&mut self, at: usize) {
        self.deactivate(at);
        drop(self.lives.swap_remove(at));
        self.tally.mutated(1);
    }

    /// As hosts do when the user changes the audio device.
    fn restart(&mut self, at: usize) {
        self.deactivate(at);
        if self.dice.chance(0.5) {
            self.lives[at].config = (self.dice.rate(), self.n_max());
        }
        (0..self.dice.below(4)).for_each(|_| self.flush(at));
        self.load(at);
        self.activate(at);
    }

    fn save(&mut self, at: usize) {
        let instance = &mut self.lives[at].instance;
        let state: Option<PluginState> = instance.plugin_handle().get_extension();
        let mut saved = Vec::new();
        let done = state.map(|state| state.save(&instance.plugin_handle(), &mut saved));
        if !matches!(done, Some(Ok(()))) || saved.is_empty() {
            self.tally.crashed();
            return;
        }
        match self.states.len() < MAX_STATES {
            true => self.states.push(saved),
            false => {
                let at = self.dice.below(MAX_STATES);
                self.states[at] = saved;
            }
        }
        self.tally.mutated(1);
    }

    fn load(&mut self, at: usize) {
        if self.states.is_empty() {
            return;
        }
        let kept = &self.states[self.dice.below(self.states.len())];
        let is_whole = self.dice.chance(0.4);
        let bytes = if is_whole { kept.clone() } else { self.dice.damaged(kept) };
        let life = &mut self.lives[at];
        let state: Option<PluginState> = life.instance.plugin_handle().get_extension();
        life.between.epoch.fetch_add(1, Release);
        let mut input = &bytes[..];
        let done = state.map(|state| state.load(&life.instance.plugin_handle(), &mut input));
        life.between.epoch.fetch_add(1, Release);
        if is_whole && !matches!(done, Some(Ok(()))) {
            self.tally.crashed();
        }
        self.tally.mutated(1);
    }

    fn render(&mut self, at: usize, mode: RenderMode) {
        let life = &mut self.lives[at];
        let is_offline = mode == RenderMode::Offline;
        if life.between.is_offline.load(Relaxed) == is_offline {
            return;
        }
        let render: Option<PluginRender> = life.instance.plugin_handle().get_extension();
        if is_offline {
            life.between.is_offline.store(true, Relaxed); // before: its blocks are not timed
        }
        if let Some(render) = render {
            let _ = render.set(&life.instance.plugin_handle(), mode);
        }
        life.between.is_offline.store(is_offline, Relaxed);
        self.tally.mutated(1);
    }

    /// Values and their texts, as for a generic editor.
    fn ask(&mut self, at: usize) {
        let param = &self.params[self.dice.below(self.params.len())];
        let handle = self.lives[at].instance.plugin_handle();
        let Some(params) = handle.get_extension::<PluginParams>() else { return };
        let value = params.get_value(&handle, param.id).unwrap_or_default();
        let in_range = (param.min..=param.max).contains(&value);
        if !in_range {
            self.tally.crashed(); // automation would break
        }
        let mut text = [0; 256];
        let _ = params.value_to_text(&handle, param.id, self.dice.value(param), &mut text);
    }

    /// Values for an instance that rests.
    fn flush(&mut self, at: usize) {
        let param = &self.params[self.dice.below(self.params.len())];
        let event = ParamValueEvent::new(0, param.id, Pckn::match_all(), self.dice.value(param));
        let instance = &mut self.lives[at].instance;
        let params: Option<PluginParams> = instance.plugin_handle().get_extension();
        let (Some(params), Some(mut resting)) = (params, instance.inactive_plugin_handle()) else {
            return;
        };
        let mut told = EventBuffer::new();
        let input = [event];
        let input = InputEvents::from_buffer(&input);
        params.flush(&mut resting, &input, &mut OutputEvents::from_buffer(&mut told));
        self.tally.mutated(1);
    }
}
