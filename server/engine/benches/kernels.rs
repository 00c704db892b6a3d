//! How long each kernel takes, at the sizes of SmolLM2-135M (width 576, MLP 1,536, 9 heads / 3 KV heads of 64, 49,152 tokens): a
//! training step's 107 rows, a decoding step's 16. `cargo bench -p rankscope-engine`; README.md beside it says what was tried.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rankscope_engine::{
    config::Activation,
    kernels::{
        activation, adamw, attention,
        attention::{Heads, Seen, Source},
        cross_entropy::cross_entropy_in_place,
        norm,
        product::{View, product},
        rope,
    },
};
use std::hint::black_box;

const WIDTH: usize = 576;
const INNER: usize = 1536;
const ROWS: usize = 107;

fn filled(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0).collect()
}

/// Products, with multiplications and additions as their throughput.
fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product");
    let (weight, x, dy, few) = (filled(WIDTH * INNER), filled(ROWS * WIDTH), filled(ROWS * INNER), filled(16 * WIDTH));
    let (a, b, low) = (filled(8 * WIDTH), filled(INNER * 8), filled(ROWS * 8));
    let view = View::new;
    let mut measure = |name: &str, left: View<'_>, right: View<'_>, operations: usize| {
        group.throughput(Throughput::Elements(2 * operations as u64));
        group.bench_function(name, |bencher| bencher.iter(|| product(black_box(left), black_box(right), 1.0)));
    };
    measure("x W^T, 107 rows", view(&x, ROWS, WIDTH), view(&weight, INNER, WIDTH).transposed(), ROWS * WIDTH * INNER);
    measure("x W^T, 16 rows", view(&few, 16, WIDTH), view(&weight, INNER, WIDTH).transposed(), 16 * WIDTH * INNER);
    measure("dy W", view(&dy, ROWS, INNER), view(&weight, INNER, WIDTH), ROWS * WIDTH * INNER);
    measure("dy^T x", view(&dy, ROWS, INNER).transposed(), view(&x, ROWS, WIDTH), ROWS * WIDTH * INNER);
    measure("x A^T, r = 8", view(&x, ROWS, WIDTH), view(&a, 8, WIDTH).transposed(), ROWS * WIDTH * 8);
    measure("(x A^T) B^T, r = 8", view(&low, ROWS, 8), view(&b, INNER, 8).transposed(), ROWS * INNER * 8);
    measure("dy^T (x A^T), r = 8", view(&dy, ROWS, INNER).transposed(), view(&low, ROWS, 8), ROWS * INNER * 8);
    group.finish();
}

fn attentions(criterion: &mut Criterion) {
    let heads = Heads { heads: 9, kv_heads: 3, width: 64, causal: true };
    let lengths = [14, 13, 13, 14, 13, 13, 13, 14];
    let (queries, keys, values) = (filled(ROWS * 576), filled(ROWS * 192), filled(ROWS * 192));
    let sources: Vec<Source<'_>> = lengths
        .iter()
        .scan(0, |start, length| {
            let range = *start * 192..(*start + length) * 192;
            *start += length;
            Some(Source { keys: &keys[range.clone()], values: &values[range], past: 0 })
        })
        .collect();
    criterion.bench_function("attention", |bencher| bencher.iter(|| attention::attention(black_box(&queries), &sources, &lengths, heads)));
    let (out, log_sums) = attention::attention(&queries, &sources, &lengths, heads);
    let seen = Seen { queries: &queries, keys: &keys, values: &values, out: &out, log_sums: &log_sums };
    criterion.bench_function("attention, backward", |bencher| {
        bencher.iter(|| attention::attention_backward(black_box(&out), seen, &lengths, heads));
    });
}

fn rows(criterion: &mut Criterion) {
    let (x, dy, weight, bias) = (filled(ROWS * WIDTH), filled(ROWS * WIDTH), filled(WIDTH), filled(WIDTH));
    criterion.bench_function("rms norm", |bencher| bencher.iter(|| norm::rms_norm(black_box(&x), &weight, 1e-5)));
    criterion.bench_function("rms norm, backward", |bencher| {
        bencher.iter(|| norm::rms_norm_backward(black_box(&dy), &x, &weight, 1e-5, true));
    });
    criterion.bench_function("layer norm", |bencher| bencher.iter(|| norm::layer_norm(black_box(&x), &weight, &bias, 1e-5)));
    criterion.bench_function("layer norm, backward", |bencher| {
        bencher.iter(|| norm::layer_norm_backward(black_box(&dy), &x, &weight, 1e-5, true));
    });
    let (gate, up) = (filled(ROWS * INNER), filled(ROWS * INNER));
    for kind in [Activation::Silu, Activation::GeluTanh, Activation::Gelu, Activation::Relu] {
        criterion.bench_function(&format!("{kind:?}, gated"), |bencher| bencher.iter(|| activation::gated(kind, black_box(&gate), &up)));
        criterion.bench_function(&format!("{kind:?}, gated, backward"), |bencher| {
            bencher.iter(|| activation::gated_backward(kind, black_box(&gate), &gate, &up));
        });
    }
    let (cos, sin) = (filled(ROWS * 32), filled(ROWS * 32));
    let mut turned = x.clone();
    criterion.bench_function("rotary positions", |bencher| bencher.iter(|| rope::rotate(black_box(&mut turned), &cos, &sin, 9, 64, false)));
    let logits = filled(64 * 49_152);
    let (targets, weights) = ([7; 64], [1.0 / 64.0; 64]);
    let mut work = logits.clone();
    criterion.bench_function("cross-entropy of 64 rows", |bencher| {
        bencher.iter(|| {
            work.copy_from_slice(&logits);
            cross_entropy_in_place(black_box(&mut work), &targets, &weights)
        });
    });
}

fn optimizer(criterion: &mut Criterion) {
    let size = WIDTH * INNER;
    let (mut weight, gradient, mut first, mut second) = (filled(size), filled(size), vec![0f32; size], vec![0f32; size]);
    let step = adamw::Step {
        learning_rate: 1e-4,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        correction1: 0.1,
        correction2: 0.001,
        gradient_scale: 1.0,
    };
    let mut group = criterion.benchmark_group("optimiser");
    group.throughput(Throughput::Elements(size as u64));
    group.bench_function("AdamW", |bencher| {
        bencher.iter(|| adamw::update(black_box(&mut weight), &gradient, &mut first, &mut second, step))
    });
    group.finish();
}

criterion_group! {
    name = kernels;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(300));
    targets = products, attentions, rows, optimizer
}
criterion_main!(kernels);
