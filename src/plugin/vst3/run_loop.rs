//! Linux: the host's run loop is the only way to its main thread, so a timer looks for what to tell.

use ::vst3::{
    Class, ComPtr, ComWrapper,
    Steinberg::{
        Linux::{IRunLoop, IRunLoopTrait, ITimerHandler, ITimerHandlerTrait},
        kResultOk,
    },
};

use crate::plugin::guard::guard;

/// A timer on the host's main thread that runs until it is dropped.
pub struct LoopTimer {
    run_loop: ComPtr<IRunLoop>,
    handler: ComPtr<ITimerHandler>,
}

struct Tick<F>(F);

impl<F: Fn() + 'static> Class for Tick<F> {
    type Interfaces = (ITimerHandler,);
}

impl<F: Fn()> ITimerHandlerTrait for Tick<F> {
    unsafe fn onTimer(&self) {
        guard((), || (self.0)());
    }
}

impl LoopTimer {
    /// Calls `tick` every `interval_ms`; `None` if the host refuses.
    pub fn start(
        run_loop: ComPtr<IRunLoop>,
        interval_ms: u64,
        tick: impl Fn() + 'static,
    ) -> Option<Self> {
        let handler = ComWrapper::new(Tick(tick)).to_com_ptr::<ITimerHandler>()?;
        // SAFETY: both are live; the host adds a reference of its own.
        let result = unsafe { run_loop.registerTimer(handler.as_ptr(), interval_ms) };
        (result == kResultOk).then_some(Self { run_loop, handler })
    }
}

impl Drop for LoopTimer {
    fn drop(&mut self) {
        // SAFETY: both are live.
        unsafe { self.run_loop.unregisterTimer(self.handler.as_ptr()) };
    }
}
