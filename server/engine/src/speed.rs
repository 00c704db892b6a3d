//! How fast this machine is at what a model mostly does.

use crate::kernels::product::{View, product};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// A product of 64 rows, as in decoding a batch.
const ROWS: usize = 64;
const WIDTH: usize = 1024;
/// The best of several short times counts: other work on the machine comes and goes while a study runs.
const MEASURE_FOR: Duration = Duration::from_millis(15);
const TIMES: usize = 8;

/// Multiplications and additions a second in 32-bit matrix products, on all cores, where the machine lets us have them. Measured once a
/// process, in an eighth of a second.
pub fn products_per_second() -> f64 {
    static SPEED: OnceLock<f64> = OnceLock::new();
    *SPEED.get_or_init(measure)
}

fn measure() -> f64 {
    let (left, weight) = (vec![1f32; ROWS * WIDTH], vec![1f32; WIDTH * WIDTH]);
    let once = || product(View::new(&left, ROWS, WIDTH), View::new(&weight, WIDTH, WIDTH).transposed(), 1.0);
    once();
    let mut best = 0.0_f64;
    for _ in 0..TIMES {
        let began = Instant::now();
        let mut products = 0;
        while began.elapsed() < MEASURE_FOR {
            std::hint::black_box(once());
            products += 1;
        }
        best = best.max((2 * ROWS * WIDTH * WIDTH * products) as f64 / began.elapsed().as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_speed_is_plausible() {
        let speed = super::products_per_second();
        assert!((1e8..1e15).contains(&speed), "{speed}");
    }
}
