//! Views and instances that outlive each other, on many threads.

use super::*;

#[test]
fn a_view_survives_its_component_and_a_host_without_a_display() {
    let encore = new(true);
    let view = unsafe { ComPtr::from_raw(encore.controller.createView(c"editor".as_ptr())) };
    let view = view.expect("a view");
    let mut size = ViewRect { left: 0, top: 0, right: 0, bottom: 0 };
    unsafe {
        view.getSize(&mut size);
        assert_eq!((size.right, size.bottom), (1000, 640));
        let scaled = view.cast::<IPlugViewContentScaleSupport>().expect("it scales");
        assert_eq!(scaled.setContentScaleFactor(1.5), kResultOk);
        assert_ne!(scaled.setContentScaleFactor(f32::NAN), kResultOk);
        view.getSize(&mut size);
        assert_eq!((size.right, size.bottom), (1500, 960));
        (size.right, size.bottom) = (10, 10);
        view.checkSizeConstraint(&mut size);
        assert_eq!((size.right, size.bottom), (1200, 750));
        assert_eq!(view.removed(), kResultOk);
        assert_eq!(view.removed(), kResultOk);
        assert_ne!(view.attached(null_mut(), c"X11EmbedWindowID".as_ptr()), kResultOk);
        assert_ne!(view.attached(std::ptr::dangling_mut(), c"HWND".as_ptr()), kResultOk);
        assert_ne!(view.onSize(null_mut()), kResultOk);
        assert_ne!(view.getSize(null_mut()), kResultOk);
    }

    drop(encore);

    unsafe { view.setFrame(null_mut()) };
    drop(view);
}

#[test]
fn instances_come_and_go_on_many_threads() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..25 {
                    let mut encore = new(true);
                    start(&encore);
                    (0..5).for_each(|_| assert_passed(&plain_block(&encore, MAX_BLOCK)));
                    let state = encore.save(11);
                    assert!(encore.load(&state, 11));
                    unsafe { encore.component.setActive(0) };
                }
            })
        })
        .collect();

    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}
