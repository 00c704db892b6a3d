//! Rounds, items, annotators and labels in the database.

use crate::{
    database::{Database, DatabaseError},
    study_id::StudyId,
};
use rankscope_domain::{
    annotation::{Annotator, AnnotatorProgress, GivenLabel, Label, RoundPlan, RoundSummary, SampledItem},
    completion::Verdict,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params, types::Type};

/// Bytes of a round's secret.
pub(super) const SECRET_LENGTH: usize = 32;

/// Labels of one completion by one annotator that are kept, to be taken back.
const CHANGES_KEPT: u32 = 10;

/// How many annotators a round may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnnotatorLimits {
    /// By one share link, and by all of them together.
    pub(super) link: usize,
    pub(super) links: usize,
    /// The owner's with them.
    pub(super) all: usize,
}

/// Whether an annotator was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    In,
    LinkIsFull,
    LinksAreFull,
    IsFull,
}

/// A round, and what its ids and orders are made with.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) id: String,
    pub(super) plan: RoundPlan,
    pub(super) secret: Vec<u8>,
}

/// A round with all that belongs to it.
#[derive(Debug)]
pub(super) struct WholeRound {
    pub(super) round: Round,
    pub(super) items: Vec<SampledItem>,
    pub(super) annotators: Vec<Annotator>,
    /// In the order in which they were given.
    pub(super) labels: Vec<GivenLabel>,
}

/// The labels that stand: of each item and annotator the newest.
const STANDING: &str = "SELECT item_id, name, source, label, given_at, MAX(number) FROM annotation_labels WHERE round_id = ?1
    GROUP BY item_id, name, source";

