//! Tables in Markdown.

/// Prints a table whose first column is on the left and the others on the right.
pub(crate) fn print(head: &[String], rows: &[Vec<String>]) {
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().chain([&head.to_vec()]).map(|row| row[column].len()).max();
            cells.unwrap_or(0).max(3)
        })
        .collect();
    print_row(head, &widths);
    let rules: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(column, width)| match column {
            0 => "-".repeat(*width),
            _ => format!("{}:", "-".repeat(width - 1)),
        })
        .collect();
    print_row(&rules, &widths);
    for row in rows {
        print_row(row, &widths);
    }
}

fn print_row(row: &[String], widths: &[usize]) {
    let mut line = String::from("|");
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        line.push_str(&match column {
            0 => format!(" {cell:<width$} |"),
            _ => format!(" {cell:>width$} |"),
        });
    }
    println!("{line}");
}

/// The middle one of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
