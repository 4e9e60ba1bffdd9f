//! The products and networks that speed depends on: `cargo bench`. What a user gets of it tells `encore bench`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use encore::jukebox::yardstick::{Product, prior_of_noise, vqvae_of_noise};
use encore::jukebox::{LabelRow, Precision, PriorConfig, crew::Crew};
use encore::pack::checkpoint::released;

/// Inputs and outputs of a matrix that no cache holds as floats.
const WIDTH: usize = 4096;

/// One product of each precision, of one row and of several.
fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("product");
    for precision in Precision::ALL {
        for n_rows in [1, 8, 128] {
            let mut product = Product::of_noise([WIDTH, WIDTH], n_rows, precision);
            group.throughput(Throughput::Bytes(precision.n_bytes(WIDTH, WIDTH)));
            let id = BenchmarkId::new(precision.name(), format!("{n_rows} rows"));
            group.bench_function(id, |b| Crew::of_machine().install(|| b.iter(|| product.run())));
        }
    }
}

/// A token of a small prior, for one and for several columns.
fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step of 512x12");
    let config =
        PriorConfig { level: 0, width: 512, depth: 12, heads: 2, labels: None, ..released::top() };
    for precision in Precision::ALL {
        let prior = prior_of_noise(&config, precision, false).expect("the shape is sound");
        for n_columns in [1, 8] {
            group.throughput(Throughput::Elements(n_columns as u64));
            let id = BenchmarkId::new(precision.name(), format!("{n_columns} columns"));
            group.bench_function(id, |b| {
                Crew::of_machine().install(|| {
                    let told = prior.condition_on(&[LabelRow::default()], &[]);
                    let begun = prior.start(told.expect("nothing is told")).expect("a window");
                    let mut decoder = begun.fork().expect("a copy");
                    decoder.repeat(n_columns).expect("it was one");
                    b.iter(|| {
                        if decoder.n_tokens() + 1 == config.n_ctx {
                            decoder = begun.fork().expect("a copy");
                            decoder.repeat(n_columns).expect("it was one");
                        }
                        decoder.logits().expect("numbers");
                        decoder.push(&vec![0; n_columns]).expect("a symbol");
                    });
                });
            });
        }
    }
}

/// A second of sound through each level of the released VQ-VAE's shape.
fn coders(c: &mut Criterion) {
    let mut group = c.benchmark_group("a second of the released VQ-VAE");
    group.sample_size(10);
    let config = released::vqvae();
    let vqvae = vqvae_of_noise(&config).expect("the shape is sound");
    for level in (0..config.levels).rev() {
        let n_tokens = 44_100 / config.hop(level);
        let (audio, codes) = (vec![0.1; n_tokens * config.hop(level)], vec![7; n_tokens]);
        group.bench_function(BenchmarkId::new("encode", level), |b| {
            Crew::of_machine().install(|| b.iter(|| vqvae.encode(&audio, level)));
        });
        group.bench_function(BenchmarkId::new("decode", level), |b| {
            Crew::of_machine().install(|| b.iter(|| vqvae.decode(&codes, level)));
        });
    }
}

criterion_group!(benches, products, steps, coders);
criterion_main!(benches);