impl Database {
    pub(super) async fn insert_round(&self, study: &StudyId, round: Round, items: Vec<SampledItem>) -> Result<(), DatabaseError> {
        let study = study.to_string();
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            put_round(&transaction, &study, &round, &items)?;
            transaction.commit()
        })
        .await
    }

    /// Rounds of a study that came with labels: all of them or none.
    pub(super) async fn insert_whole_rounds(&self, study: &StudyId, rounds: Vec<WholeRound>, now: i64) -> Result<(), DatabaseError> {
        let study = study.to_string();
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            for WholeRound { round, items, annotators, labels } in &rounds {
                put_round(&transaction, &study, round, items)?;
                let mut statement =
                    transaction.prepare_cached("INSERT INTO annotators (round_id, name, source, consented_at) VALUES (?1, ?2, ?3, ?4)")?;
                for annotator in annotators {
                    statement.execute(params![round.id, annotator.name, annotator.source, now])?;
                }
                let mut statement = transaction.prepare_cached(
                    "INSERT INTO annotation_labels (round_id, item_id, name, source, label, given_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?;
                for given in labels {
                    let Annotator { name, source } = &given.annotator;
                    statement.execute(params![round.id, given.item, name, source, given.label.name(), given.at_ms])?;
                }
            }
            transaction.commit()
        })
        .await
    }

    /// Newest first.
    pub(super) async fn rounds(&self, study: &StudyId) -> Result<Vec<RoundSummary>, DatabaseError> {
        let study = study.to_string();
        self.call(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, plan, secret, (SELECT COUNT(*) FROM annotation_items WHERE round_id = annotation_rounds.id)
                 FROM annotation_rounds WHERE study_id = ?1 ORDER BY id DESC",
            )?;
            let rounds: Vec<(Round, u32)> =
                statement.query_map([study], |row| Ok((read_round(row)?, row.get(3)?)))?.collect::<rusqlite::Result<_>>()?;
            rounds
                .into_iter()
                .map(|(round, items)| {
                    let created_at = StudyId::created_at_of(&round.id).unwrap_or_default();
                    let annotators = annotators(connection, &round.id)?;
                    Ok(RoundSummary { id: round.id, created_at, plan: round.plan, items, annotators })
                })
                .collect()
        })
        .await
    }

    pub(super) async fn round(&self, study: &StudyId, id: &str) -> Result<Option<Round>, DatabaseError> {
        let (study, id) = (study.to_string(), id.to_string());
        self.call(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, plan, secret FROM annotation_rounds WHERE id = ?1 AND study_id = ?2")?;
            statement.query_row([id, study], read_round).optional()
        })
        .await
    }

    /// In the order of their ids, which is none.
    pub(super) async fn round_items(&self, round: &str) -> Result<Vec<SampledItem>, DatabaseError> {
        let round = round.to_string();
        self.call(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, cell, prompt_id, sample, verdict, population, weight FROM annotation_items WHERE round_id = ?1 ORDER BY id",
            )?;
            statement.query_map([round], read_item)?.collect()
        })
        .await
    }

    /// Takes an annotator in, who has consented, where there is room; one who is in already stays in.
    pub(super) async fn insert_annotator(
        &self,
        round: &str,
        annotator: &Annotator,
        now: i64,
        limits: AnnotatorLimits,
    ) -> Result<Taken, DatabaseError> {
        let (round, annotator) = (round.to_string(), annotator.clone());
        self.call(move |connection| {
            // counted and written in one: of those who come at once none gets past the limit
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let key = params![round, annotator.name, annotator.source];
            let sql = "SELECT EXISTS (SELECT 1 FROM annotators WHERE round_id = ?1 AND name = ?2 AND source = ?3)";
            if transaction.query_row(sql, key, |row| row.get(0))? {
                return Ok(Taken::In);
            }
            let sql = "SELECT COUNT(*), COALESCE(SUM(source <> ?2), 0), COALESCE(SUM(source = ?3), 0) FROM annotators WHERE round_id = ?1";
            let count = |row: &Row<'_>, index| row.get::<_, i64>(index).map(|count| usize::try_from(count).unwrap_or_default());
            let (all, of_links, of_source) = transaction.query_row(sql, params![round, Annotator::OWNER, annotator.source], |row| {
                Ok((count(row, 0)?, count(row, 1)?, count(row, 2)?))
            })?;
            let by_link = annotator.source != Annotator::OWNER;
            if all >= limits.all {
                return Ok(Taken::IsFull);
            }
            if by_link && of_source >= limits.link {
                return Ok(Taken::LinkIsFull);
            }
            if by_link && of_links >= limits.links {
                return Ok(Taken::LinksAreFull);
            }
            let sql = "INSERT INTO annotators (round_id, name, source, consented_at) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(sql, params![round, annotator.name, annotator.source, now])?;
            transaction.commit()?;
            Ok(Taken::In)
        })
        .await
    }

    pub(super) async fn has_annotator(&self, round: &str, annotator: &Annotator) -> Result<bool, DatabaseError> {
        let (round, annotator) = (round.to_string(), annotator.clone());
        self.call(move |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM annotators WHERE round_id = ?1 AND name = ?2 AND source = ?3)";
            connection.prepare_cached(sql)?.query_row([round, annotator.name, annotator.source], |row| row.get(0))
        })
        .await
    }

    /// Keeps a label. It is on the disk when this returns, a power cut included: nobody reads a hundred completions twice.
    pub(super) async fn insert_labels(&self, round: &str, labels: Vec<GivenLabel>) -> Result<(), DatabaseError> {
        let round = round.to_string();
        self.call_durably(move |connection| {
            let transaction = connection.transaction()?;
            for given in &labels {
                transaction.execute(
                    "INSERT INTO annotation_labels (round_id, item_id, name, source, label, given_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![round, given.item, given.annotator.name, given.annotator.source, given.label.name(), given.at_ms],
                )?;
                // who changes their mind for ever does not fill the disk
                transaction.execute(
                    "DELETE FROM annotation_labels WHERE number IN (SELECT number FROM annotation_labels WHERE round_id = ?1
                        AND name = ?2 AND source = ?3 AND item_id = ?4 ORDER BY number DESC LIMIT -1 OFFSET ?5)",
                    params![round, given.annotator.name, given.annotator.source, given.item, CHANGES_KEPT],
                )?;
            }
            transaction.commit()
        })
        .await
    }

    /// Takes an annotator's newest label away and gives its item; the label before it on that item stands again.
    pub(super) async fn take_back_label(&self, round: &str, annotator: &Annotator) -> Result<Option<String>, DatabaseError> {
        let (round, annotator) = (round.to_string(), annotator.clone());
        self.call(move |connection| {
            let sql = "DELETE FROM annotation_labels WHERE number =
                (SELECT MAX(number) FROM annotation_labels WHERE round_id = ?1 AND name = ?2 AND source = ?3) RETURNING item_id";
            connection.query_row(sql, [round, annotator.name, annotator.source], |row| row.get(0)).optional()
        })
        .await
    }

    /// Labels that stand, by item and annotator.
    pub(super) async fn standing_labels(&self, round: &str) -> Result<Vec<GivenLabel>, DatabaseError> {
        let round = round.to_string();
        self.call(move |connection| connection.prepare_cached(STANDING)?.query_map([round], read_label)?.collect()).await
    }
}

