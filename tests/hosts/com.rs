//! A VST3 host's own COM objects: streams, parameter changes, handlers, a run loop.
#![allow(non_snake_case)]

use std::{
    cell::{Cell, RefCell},
    ffi::c_void,
    rc::Rc,
};

use vst3::{
    Class, ComPtr, ComRef, ComWrapper,
    Steinberg::{Linux::*, Vst::*, *},
};

/// A stream that moves at most `n_piece` bytes at a time.
pub struct Stream {
    pub bytes: RefCell<Vec<u8>>,
    at: Cell<usize>,
    n_piece: usize,
}

impl Stream {
    pub fn new(bytes: &[u8], n_piece: usize) -> ComWrapper<Stream> {
        ComWrapper::new(Stream { bytes: RefCell::new(bytes.to_vec()), at: Cell::new(0), n_piece })
    }
}

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, out: *mut c_void, n_wanted: i32, n_read: *mut i32) -> tresult {
        let bytes = self.bytes.borrow();
        let left = &bytes[self.at.get()..];
        let n = left.len().min(n_wanted as usize).min(self.n_piece);
        unsafe {
            std::ptr::copy_nonoverlapping(left.as_ptr(), out.cast(), n);
            if !n_read.is_null() {
                *n_read = n as i32;
            }
        }
        self.at.set(self.at.get() + n);
        kResultOk
    }

    unsafe fn write(&self, bytes: *mut c_void, n_offered: i32, n_written: *mut i32) -> tresult {
        let n = (n_offered as usize).min(self.n_piece);
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), n) };
        self.bytes.borrow_mut().extend_from_slice(bytes);
        if !n_written.is_null() {
            unsafe { *n_written = n as i32 };
        }
        kResultOk
    }

    unsafe fn seek(&self, _to: i64, _mode: i32, _result: *mut i64) -> tresult {
        kNotImplemented
    }

    unsafe fn tell(&self, _at: *mut i64) -> tresult {
        kNotImplemented
    }
}

/// Points of one parameter: `(frame in the block, normalised value)`.
pub struct Queue {
    pub id: u32,
    pub points: RefCell<Vec<(i32, f64)>>,
}

impl Class for Queue {
    type Interfaces = (IParamValueQueue,);
}

impl IParamValueQueueTrait for Queue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.id
    }

    unsafe fn getPointCount(&self) -> i32 {
        self.points.borrow().len() as i32
    }

    unsafe fn getPoint(&self, index: i32, at: *mut i32, value: *mut f64) -> tresult {
        match self.points.borrow().get(index as usize) {
            Some(point) => {
                unsafe { (*at, *value) = *point };
                kResultOk
            }
            None => kResultFalse,
        }
    }

    unsafe fn addPoint(&self, at: i32, value: f64, index: *mut i32) -> tresult {
        let mut points = self.points.borrow_mut();
        unsafe { *index = points.len() as i32 };
        points.push((at, value));
        kResultOk
    }
}

/// Changes of several parameters; room for new ones is made before processing.
pub struct Changes {
    pub queues: Vec<(ComWrapper<Queue>, ComPtr<IParamValueQueue>)>,
}

impl Changes {
    pub fn new(changes: &[(u32, Vec<(i32, f64)>)]) -> ComWrapper<Changes> {
        let queue = |(id, points): &(u32, Vec<(i32, f64)>)| {
            let queue = ComWrapper::new(Queue { id: *id, points: RefCell::new(points.clone()) });
            let com = queue.to_com_ptr().expect("it is one");
            (queue, com)
        };
        ComWrapper::new(Changes { queues: changes.iter().map(queue).collect() })
    }

    /// Empty queues with room, for a plugin to write to without this host allocating.
    pub fn for_output(ids: &[u32]) -> ComWrapper<Changes> {
        let changes: Vec<_> = ids.iter().map(|id| (*id, Vec::with_capacity(64))).collect();
        let made = Self::new(&changes);
        for (queue, _) in &made.queues {
            *queue.points.borrow_mut() = Vec::with_capacity(64);
        }
        made
    }
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> i32 {
        self.queues.len() as i32
    }

    unsafe fn getParameterData(&self, index: i32) -> *mut IParamValueQueue {
        let queue = self.queues.get(index as usize);
        queue.map_or(std::ptr::null_mut(), |(_, com)| com.as_ptr())
    }

