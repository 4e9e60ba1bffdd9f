//! IEditController: the parameters as the host shows them.

use std::{ffi::CStr, sync::Arc};

use ::vst3::{
    ComRef,
    Steinberg::{
        FIDString, IBStream, IPlugView,
        Vst::{
            IComponentHandler, IEditControllerTrait, ParamID, ParamValue, ParameterInfo,
            ParameterInfo_::ParameterFlags_::*, String128, TChar,
        },
        int32, kInternalError, kInvalidArgument, kResultFalse, kResultOk, tresult,
    },
};

use super::{
    Encore, ok_if,
    strings::{get_utf16, put_utf16},
    view,
};
use crate::{
    params::{Kind, N_PARAMS, ParamId},
    plugin::guard::guard,
};

impl IEditControllerTrait for Encore {
    /// `IComponent::setState` has already done it: they are one object.
    unsafe fn setComponentState(&self, _state: *mut IBStream) -> tresult {
        kResultOk
    }

    unsafe fn setState(&self, _state: *mut IBStream) -> tresult {
        kResultOk
    }

    unsafe fn getState(&self, _state: *mut IBStream) -> tresult {
        kResultOk
    }

    unsafe fn getParameterCount(&self) -> int32 {
        N_PARAMS as int32
    }

    unsafe fn getParameterInfo(&self, index: int32, info: *mut ParameterInfo) -> tresult {
        guard(kInternalError, || {
            let id = usize::try_from(index).ok().and_then(|i| ParamId::ALL.get(i));
            // SAFETY: the pointer is null or the host's to be written.
            let (Some(id), Some(info)) = (id, unsafe { info.as_mut() }) else {
                return kInvalidArgument;
            };
            let param = id.param();
            info.id = param.host_id;
            put_utf16(param.name, &mut info.title);
            put_utf16(param.name, &mut info.shortTitle);
            put_utf16("", &mut info.units); // the texts carry their units; hosts would show them twice
            info.stepCount = param.n_steps() as int32;
            info.defaultNormalizedValue = param.normalised(param.default);
            info.unitId = 0;
            info.flags = match param.kind {
                Kind::Bypass => kCanAutomate | kIsBypass,
                Kind::Artist | Kind::Genre | Kind::Choice(_) => kCanAutomate | kIsList,
                _ if !param.is_automatable() => 0,
                _ => kCanAutomate,
            } as int32;
            kResultOk
        })
    }

    unsafe fn getParamStringByValue(
        &self,
        id: ParamID,
        normalised: ParamValue,
        text: *mut String128,
    ) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let (Some(id), Some(text)) = (ParamId::from_host_id(id), unsafe { text.as_mut() })
            else {
                return kInvalidArgument;
            };
            put_utf16(&self.0.core.text(id, id.param().plain(normalised)), text);
            kResultOk
        })
    }

    unsafe fn getParamValueByString(
        &self,
        id: ParamID,
        text: *mut TChar,
        normalised: *mut ParamValue,
    ) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the text is null or ends with a zero, the value null or the host's to be written.
            let (text, normalised) = unsafe { (get_utf16(text), normalised.as_mut()) };
            let (Some(id), Some(text), Some(normalised)) =
                (ParamId::from_host_id(id), text, normalised)
            else {
                return kInvalidArgument;
            };
            let Some(value) = self.0.core.parse(id, &text) else { return kResultFalse };
            *normalised = id.param().normalised(value);
            kResultOk
        })
    }

    unsafe fn normalizedParamToPlain(&self, id: ParamID, normalised: ParamValue) -> ParamValue {
        guard(normalised, || {
            ParamId::from_host_id(id).map_or(normalised, |id| id.param().plain(normalised))
        })
    }

    unsafe fn plainParamToNormalized(&self, id: ParamID, plain: ParamValue) -> ParamValue {
        guard(plain, || ParamId::from_host_id(id).map_or(plain, |id| id.param().normalised(plain)))
    }

    unsafe fn getParamNormalized(&self, id: ParamID) -> ParamValue {
        guard(0.0, || ParamId::from_host_id(id).map_or(0.0, |id| self.0.shown_value(id)))
    }

    unsafe fn setParamNormalized(&self, id: ParamID, normalised: ParamValue) -> tresult {
        guard(kInternalError, || {
            let id = ParamId::from_host_id(id);
            if let Some(id) = id {
                self.0.show_value(id, normalised);
            }
            ok_if(id.is_some())
        })
    }

    unsafe fn setComponentHandler(&self, handler: *mut IComponentHandler) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the handler is null or live.
            let handler = unsafe { ComRef::from_raw(handler) }.map(|h| h.to_com_ptr());
            self.0.set_handler(handler);
            self.0.tell_if_main_thread();
            kResultOk
        })
    }

    unsafe fn createView(&self, name: FIDString) -> *mut IPlugView {
        guard(std::ptr::null_mut(), || {
            // SAFETY: the name is null or ends with a zero.
            if name.is_null() || unsafe { CStr::from_ptr(name) } != c"editor" {
                return std::ptr::null_mut();
            }
            view::create(Arc::clone(&self.0))
        })
    }
}
