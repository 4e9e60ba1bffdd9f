//! Telling the host's controller side what happened, on its main thread.

use ::vst3::{
    ComPtr,
    Steinberg::{
        Vst::{
            IComponentHandler, IComponentHandler2, IComponentHandler2Trait, IComponentHandlerTrait,
            RestartFlags_,
        },
        int32,
    },
};

use crate::plugin::{Gesture, Gestures, MainHost};

/// The host's component handler.
pub struct Handler(pub ComPtr<IComponentHandler>);

impl MainHost for Handler {
    fn edits(&self, gestures: &Gestures) {
        while let Some(gesture) = gestures.pop() {
            // SAFETY: the handler is live, and this is the main thread.
            unsafe {
                match gesture {
                    Gesture::Begin(id) => self.0.beginEdit(id.param().host_id),
                    Gesture::Value(id, value) => {
                        self.0.performEdit(id.param().host_id, id.param().normalised(value))
                    }
                    Gesture::End(id) => self.0.endEdit(id.param().host_id),
                }
            };
        }
    }

    fn mark_dirty(&self) {
        if let Some(handler) = self.0.cast::<IComponentHandler2>() {
            // SAFETY: the handler is live, and this is the main thread.
            unsafe { handler.setDirty(1) };
        }
    }

    fn values_changed(&self) {
        #[allow(clippy::unnecessary_cast)] // the constants are not the same type on every system
        let what = RestartFlags_::kParamValuesChanged as int32;
        // SAFETY: the handler is live, and this is the main thread.
        unsafe { self.0.restartComponent(what) };
    }

    /// VST3 has no word for texts alone; hosts that hear of new values ask for new texts.
    fn texts_changed(&self) {
        self.values_changed();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use ::vst3::{
        Class, ComWrapper,
        Steinberg::{
            Vst::{ParamID, ParamValue},
            *,
        },
    };

    use super::*;
    use crate::{params::ParamId, plugin::vst3::instance::Instance};

    /// A handler that writes down what it is told.
    struct Notes(Rc<RefCell<Vec<String>>>);

    impl Notes {
        fn note(&self, text: String) -> tresult {
            self.0.borrow_mut().push(text);
            kResultOk
        }
    }

    impl Class for Notes {
        type Interfaces = (IComponentHandler, IComponentHandler2);
    }

    impl IComponentHandlerTrait for Notes {
        unsafe fn beginEdit(&self, id: ParamID) -> tresult {
            self.note(format!("begin {id}"))
        }
        unsafe fn performEdit(&self, id: ParamID, value: ParamValue) -> tresult {
            self.note(format!("perform {id} {value}"))
        }
        unsafe fn endEdit(&self, id: ParamID) -> tresult {
            self.note(format!("end {id}"))
        }
        unsafe fn restartComponent(&self, flags: int32) -> tresult {
            self.note(format!("restart {flags}"))
        }
    }

    impl IComponentHandler2Trait for Notes {
        unsafe fn setDirty(&self, is_dirty: TBool) -> tresult {
            self.note(format!("dirty {is_dirty}"))
        }
        unsafe fn requestOpenEditor(&self, _name: FIDString) -> tresult {
            kNotImplemented
        }
        unsafe fn startGroupEdit(&self) -> tresult {
            kNotImplemented
        }
        unsafe fn finishGroupEdit(&self) -> tresult {
            kNotImplemented
        }
    }

    #[test]
    fn the_users_edits_reach_the_host_from_its_main_thread() {
        let instance = Instance::new();
        let notes = Rc::new(RefCell::new(vec![]));
        let handler = ComWrapper::new(Notes(Rc::clone(&notes)));
        let dry_wet = ParamId::DryWet;

        instance.core.edit(Gesture::Begin(dry_wet));
        instance.core.edit(Gesture::Value(dry_wet, 0.25));
        instance.core.edit(Gesture::End(dry_wet));
        instance.tell(); // nobody listens yet, and nothing is lost
        instance.set_handler(handler.to_com_ptr());
        instance.tell_if_main_thread(); // not initialised: this is nobody's main thread
        assert!(notes.borrow().is_empty());
        instance.remember_main_thread();
        instance.tell_if_main_thread();

        assert_eq!(notes.borrow()[..4], ["begin 10", "perform 10 0.25", "end 10", "dirty 1"]);
        instance.core.edit(Gesture::Begin(dry_wet)); // on the main thread, at once
        assert_eq!(notes.borrow().last().map(String::as_str), Some("begin 10"));
        assert_eq!(instance.shown_value(dry_wet), 0.25);
    }
}
