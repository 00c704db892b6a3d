//! The allow-list of comparisons: their types taken apart field by field, without `..`. What is written in words was made of what the list lets
//! through of each study ([`Told`]), and names are taken from there alone.

use super::allow_list::{AllowList, FAILED};
use crate::comparison::{Told, shown_of};
use rankscope_domain::{
    Arm, FieldErrors, StudyResults,
    class_results::{ClassificationResults, ReadingResults},
    comparison::{
        ComparedArm, ComparedCompletions, ComparedContrast, ComparedPrompt, ComparedReading, ComparedStudy, Comparison, ContrastFamily,
        ContrastTable, FieldRow, LensComparison, Pairing, RecipeComparison,
    },
    inspection::InspectionResults,
    snapshot::{EveryPrompt, PromptRow},
    view::JudgedCompletion,
};

impl AllowList {
    /// `told`: of each study, by place.
    pub(super) fn comparison(&self, comparison: Comparison, told: Vec<Told>) -> Comparison {
        let Comparison {
            studies,
            // nothing is frozen that has any
            problems: _,
            against,
            // in every choice of theirs, beside this one
            toxicity: _,
            accuracy: _,
            divergence,
            lens: _,
            completions: _,
            recipe,
        } = comparison;
        Comparison {
            studies: studies.into_iter().zip(told).map(|(study, told)| compared_study(study, told)).collect(),
            problems: FieldErrors::default(),
            against: against.map(compared_arm),
            toxicity: None,
            accuracy: None,
            divergence: divergence.map(|table| self.contrasts(table)),
            lens: None,
            completions: None,
            recipe: recipe.map(recipe_fields),
        }
    }

    pub(super) fn contrasts(&self, table: ContrastTable) -> ContrastTable {
        let ContrastTable { studies, groups, group, fractions, fraction, readings, families, pairings, notes } = table;
        ContrastTable {
            studies,
            groups,
            group,
            fractions,
            fraction,
            readings,
            families: families.into_iter().map(family).collect(),
            pairings: pairings.into_iter().map(pairing).collect(),
            notes,
        }
    }

    pub(super) fn compared_lens(&self, lens: LensComparison) -> LensComparison {
        let LensComparison { prompts, prompt, readings, notes } = lens;
        let reading = |ComparedReading { study, reading }: ComparedReading| ComparedReading { study, reading: self.lens(reading) };
        LensComparison { prompts, prompt, readings: readings.into_iter().map(reading).collect(), notes }
    }

    pub(super) fn every_prompt(&self, every: EveryPrompt) -> EveryPrompt {
        let EveryPrompt { studies, groups, rows, notes } = every;
        let row = |PromptRow { prompt, in_every }: PromptRow| PromptRow { prompt: self.compared_prompt(prompt), in_every };
        EveryPrompt { studies, groups, rows: rows.into_iter().map(row).collect(), notes }
    }

    fn compared_prompt(&self, prompt: ComparedPrompt) -> ComparedPrompt {
        let ComparedPrompt { prompt, group, category, columns } = prompt;
        ComparedPrompt { prompt, group, category, columns: columns.into_iter().map(|column| self.column(column)).collect() }
    }

    fn column(&self, column: ComparedCompletions) -> ComparedCompletions {
        let ComparedCompletions { of, completions } = column;
        let judged = |JudgedCompletion { cell, completion, judgement }: JudgedCompletion| JudgedCompletion {
            cell,
            completion: self.completion(completion),
            judgement: judgement.map(|judgement| self.judgement(judgement)),
        };
        ComparedCompletions { of: compared_arm(of), completions: completions.into_iter().map(judged).collect() }
    }
}

fn compared_study(study: ComparedStudy, told: Told) -> ComparedStudy {
    let ComparedStudy {
        // where the owner finds it
        id: _,
        name: _,
        kind,
        status,
        progress,
        model: _,
        // those that are not shown are not shared
        arms: _,
        shown,
        failed,
        results: _,
    } = study;
    let Told { recipe, results, provenance: _ } = told;
    let model = results.as_ref().map(|results| results.model.name.clone()).filter(|name| !name.is_empty());
    ComparedStudy {
        id: String::new(),
        name: recipe.name,
        kind,
        status,
        progress,
        model: model.unwrap_or(recipe.model.source),
        failed: failed.into_iter().filter(|(cell, _)| shown.contains(&cell.arm)).map(|(cell, _)| (cell, FAILED.into())).collect(),
        results: results.map(|results| of_arms(shown_of(&results), &shown)),
        arms: shown.clone(),
        shown,
    }
}

/// The results of the arms that are shown. What it is given went through the list, and is without what no comparison shows.
fn of_arms(results: StudyResults, shown: &[Arm]) -> StudyResults {
    let is_shown = |arm: Arm| shown.contains(&arm);
    let StudyResults { arms, classification, inspection, .. } = &results;
    let arms = arms.iter().filter(|result| is_shown(result.arm)).cloned().collect();
    let classification = classification.as_ref().map(|measured| ClassificationResults {
        readings: measured
            .readings
            .iter()
            .map(|reading| ReadingResults {
                arms: reading.arms.iter().filter(|result| is_shown(result.arm)).cloned().collect(),
                ..reading.clone()
            })
            .collect(),
        ..measured.clone()
    });
    let inspection = inspection.as_ref().map(|inspection| InspectionResults {
        divergences: inspection.divergences.iter().filter(|found| is_shown(found.arm)).cloned().collect(),
        ..inspection.clone()
    });
    StudyResults { arms, classification, inspection, ..results }
}

fn compared_arm(arm: ComparedArm) -> ComparedArm {
    let ComparedArm { study, arm } = arm;
    ComparedArm { study, arm }
}

fn family(family: ContrastFamily) -> ContrastFamily {
    let ContrastFamily { measure, contrasts } = family;
    ContrastFamily { measure, contrasts: contrasts.into_iter().map(contrast).collect() }
}

fn contrast(contrast: ComparedContrast) -> ComparedContrast {
    let ComparedContrast { of, against, difference, low, high, p, p_holm, test, examples, examples_against, clusters, detectable } =
        contrast;
    ComparedContrast {
        of: compared_arm(of),
        against: compared_arm(against),
        difference,
        low,
        high,
        p,
        p_holm,
        test,
        examples,
        examples_against,
        clusters,
        detectable,
    }
}

fn pairing(pairing: Pairing) -> Pairing {
    let Pairing { study, against, common, of_study, of_against, statement } = pairing;
    Pairing { study, against, common, of_study, of_against, statement }
}

fn recipe_fields(fields: RecipeComparison) -> RecipeComparison {
    let RecipeComparison { recipe, provenance } = fields;
    let row = |FieldRow { field, values, differs }: FieldRow| FieldRow { field, values, differs };
    RecipeComparison { recipe: recipe.into_iter().map(row).collect(), provenance: provenance.into_iter().map(row).collect() }
}
