//! A part of the comparison: tables, charts, and how far the figures are from what is wanted.

use crate::table;

#[derive(Default)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What the figures mean.
    pub(crate) text: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A drawing of one figure of several things.
pub(crate) struct Chart {
    /// Of its file, without the extension.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) rows: Vec<(String, f64)>,
}

/// What a figure may be at most.
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) limit: f64,
    pub(crate) unit: &'static str,
    /// Nothing if what it is compared with is not there.
    pub(crate) measured: Option<f64>,
}

impl Bar {
    fn row(&self) -> Vec<String> {
        let number = |value: f64| format!("{value:.2} {}", self.unit);
        let verdict = match self.measured {
            None => "not measured",
            Some(measured) if measured <= self.limit => "met",
            Some(_) => "**not met**",
        };
        vec![
            self.what.clone(),
            number(self.limit),
            self.measured.map_or_else(|| "–".to_owned(), number),
            verdict.to_owned(),
        ]
    }
}

impl Section {
    /// In Markdown, but for the charts.
    pub(crate) fn to_markdown(&self) -> String {
        let mut markdown = format!("## {}\n\n{}\n", self.title, self.text);
        for Table { caption, head, rows } in &self.tables {
            if !caption.is_empty() {
                markdown += &format!("\n{caption}\n");
            }
            markdown += &format!("\n{}", table::to_markdown(head, rows));
        }
        markdown
    }
}

/// All bars as one table.
pub(crate) fn bars_to_markdown<'b>(bars: impl Iterator<Item = &'b Bar>) -> String {
    let head = ["what", "at most", "measured", "verdict"].map(str::to_owned);
    table::to_markdown(&head, &bars.map(Bar::row).collect::<Vec<_>>())
}

/// Prints a section that was measured by itself.
pub(crate) fn print(section: &Section) {
    println!("{}", section.to_markdown());
    let mut measured = section.bars.iter().filter(|bar| bar.measured.is_some()).peekable();
    if measured.peek().is_some() {
        println!("{}", bars_to_markdown(measured));
    }
}
