//! The tokens of a completion in a row that breaks where it must, each on the colour of how far the arm was from the original there.

use super::{
    canvas::{Anchor, Canvas, Description, draw, fitted, text_width},
    heat::{HeatScale, ink_on},
};
use crate::quantity;
use rankscope_domain::inspection::TokenDivergence;

const BOX: f64 = 20.0;
const GAP: f64 = 2.0;
const SIZE: f64 = 11.0;
/// As wide as the column of an arm in a page.
const COLUMN: f64 = 208.0;
const LEGEND: (f64, f64) = (208.0, 38.0);

/// `name` is unique in a page. `None` without tokens.
pub fn token_strip(name: &str, tokens: &[TokenDivergence], scale: HeatScale) -> Option<String> {
    let (mut places, mut x, mut y) = (Vec::with_capacity(tokens.len()), 0.0, 0.0);
    for token in tokens {
        let text = fitted(&token.token, SIZE, COLUMN - 10.0);
        let wide = (text_width(&text, SIZE) + 10.0).min(COLUMN);
        if x > 0.0 && x + wide > COLUMN {
            (x, y) = (0.0, y + BOX + GAP);
        }
        places.push(Place { x, y, wide, text });
        x += wide + GAP;
    }
    let last = places.last()?;
    let height = last.y + BOX;
    let text = tokens.iter().map(|token| format!("{} {}", token.token, quantity::significant(token.kl))).collect::<Vec<_>>().join("; ");
    let description = Description { id: name, title: "KL from the original at each token, nats", text: &text };
    Some(draw(COLUMN, height, &description, |canvas| {
        for (place, token) in places.iter().zip(tokens) {
            paint(canvas, place, scale, token.kl);
        }
    }))
}

/// What the colours of all strips of a page mean.
pub fn token_strip_legend(scale: HeatScale) -> String {
    let (width, height) = LEGEND;
    let text = format!("from {} to {}", quantity::significant(scale.low), quantity::significant(scale.high));
    let description = Description { id: "token-strip-legend", title: "Colours of KL at each token, nats", text: &text };
    draw(width, height, &description, |canvas| scale.paint_legend(canvas, 0.0, 0.0, width - 16.0, "KL at each token, nats"))
}

/// A token's box.
struct Place {
    x: f64,
    y: f64,
    wide: f64,
    text: String,
}

fn paint(canvas: &Canvas<'_>, place: &Place, scale: HeatScale, value: f64) {
    let colour = scale.colour(value);
    canvas.bar(place.x, place.y, place.x + place.wide, place.y + BOX, colour);
    canvas.text(place.x + place.wide / 2.0, place.y + BOX / 2.0, &place.text, SIZE, ink_on(colour), Anchor::Middle);
}

#[cfg(test)]
mod tests {
    use super::super::HeatPalette;
    use super::*;

    #[test]
    fn a_strip_breaks_and_says_every_token() {
        let token = |text: &str, kl: f64| TokenDivergence { token: text.into(), kl };
        let scale = HeatScale { low: 0.0, high: 2.0, palette: HeatPalette::Safe };
        assert_eq!(token_strip("x", &[], scale), None);
        let one = token_strip("x", &[token("␣a<b", 0.5)], scale).unwrap();
        assert!(one.contains("height=\"20\"") && one.contains("␣a&lt;b 0.5"), "{one}");
        let many: Vec<_> = (0..12).map(|index| token("␣something", f64::from(index) / 6.0)).collect();
        let svg = token_strip("x", &many, scale).unwrap();
        assert_eq!(svg.matches("<text").count(), 12);
        assert!(!svg.contains("height=\"20\""), "one row can't hold them");
        assert!(token_strip_legend(scale).contains("from 0 to 2"));
    }
}
