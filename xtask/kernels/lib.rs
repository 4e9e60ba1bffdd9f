//! The innermost products and their tests without the rest of Encore, which takes no libraries of windows and
//! sound and little time to build for another processor. `cargo xtask check-neon` does.

#![allow(dead_code, unused_imports)] // who uses them is not here

#[path = "../../src/jukebox"]
mod jukebox {
    mod kernels {
        mod quantised;
        mod rows;
        mod simd;

        #[test]
        fn the_fastest_products_are_those_that_were_meant_to_be_tested() {
            if let Ok(meant) = std::env::var("KERNELS_MEANT") {
                assert_eq!(simd::products().cpu.name(), meant);
            }
        }
    }
    mod prior {
        pub mod layer {
            pub const LAYER_NORM_EPS: f64 = 1e-5;
        }
    }
}
