//! The factory, and the functions by which a host enters and leaves the module.

use std::ffi::c_void;

use ::vst3::{
    Class, ComWrapper,
    Steinberg::{
        FIDString, FUnknown, IPluginFactory, IPluginFactory2Trait, IPluginFactory3,
        IPluginFactory3Trait, IPluginFactoryTrait, PClassInfo, PClassInfo_, PClassInfo2,
        PClassInfoW, PFactoryInfo, PFactoryInfo_, TUID, int32, kInternalError, kInvalidArgument,
        kResultOk, tresult,
    },
};

use super::{
    CLASS_ID, Encore, SUBCATEGORIES,
    strings::{put_utf8, put_utf16},
};
use crate::plugin::{NAME, VENDOR, VERSION, guard::guard};

/// VST3's name for what can be inserted on a track.
const CATEGORY: &str = "Audio Module Class";

/// The interfaces' version, which hosts show.
const SDK_VERSION: &str = "VST 3.8.0";

const CARDINALITY: int32 = PClassInfo_::ClassCardinality_::kManyInstances as int32;

struct Factory;

impl Class for Factory {
    type Interfaces = (IPluginFactory3,);
}

/// The host's structure for class `index`, of which there is one.
///
/// # Safety
/// `info` is null or the host's to be written.
unsafe fn class_info<'a, T>(index: int32, info: *mut T) -> Option<&'a mut T> {
    // SAFETY: the caller's promise.
    unsafe { info.as_mut() }.filter(|_| index == 0)
}

impl IPluginFactoryTrait for Factory {
    unsafe fn getFactoryInfo(&self, info: *mut PFactoryInfo) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let Some(info) = (unsafe { info.as_mut() }) else { return kInvalidArgument };
            put_utf8(VENDOR, &mut info.vendor);
            put_utf8("", &mut info.url);
            put_utf8("", &mut info.email);
            info.flags = PFactoryInfo_::FactoryFlags_::kUnicode as int32;
            kResultOk
        })
    }

    unsafe fn countClasses(&self) -> int32 {
        1
    }

    unsafe fn getClassInfo(&self, index: int32, info: *mut PClassInfo) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let Some(info) = (unsafe { class_info(index, info) }) else { return kInvalidArgument };
            info.cid = CLASS_ID;
            info.cardinality = CARDINALITY;
            put_utf8(CATEGORY, &mut info.category);
            put_utf8(NAME, &mut info.name);
            kResultOk
        })
    }

    unsafe fn createInstance(
        &self,
        class: FIDString,
        interface: FIDString,
        object: *mut *mut c_void,
    ) -> tresult {
        guard(kInternalError, || {
            if class.is_null() || interface.is_null() || object.is_null() {
                return kInvalidArgument;
            }
            // SAFETY: none is null; both ids are sixteen bytes, and `object` is the host's to be written.
            unsafe {
                *object = std::ptr::null_mut();
                if *class.cast::<TUID>() != CLASS_ID {
                    return kInvalidArgument;
                }
                let Some(encore) = ComWrapper::new(Encore::default()).to_com_ptr::<FUnknown>()
                else {
                    return kInternalError;
                };
                let query = (*(*encore.as_ptr()).vtbl).queryInterface;
                query(encore.as_ptr(), interface.cast(), object)
            }
        })
    }
}

impl IPluginFactory2Trait for Factory {
    unsafe fn getClassInfo2(&self, index: int32, info: *mut PClassInfo2) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let Some(info) = (unsafe { class_info(index, info) }) else { return kInvalidArgument };
            info.cid = CLASS_ID;
            info.cardinality = CARDINALITY;
            info.classFlags = 0;
            put_utf8(CATEGORY, &mut info.category);
            put_utf8(NAME, &mut info.name);
            put_utf8(SUBCATEGORIES, &mut info.subCategories);
            put_utf8(VENDOR, &mut info.vendor);
            put_utf8(VERSION, &mut info.version);
            put_utf8(SDK_VERSION, &mut info.sdkVersion);
            kResultOk
        })
    }
}

impl IPluginFactory3Trait for Factory {
    unsafe fn getClassInfoUnicode(&self, index: int32, info: *mut PClassInfoW) -> tresult {
        guard(kInternalError, || {
            // SAFETY: the pointer is null or the host's to be written.
            let Some(info) = (unsafe { class_info(index, info) }) else { return kInvalidArgument };
            info.cid = CLASS_ID;
            info.cardinality = CARDINALITY;
            info.classFlags = 0;
            put_utf8(CATEGORY, &mut info.category);
            put_utf16(NAME, &mut info.name);
            put_utf8(SUBCATEGORIES, &mut info.subCategories);
            put_utf16(VENDOR, &mut info.vendor);
            put_utf16(VERSION, &mut info.version);
            put_utf16(SDK_VERSION, &mut info.sdkVersion);
            kResultOk
        })
    }

    unsafe fn setHostContext(&self, _context: *mut FUnknown) -> tresult {
        kResultOk
    }
}

/// The host's way in.
#[unsafe(no_mangle)]
pub extern "system" fn GetPluginFactory() -> *mut IPluginFactory {
    guard(std::ptr::null_mut(), || {
        let factory = ComWrapper::new(Factory).to_com_ptr::<IPluginFactory>();
        factory.map_or(std::ptr::null_mut(), |factory| factory.into_raw())
    })
}

/// There is nothing to set up or take down with the module: threads end with the last instance.
#[cfg(target_os = "linux")]
mod module {
    #[unsafe(no_mangle)]
    extern "system" fn ModuleEntry(_module: *mut std::ffi::c_void) -> bool {
        true
    }

    #[unsafe(no_mangle)]
    extern "system" fn ModuleExit() -> bool {
        true
    }
}

/// As on Linux.
#[cfg(target_os = "windows")]
mod module {
    #[unsafe(no_mangle)]
    extern "system" fn InitDll() -> bool {
        true
    }

    #[unsafe(no_mangle)]
    extern "system" fn ExitDll() -> bool {
        true
    }
}

/// As on Linux; the names really begin in lower case.
#[cfg(target_os = "macos")]
mod module {
    #[unsafe(no_mangle)]
    extern "system" fn bundleEntry(_bundle: *mut std::ffi::c_void) -> bool {
        true
    }

    #[unsafe(no_mangle)]
    extern "system" fn bundleExit() -> bool {
        true
    }
}