fn put_round(transaction: &Transaction<'_>, study: &str, round: &Round, items: &[SampledItem]) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO annotation_rounds (id, study_id, plan, secret) VALUES (?1, ?2, ?3, ?4)",
        params![round.id, study, plan_text(round.plan), round.secret],
    )?;
    let sql = "INSERT INTO annotation_items (round_id, id, cell, prompt_id, sample, verdict, population, weight)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut statement = transaction.prepare_cached(sql)?;
    for item in items {
        let (cell, verdict) = (item.cell.to_string(), item.verdict.name());
        statement.execute(params![round.id, item.id, cell, item.prompt_id, item.sample, verdict, item.population, item.weight])?;
    }
    Ok(())
}

fn annotators(connection: &Connection, round: &str) -> rusqlite::Result<Vec<AnnotatorProgress>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, source, (SELECT COUNT(DISTINCT item_id) FROM annotation_labels AS given WHERE given.round_id = annotators.round_id
            AND given.name = annotators.name AND given.source = annotators.source) FROM annotators WHERE round_id = ?1 ORDER BY name, source",
    )?;
    let read =
        |row: &Row<'_>| Ok(AnnotatorProgress { annotator: Annotator { name: row.get(0)?, source: row.get(1)? }, labelled: row.get(2)? });
    statement.query_map([round], read)?.collect()
}

fn plan_text(plan: RoundPlan) -> String {
    serde_json::to_string(&plan).unwrap_or_default()
}

fn unreadable(index: usize, text: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, format!("unexpected value {text:?}").into())
}

fn read_round(row: &Row<'_>) -> rusqlite::Result<Round> {
    let plan: String = row.get(1)?;
    Ok(Round { id: row.get(0)?, plan: serde_json::from_str(&plan).map_err(|_| unreadable(1, &plan))?, secret: row.get(2)? })
}

fn read_item(row: &Row<'_>) -> rusqlite::Result<SampledItem> {
    let (cell, verdict): (String, String) = (row.get(1)?, row.get(4)?);
    Ok(SampledItem {
        id: row.get(0)?,
        cell: cell.parse().map_err(|_| unreadable(1, &cell))?,
        prompt_id: row.get(2)?,
        sample: row.get(3)?,
        verdict: Verdict::ALL.into_iter().find(|known| known.name() == verdict).ok_or_else(|| unreadable(4, &verdict))?,
        population: row.get(5)?,
        weight: row.get(6)?,
    })
}

fn read_label(row: &Row<'_>) -> rusqlite::Result<GivenLabel> {
    let label: String = row.get(3)?;
    Ok(GivenLabel {
        item: row.get(0)?,
        annotator: Annotator { name: row.get(1)?, source: row.get(2)? },
        label: Label::from_name(&label).ok_or_else(|| unreadable(3, &label))?,
        at_ms: row.get(4)?,
    })
}
