//! CLAP's audio thread.

use clack_extensions::{
    params::PluginAudioProcessorParams,
    tail::{PluginTailImpl, TailLength},
};
use clack_plugin::prelude::*;

use super::{Encore, Main, Shared, events};
use crate::plugin::Processor;

/// The processor while the plugin is active.
pub struct ClapProcessor<'a> {
    shared: &'a Shared<'a>,
    processor: Processor,
}

impl<'a> PluginAudioProcessor<'a, Shared<'a>, Main<'a>> for ClapProcessor<'a> {
    fn activate(
        _host: HostAudioProcessorHandle<'a>,
        _main: &Main<'a>,
        shared: &'a Shared<'a>,
        config: PluginAudioConfiguration,
    ) -> Result<Self, PluginError> {
        let parked = shared.parked.lock().take();
        let mut processor = parked.unwrap_or_else(|| Processor::new(shared.core.clone()));
        processor.prepare(config.sample_rate, config.max_frames_count as usize);
        Ok(Self { shared, processor })
    }

    fn deactivate(self, _main: &Main<'a>) {
        *self.shared.parked.lock() = Some(self.processor);
    }

    fn process(
        &mut self,
        process: Process,
        mut audio: Audio,
        events: Events,
    ) -> Result<ProcessStatus, PluginError> {
        let processor = &mut self.processor;
        processor.begin();
        events::push_values(processor, events.input);
        let transport = events::transport(process.transport, processor.rate());

        let n_frames = audio.frames_count() as usize;
        let mut offset = 0;
        while offset < n_frames {
            let n = processor.piece_frames().min(n_frames - offset);
            read(&mut audio, offset, n, processor)?;
            processor.has_side = read_side(&mut audio, offset, n, &mut processor.side)?;
            processor.run(offset, n, &transport.advanced(offset, processor.rate()));
            write(&mut audio, offset, n, processor)?;
            offset += n;
        }
        processor.finish();
        give_news(self.shared, processor, events.output);
        Ok(ProcessStatus::Continue)
    }

    fn reset(&mut self) {
        self.processor.reset();
    }
}

impl PluginAudioProcessorParams for ClapProcessor<'_> {
    fn flush(&mut self, input: &InputEvents, output: &mut OutputEvents) {
        self.processor.begin();
        events::push_values(&mut self.processor, input);
        self.processor.finish();
        give_news(self.shared, &self.processor, output);
    }
}

impl PluginTailImpl for ClapProcessor<'_> {
    /// A take may sound at any time, whatever the input does.
    fn get(&self) -> TailLength {
        TailLength::Infinite
    }
}

impl Encore {
    /// A flush on the main thread: there is a parked processor, or there never was one.
    pub(super) fn flush_inactive(shared: &Shared, input: &InputEvents, output: &mut OutputEvents) {
        let parked = shared.parked.lock().take();
        match parked {
            Some(mut processor) => {
                processor.begin();
                events::push_values(&mut processor, input);
                processor.finish();
                give_news(shared, &processor, output);
                *shared.parked.lock() = Some(processor);
            }
            None => {
                events::set_values(&shared.core, input);
                events::give_gestures(&shared.core, output);
            }
        }
    }
}

/// Gestures come first: they happened before this block.
fn give_news(shared: &Shared, processor: &Processor, output: &mut OutputEvents) {
    events::give_gestures(&shared.core, output);
    events::give_falls(processor, output);
}

/// Copies frames `offset..offset + n` in; what the host leaves out is silence.
fn read(audio: &mut Audio, offset: usize, n: usize, to: &mut Processor) -> Result<(), PluginError> {
    to.main.iter_mut().for_each(|channel| channel[..n].fill(0.0));
    let Some(mut port) = audio.port_pair(0) else { return Ok(()) };
    let Some(channels) = port.channels()?.into_f32() else { return Ok(()) };
    for (channel, to) in channels.into_iter().zip(&mut to.main) {
        match channel {
            ChannelPair::InputOutput(input, _) | ChannelPair::InputOnly(input) => {
                to[..n].copy_from_slice(&input[offset..offset + n]);
            }
            ChannelPair::InPlace(both) => to[..n].copy_from_slice(&both[offset..offset + n]),
            ChannelPair::OutputOnly(_) => {}
        }
    }
    Ok(())
}

/// Copies the same frames of the sidechain in; false if there is none. A mono one is on both channels.
fn read_side(
    audio: &mut Audio,
    offset: usize,
    n: usize,
    to: &mut [Vec<f32>; 2],
) -> Result<bool, PluginError> {
    let Some(port) = audio.input_port(1) else { return Ok(false) };
    let Some(channels) = port.channels()?.into_f32() else { return Ok(false) };
    let Some(left) = channels.channel(0) else { return Ok(false) };
    let right = channels.channel(1).unwrap_or(left);
    for (from, to) in [left, right].into_iter().zip(to) {
        to[..n].copy_from_slice(&from[offset..offset + n]);
    }
    Ok(true)
}

/// Copies the processed frames out.
fn write(audio: &mut Audio, offset: usize, n: usize, from: &Processor) -> Result<(), PluginError> {
    let Some(mut port) = audio.port_pair(0) else { return Ok(()) };
    let Some(channels) = port.channels()?.into_f32() else { return Ok(()) };
    for (channel, from) in channels.into_iter().zip(&from.main) {
        match channel {
            ChannelPair::InputOutput(_, out)
            | ChannelPair::OutputOnly(out)
            | ChannelPair::InPlace(out) => out[offset..offset + n].copy_from_slice(&from[..n]),
            ChannelPair::InputOnly(_) => {}
        }
    }
    Ok(())
}
