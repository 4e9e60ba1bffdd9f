//! The built CLAP plugin in an in-process host: everything that both formats promise, and CLAP's own.

mod hosts;

use clack_extensions::params::PluginParams;
use clack_host::{events::event_types::ParamValueEvent, prelude::*};
use encore::params::ParamId;
use hosts::{Instance, Play, clap::Clap};

keeps!(Clap::load() =>
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
    let clap = Clap::load();

    let factory = clap.0.get_plugin_factory().expect("a factory");
    let found: Vec<_> = factory.plugin_descriptors().collect();

    assert_eq!(found.len(), 1);
    let text = |text: Option<&std::ffi::CStr>| text.and_then(|t| t.to_str().ok()).map(String::from);
    assert_eq!(text(found[0].id()).as_deref(), Some("dev.encore.encore"));
    assert_eq!(text(found[0].name()).as_deref(), Some("Encore"));
    assert_eq!(text(found[0].vendor()).as_deref(), Some("Encore"));
    let features: Vec<_> = found[0].features().filter_map(|f| f.to_str().ok()).collect();
    assert_eq!(features, ["audio-effect", "stereo"]);
}

#[test]
fn a_flush_sets_values_without_audio() {
    let clap = Clap::load();
    let mut encore = clap.instance();
    let id = ParamId::Seed.param().host_id;

    let flush = |encore: &mut hosts::clap::ClapInstance, value| {
        let params: PluginParams = encore.plugin.plugin_handle().get_extension().unwrap();
        let event = ParamValueEvent::new(0, ClapId::new(id), Pckn::match_all(), value);
        let mut told = EventBuffer::new();
        let mut inactive = encore.plugin.inactive_plugin_handle().expect("it is not active");
        params.flush(
            &mut inactive,
            &InputEvents::from_buffer(&[event]),
            &mut OutputEvents::from_buffer(&mut told),
        );
    };
    flush(&mut encore, 41.0);
    assert_eq!(encore.value(id), 41.0);
    encore.play(&Play { n_frames: 64, ..Play::default() });
    flush(&mut encore, 42.0);

    assert_eq!(encore.value(id), 42.0);
}
