//! Values and states that make no sense, or come at the wrong time.

use super::*;

#[test]
fn nonsense_values_stay_in_range() {
    let encore = new(true);

    for p in &TABLE {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -3.0, 1e300] {
            unsafe { encore.controller.setParamNormalized(p.host_id, value) };
            let shown = unsafe { encore.controller.getParamNormalized(p.host_id) };
            assert!((0.0..=1.0).contains(&shown), "{} {value} {shown}", p.name);
        }
    }
}

#[test]
fn random_damage_to_a_state_never_leaves_a_value_out_of_range() {
    let mut encore = new(false);
    let state = encore.save(3);
    let mut random = 1u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize
    };

    for _ in 0..3000 {
        let mut damaged = state.clone();
        for _ in 0..3 {
            let at = next() % damaged.len();
            damaged[at] = next() as u8;
        }
        encore.load(&damaged, 64);
    }

    for p in &TABLE {
        let shown = unsafe { encore.controller.getParamNormalized(p.host_id) };
        assert!((0.0..=1.0).contains(&shown), "{} {shown}", p.name);
    }
}

#[test]
fn a_state_may_come_before_the_handler() {
    let mut saved = new(true);
    let id = ParamId::Temperature.param().host_id;
    unsafe { saved.controller.setParamNormalized(id, 0.75) };
    let state = saved.save(3);

    let mut opened = new(false);
    unsafe { opened.controller.setComponentHandler(null_mut()) };
    assert!(opened.load(&state, 1));
    assert_eq!(opened.log.n_restarts.get(), 0);
    let handler = opened.host.to_com_ptr::<IComponentHandler>().expect("it is one");
    unsafe { opened.controller.setComponentHandler(handler.as_ptr()) };

    assert!((unsafe { opened.controller.getParamNormalized(id) } - 0.75).abs() < 1e-9);
    assert_ne!(opened.log.restart_flags.get() & RestartFlags_::kParamValuesChanged as i32, 0);
}
