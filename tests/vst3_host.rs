//! The built VST3 plugin in an in-process host: everything that both formats promise, and VST3's own.

mod hosts;

use hosts::{
    com::{from_bytes, from_utf16},
    vst3::Vst3,
};
use vst3::Steinberg::{Vst::*, *};

keeps!(Vst3::load() =>
    every_parameter_is_listed_with_its_range,
    every_value_reads_as_text_and_back,
    artists_have_names_once_the_pack_is_there,
    audio_passes_bit_for_bit,
    odd_rates_pass_too,
    automation_is_heard_from_its_own_frame,
    bypass_passes_bit_for_bit_with_the_output_turned_down,
    a_project_reopens_as_it_was_saved,
    a_damaged_state_changes_nothing,
    the_host_looks_again_after_loading,
    continue_by_automation_sounds_on_the_timeline,
    a_host_without_a_transport_hears_its_take,
    a_held_automation_value_composes_once,
    an_instance_goes_away_at_once_while_it_composes,
    sixteen_instances_compose_and_leave_in_any_order,
    the_sample_rate_may_change_while_composing,
);

#[test]
fn the_scanner_reads_who_we_are() {
    let vst3 = Vst3::load();
    let factory = vst3.factory();

    // SAFETY: the structures are ours.
    let (class, wide) = unsafe {
        let mut class: PClassInfo2 = std::mem::zeroed();
        let mut wide: PClassInfoW = std::mem::zeroed();
        let newest = factory.cast::<IPluginFactory3>().expect("the newest interface");
        assert_eq!(newest.getClassInfo2(0, &mut class), kResultOk);
        assert_eq!(newest.getClassInfoUnicode(0, &mut wide), kResultOk);
        assert_eq!(factory.countClasses(), 1);
        (class, wide)
    };

    assert_eq!(from_bytes(&class.name), "Encore");
    assert_eq!(from_utf16(&wide.name), "Encore");
    assert_eq!(from_bytes(&class.vendor), "Encore");
    assert_eq!(from_bytes(&class.category), "Audio Module Class");
    assert!(from_bytes(&class.subCategories).starts_with("Fx|"));
    assert_eq!(class.cid, wide.cid);
    assert_eq!(class.cid, encore::plugin::vst3::CLASS_ID);
}

#[test]
fn the_class_id_reads_the_same_on_every_system() {
    let printed = "8E2D41C70B5A4F93A6D819E45C37F20B";

    let bytes: Vec<u8> = encore::plugin::vst3::CLASS_ID.iter().map(|b| *b as u8).collect();

    // on Windows the first eight bytes are stored as a GUID's, and printed back in this order
    let order: [usize; 16] = if cfg!(target_os = "windows") {
        [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
    } else {
        std::array::from_fn(|i| i)
    };
    let read: String = order.iter().map(|i| format!("{:02X}", bytes[*i])).collect();
    assert_eq!(read, printed);
}

#[test]
fn the_host_is_asked_for_the_time_that_is_used() {
    let vst3 = Vst3::load();
    let encore = vst3.instance();

    let needs = encore.component.cast::<IProcessContextRequirements>().expect("it says");
    let needs = unsafe { needs.getProcessContextRequirements() };

    use IProcessContextRequirements_::Flags_::*;
    for need in [kNeedTempo, kNeedProjectTimeMusic, kNeedTransportState, kNeedTimeSignature] {
        assert_ne!(needs & need, 0);
    }
}

#[test]
fn latency_is_none_and_the_tail_has_no_end() {
    let vst3 = Vst3::load();
    let encore = vst3.instance();

    assert_eq!(unsafe { encore.processor.getLatencySamples() }, 0);
    assert_eq!(unsafe { encore.processor.getTailSamples() }, kInfiniteTail);
}
