//! Names beside the ends of lines: each as near to its own as the others leave it.

/// Moves places, given from top to bottom, at least `gap` apart and, as far as there is room, between `top` and `bottom`.
pub(super) fn spread_apart(places: &mut [f64], gap: f64, (top, bottom): (f64, f64)) {
    let mut free = top;
    for y in places.iter_mut() {
        *y = y.max(free);
        free = *y + gap;
    }
    // what was pushed below the frame goes up again, the lowest first
    let mut limit = bottom;
    for y in places.iter_mut().rev() {
        *y = y.min(limit);
        limit = *y - gap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_apart_and_in_their_order() {
        for (wanted, expected) in [
            (vec![20.0, 60.0], vec![20.0, 60.0]),
            (vec![20.0, 21.0, 22.0], vec![20.0, 30.0, 40.0]),
            (vec![95.0, 96.0, 97.0], vec![80.0, 90.0, 100.0]),
            (vec![-5.0], vec![10.0]),
            (vec![], vec![]),
        ] {
            let mut places = wanted;
            spread_apart(&mut places, 10.0, (10.0, 100.0));
            assert_eq!(places, expected);
        }
    }
}
