//! Bar charts as SVG.

use crate::section::Chart;

const WIDTH: usize = 760;
const NAME_WIDTH: usize = 230;
const VALUE_WIDTH: usize = 90;
const ROW_HEIGHT: usize = 22;
const TITLE_HEIGHT: usize = 34;

/// GitHub shows drawings on white and on black.
const STYLE: &str = "text { font: 13px sans-serif; fill: #1f2328 } .title { font-weight: bold } \
    rect { fill: #8c959f } .ours { fill: #0969da } .limit { fill: #afb8c1 } \
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .limit { fill: #57606a } }";

impl Chart {
    /// Shorter is better.
    pub(crate) fn to_svg(&self) -> String {
        let height = TITLE_HEIGHT + self.rows.len() * ROW_HEIGHT + 8;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<style>{STYLE}</style>\n\
             <text class=\"title\" x=\"8\" y=\"20\">{} (shorter is better)</text>\n",
            escaped(&self.title)
        );
        let most = self.rows.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        for (index, (name, value)) in self.rows.iter().enumerate() {
            svg += &self.row(TITLE_HEIGHT + index * ROW_HEIGHT, name, *value, most);
        }
        svg + "</svg>\n"
    }

    fn row(&self, y: usize, name: &str, value: f64, most: f64) -> String {
        let class = match name {
            name if name.starts_with("bowsprit") => "ours",
            name if name.starts_with("bare") => "limit",
            _ => "peer",
        };
        let width = (WIDTH - NAME_WIDTH - VALUE_WIDTH) as f64 * value / most;
        let (baseline, name_end) = (y + 15, NAME_WIDTH - 8);
        let value_start = NAME_WIDTH as f64 + width + 6.0;
        format!(
            "<text x=\"{name_end}\" y=\"{baseline}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{NAME_WIDTH}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"/>\
             <text x=\"{value_start:.1}\" y=\"{baseline}\">{} {}</text>\n",
            escaped(name),
            y + 2,
            ROW_HEIGHT - 5,
            rounded(value),
            self.unit
        )
    }
}

/// Three digits or more.
fn rounded(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