    unsafe fn addParameterData(
        &self,
        id: *const ParamID,
        index: *mut i32,
    ) -> *mut IParamValueQueue {
        let id = unsafe { *id };
        let found = self.queues.iter().position(|(queue, _)| queue.id == id);
        unsafe { *index = found.map_or(-1, |i| i as i32) };
        found.map_or(std::ptr::null_mut(), |i| self.queues[i].1.as_ptr())
    }
}

/// What the plugin told this host.
#[derive(Default)]
pub struct Log {
    pub n_dirty: Cell<usize>,
    pub n_restarts: Cell<usize>,
    pub restart_flags: Cell<i32>,
    /// "begin 3", "perform 3 = 0.5000", "end 3".
    pub edits: RefCell<Vec<String>>,
    pub timers: RefCell<Vec<ComPtr<ITimerHandler>>>,
    pub n_resizes: Cell<usize>,
}

impl Log {
    /// Runs every timer once, as the host's main loop would.
    pub fn run_timers(&self) {
        let timers = self.timers.borrow().clone();
        timers.iter().for_each(|timer| unsafe { timer.onTimer() });
    }
}

/// A component handler, run loop, frame and application in one.
pub struct HostObject(pub Rc<Log>);

impl Class for HostObject {
    type Interfaces =
        (IComponentHandler, IComponentHandler2, IRunLoop, IPlugFrame, IHostApplication);
}

impl IComponentHandlerTrait for HostObject {
    unsafe fn beginEdit(&self, id: ParamID) -> tresult {
        self.0.edits.borrow_mut().push(format!("begin {id}"));
        kResultOk
    }

    unsafe fn performEdit(&self, id: ParamID, value: ParamValue) -> tresult {
        self.0.edits.borrow_mut().push(format!("perform {id} = {value:.4}"));
        kResultOk
    }

    unsafe fn endEdit(&self, id: ParamID) -> tresult {
        self.0.edits.borrow_mut().push(format!("end {id}"));
        kResultOk
    }

    unsafe fn restartComponent(&self, flags: i32) -> tresult {
        self.0.n_restarts.set(self.0.n_restarts.get() + 1);
        self.0.restart_flags.set(self.0.restart_flags.get() | flags);
        kResultOk
    }
}

impl IComponentHandler2Trait for HostObject {
    unsafe fn setDirty(&self, _is_dirty: TBool) -> tresult {
        self.0.n_dirty.set(self.0.n_dirty.get() + 1);
        kResultOk
    }

    unsafe fn requestOpenEditor(&self, _name: FIDString) -> tresult {
        kNotImplemented
    }

    unsafe fn startGroupEdit(&self) -> tresult {
        kResultOk
    }

    unsafe fn finishGroupEdit(&self) -> tresult {
        kResultOk
    }
}

impl IRunLoopTrait for HostObject {
    unsafe fn registerEventHandler(&self, _handler: *mut IEventHandler, _fd: i32) -> tresult {
        kNotImplemented
    }

    unsafe fn unregisterEventHandler(&self, _handler: *mut IEventHandler) -> tresult {
        kNotImplemented
    }

    unsafe fn registerTimer(&self, handler: *mut ITimerHandler, _interval_ms: u64) -> tresult {
        let handler = unsafe { ComRef::from_raw(handler) }.expect("a timer");
        self.0.timers.borrow_mut().push(handler.to_com_ptr());
        kResultOk
    }

    unsafe fn unregisterTimer(&self, handler: *mut ITimerHandler) -> tresult {
        self.0.timers.borrow_mut().retain(|timer| timer.as_ptr() != handler);
        kResultOk
    }
}

impl IPlugFrameTrait for HostObject {
    unsafe fn resizeView(&self, view: *mut IPlugView, size: *mut ViewRect) -> tresult {
        self.0.n_resizes.set(self.0.n_resizes.get() + 1);
        unsafe { ComRef::from_raw(view).expect("a view").onSize(size) }
    }
}

impl IHostApplicationTrait for HostObject {
    unsafe fn getName(&self, name: *mut String128) -> tresult {
        unsafe { *name = [0; 128] };
        kResultOk
    }

    unsafe fn createInstance(
        &self,
        _class: *mut TUID,
        _interface: *mut TUID,
        object: *mut *mut c_void,
    ) -> tresult {
        unsafe { *object = std::ptr::null_mut() };
        kNotImplemented
    }
}

/// UTF-16 up to its zero.
pub fn from_utf16(units: &[TChar]) -> String {
    let n = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(&units[..n])
}

/// Bytes up to their zero.
pub fn from_bytes(bytes: &[std::ffi::c_char]) -> String {
    bytes.iter().take_while(|c| **c != 0).map(|c| *c as u8 as char).collect()
}
