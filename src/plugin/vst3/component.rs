//! IComponent: busses, activation and state.

use ::vst3::{
    ComRef,
    Steinberg::{
        FUnknown, IBStream, IPluginBaseTrait, TBool, TUID,
        Vst::{
            BusDirection, BusDirections_::*, BusInfo, BusInfo_, BusType, BusTypes_,
            IComponentTrait, IoMode, MediaType, MediaTypes_::*, RoutingInfo,
        },
        int32, kInternalError, kInvalidArgument, kNotImplemented, kResultFalse, kResultOk, tresult,
    },
};
use std::sync::atomic::Ordering::Relaxed;

use super::{Encore, instance::Instance, ok_if, stream, strings::put_utf16};
use crate::plugin::guard::guard;

/// Time between two looks at what the host should be told, in milliseconds.
#[cfg(target_os = "linux")]
const TELL_INTERVAL_MS: u64 = 50;

impl Default for Encore {
    fn default() -> Self {
        Self(Instance::new())
    }
}

impl Drop for Encore {
    fn drop(&mut self) {
        guard((), || self.0.close());
    }
}

impl IPluginBaseTrait for Encore {
    unsafe fn initialize(&self, context: *mut FUnknown) -> tresult {
        guard(kInternalError, || {
            self.0.remember_main_thread();
            // SAFETY: the context is null or a live object.
            let context = unsafe { ComRef::from_raw(context) };
            #[cfg(target_os = "linux")]
            if let Some(run_loop) = context.and_then(|c| c.cast()) {
                // some hosts offer it here: then they can be told with the editor closed
                let instance = std::sync::Arc::downgrade(&self.0);
                let timer =
                    super::run_loop::LoopTimer::start(run_loop, TELL_INTERVAL_MS, move || {
                        if let Some(instance) = instance.upgrade() {
                            instance.tell();
                        }
                    });
                let old = std::mem::replace(&mut *self.0.timer.lock(), timer);
                drop(old);
            }
            let _ = context;
            kResultOk
        })
    }

    unsafe fn terminate(&self) -> tresult {
        guard(kInternalError, || {
            self.0.close();
            kResultOk
        })
    }
}

/// A bus of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    Input,
    Sidechain,
    Output,
}

impl Bus {
    /// The one that the host means, if there is such a bus.
    pub fn of(media: MediaType, direction: BusDirection, index: int32) -> Option<Self> {
        let is_input = direction == kInput as BusDirection;
        let is_output = direction == kOutput as BusDirection;
        match index {
            _ if media != kAudio as MediaType => None,
            0 if is_input => Some(Bus::Input),
            1 if is_input => Some(Bus::Sidechain),
            0 if is_output => Some(Bus::Output),
            _ => None,
        }
    }
}

impl IComponentTrait for Encore {
    /// There is no separate controller.
    unsafe fn getControllerClassId(&self, _id: *mut TUID) -> tresult {
        kNotImplemented
    }

    unsafe fn setIoMode(&self, _mode: IoMode) -> tresult {
        kResultOk
    }

    unsafe fn getBusCount(&self, media: MediaType, direction: BusDirection) -> int32 {
        (0..2).filter(|index| Bus::of(media, direction, *index).is_some()).count() as int32
    }

    unsafe fn getBusInfo(
        &self,
        media: MediaType,
        direction: BusDirection,
        index: int32,
        info: *mut BusInfo,
    ) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let info = unsafe { info.as_mut() };
            let (Some(info), Some(bus)) = (info, Bus::of(media, direction, index)) else {
                return kInvalidArgument;
            };
            let is_main = bus != Bus::Sidechain;
            let name = match bus {
                Bus::Input => "Input",
                Bus::Sidechain => "Sidechain",
                Bus::Output => "Output",
            };
            info.mediaType = media;
            info.direction = direction;
            info.channelCount = self.0.arrangement_of(bus).count_ones() as int32;
            put_utf16(name, &mut info.name);
            info.busType = if is_main { BusTypes_::kMain } else { BusTypes_::kAux } as BusType;
            info.flags = if is_main { BusInfo_::BusFlags_::kDefaultActive as _ } else { 0 };
            kResultOk
        })
    }

    unsafe fn getRoutingInfo(&self, _from: *mut RoutingInfo, _to: *mut RoutingInfo) -> tresult {
        kNotImplemented
    }

    /// A main bus that is off arrives without buffers, which is silence.
    unsafe fn activateBus(
        &self,
        media: MediaType,
        direction: BusDirection,
        index: int32,
        is_on: TBool,
    ) -> tresult {
        let bus = Bus::of(media, direction, index);
        if bus == Some(Bus::Sidechain) {
            self.0.has_side.store(is_on != 0, Relaxed);
        }
        ok_if(bus.is_some())
    }

    unsafe fn setActive(&self, is_active: TBool) -> tresult {
        guard(kInternalError, || {
            let setup = *self.0.setup.lock();
            if is_active != 0 {
                self.0.processor.lock().prepare(setup.rate, setup.max_block);
            } else {
                self.0.is_processing.store(false, Relaxed);
            }
            self.0.is_active.store(is_active != 0, Relaxed);
            self.0.tell_if_main_thread();
            kResultOk
        })
    }

    unsafe fn setState(&self, state: *mut IBStream) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the stream is null or live.
            let Some(bytes) = (unsafe { stream::read_all(state) }) else { return kResultFalse };
            let loaded = self.0.core.load(&bytes);
            self.0.tell_if_main_thread();
            if loaded.is_ok() { kResultOk } else { kResultFalse }
        })
    }

    unsafe fn getState(&self, state: *mut IBStream) -> tresult {
        // SAFETY: the stream is null or live.
        guard(kInternalError, || unsafe { stream::write_all(state, &self.0.core.save()) })
    }
}
