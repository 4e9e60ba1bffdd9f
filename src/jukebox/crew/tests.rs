//! What a crew promises to those who share work.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

#[test]
fn every_part_is_done_once_whoever_does_it() {
    for n_threads in [1, 2, 5] {
        let mut crew = Crew::new(n_threads, Urgency::Ordinary);
        assert_eq!(crew.install(super::n_threads), n_threads);
        for n_parts in [0, 1, 2, 3, 17, 400] {
            for _ in 0..50 {
                let counts: Vec<_> = (0..n_parts).map(|_| AtomicUsize::new(0)).collect();

                crew.install(|| share(n_parts, |idx| _ = counts[idx].fetch_add(1, Relaxed)));

                assert!(counts.iter().all(|count| count.load(Relaxed) == 1));
            }
        }
    }
}

#[test]
fn a_helper_takes_parts_when_the_caller_is_held_up() {
    let mut crew = Crew::new(2, Urgency::BelowNormal);
    let first = std::thread::current().id();
    let others = AtomicUsize::new(0);

    crew.install(|| {
        share(2, |_| {
            let is_caller = std::thread::current().id() == first;
            others.fetch_add(usize::from(!is_caller), Relaxed);
            while is_caller && others.load(Relaxed) == 0 {
                std::thread::yield_now(); // until the helper has come
            }
        });
    });

    assert_eq!(others.load(Relaxed), 1);
}

#[test]
fn a_panic_reaches_the_caller_after_all_parts_and_the_crew_goes_on() {
    let mut crew = Crew::new(3, Urgency::Ordinary);
    let n_done = AtomicUsize::new(0);

    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        crew.install(|| {
            share(30, |idx| {
                assert!(idx != 7, "part seven");
                n_done.fetch_add(1, Relaxed);
            });
        });
    }));

    assert!(panic.is_err());
    assert_eq!(n_done.load(Relaxed), 29);
    assert_eq!(super::n_threads(), 1, "it is not installed any more");
    crew.install(|| share(5, |_| _ = n_done.fetch_add(1, Relaxed)));
    assert_eq!(n_done.load(Relaxed), 34);
}

#[test]
fn what_a_part_shares_out_stays_with_it() {
    let mut crew = Crew::new(3, Urgency::Ordinary);
    let counts: Vec<_> = (0..40).map(|_| AtomicUsize::new(0)).collect();

    crew.install(|| {
        share(8, |outer| {
            share(5, |inner| _ = counts[5 * outer + inner].fetch_add(1, Relaxed));
        });
    });

    assert!(counts.iter().all(|count| count.load(Relaxed) == 1));
}

#[test]
fn parts_of_a_slice_are_written_side_by_side() {
    let mut crew = Crew::new(4, Urgency::Ordinary);
    let mut numbers = vec![0; 100];
    let parted = Parted::new(&mut numbers);

    crew.install(|| {
        share(10, |idx| {
            // SAFETY: every part has its own ten.
            let part = unsafe { parted.part(idx * 10..(idx + 1) * 10) };
            part.iter_mut().enumerate().for_each(|(i, number)| *number = idx * 10 + i);
        });
    });

    assert!(numbers.iter().enumerate().all(|(i, number)| i == *number));
}
