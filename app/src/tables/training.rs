//! The tables that every study has: what is claimed, what was trained, and its losses.

use super::{Column, Table, Unit, Value, classification::fraction_value};
use rankscope_domain::{
    StudyResults,
    recipe::StudyKind,
    results::{CellResult, Finding},
};

/// `None`: there is no such table.
pub(super) fn table(name: &str, results: &StudyResults) -> Option<Table> {
    match name {
        "claims" => Some(claims(results)),
        "cells" => Some(cells(results)),
        "loss" => Some(losses(results)),
        _ => None,
    }
}

fn claims(results: &StudyResults) -> Table {
    let columns = vec![
        Column::text("claim", "Claim"),
        Column::text("finding", "This study"),
        Column::text("because", "Because").meaning("The test behind it, and what more data would be needed."),
    ];
    let rows = results.claims.iter().map(|claim| {
        let name = match claim.finding {
            Finding::Reproduced => "reproduced",
            Finding::Contradicted => "contradicted",
            Finding::Inconclusive => "inconclusive",
        };
        let finding = Value::Named { name: name.into(), label: claim.finding.label().into() };
        vec![Value::text(&claim.claim), finding, Value::text(&claim.because)]
    });
    Table::new("claims", "Claims", "What the paper claims, and what this study says of it.", columns, rows.collect())
}

fn cell_columns() -> Vec<Column> {
    vec![
        Column::text("arm", "Arm"),
        Column::plain("seed", "Seed", Unit::Count),
        Column::plain("fraction", "Minority fraction", Unit::Setting),
    ]
}

fn cell_values(cell: &CellResult) -> Vec<Value> {
    vec![Value::arm(cell.arm), Value::Integer(cell.seed), fraction_value(cell.cell.minority)]
}

fn cells(results: &StudyResults) -> Table {
    let is_toxicity = results.kind == StudyKind::Toxicity;
    let mut columns = cell_columns();
    if is_toxicity {
        // it has no minorities
        columns.pop();
    }
    columns.extend([
        Column::plain("learning_rate", "Learning rate", Unit::Setting),
        Column::plain("weight_decay", "Weight decay", Unit::Setting),
        Column::plain("lora_alpha", "lora_alpha", Unit::Setting),
        Column::plain("scaling", "Scaling", Unit::Setting).meaning("What B A is multiplied by."),
        Column::plain("trainable_parameters", "Trained parameters", Unit::Count),
        Column::plain("steps", "Steps", Unit::Count).meaning("Optimiser steps."),
        Column::plain("first_loss", "First loss", Unit::Nats).meaning("Mean over the target tokens of the first step."),
        Column::plain("last_loss", "Last loss", Unit::Nats).meaning("Mean over the target tokens of the last step."),
    ]);
    if is_toxicity {
        columns
            .push(Column::measured("share", "Toxic share", Unit::Share).meaning("Toxic over judged completions; interval: Wilson score."));
    }
    columns.extend([
        Column::plain("seconds", "Time", Unit::Seconds).meaning("Of all phases; of what cells did together, this cell’s part."),
        Column::plain("tokens", "Tokens", Unit::Count).meaning("Trained on, generated, or read by the judge."),
        Column::text("failed", "Failed").meaning("Why there is no result."),
    ]);
    let rows = results.cells.iter().map(|cell| {
        let mut row = cell_values(cell);
        if is_toxicity {
            row.pop();
        }
        row.extend([cell.learning_rate, cell.weight_decay, cell.lora_alpha, cell.scaling].map(Value::number));
        row.extend([Value::Integer(cell.trainable_parameters), Value::count(cell.losses.len() as u64)]);
        row.extend([cell.losses.first(), cell.losses.last()].map(|loss| Value::number(loss.copied())));
        if is_toxicity {
            row.push(Value::share(&cell.total));
        }
        row.extend([
            Value::number(cell.phases.iter().map(|phase| phase.seconds).sum::<f64>()),
            Value::Integer(cell.phases.iter().map(|phase| phase.tokens).sum()),
            Value::text(cell.failed.clone().unwrap_or_default()),
        ]);
        row
    });
    let caption = format!("One row a cell. The whole study took {:.0} s of work.", results.work_seconds);
    Table::new("cells", "Cells", caption, columns, rows.collect())
}

fn losses(results: &StudyResults) -> Table {
    let mut columns = cell_columns();
    columns.extend([
        Column::plain("step", "Step", Unit::Count).meaning("Optimiser step, from 1."),
        Column::plain("loss", "Loss", Unit::Nats).meaning("Mean over the target tokens of the step."),
    ]);
    let rows = results.cells.iter().flat_map(|cell| {
        (1_u64..).zip(&cell.losses).map(|(step, &loss)| {
            let mut row = cell_values(cell);
            row.extend([Value::Integer(step), Value::number(loss)]);
            row
        })
    });
    Table::new("loss", "Training loss", "Loss of each optimiser step.", columns, rows.collect())
}
