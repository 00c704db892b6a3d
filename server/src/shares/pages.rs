//! What the pages ask of share links: the owner's list and form, and what is behind a link.

use crate::{
    backend::StudyBackend,
    error::{from_study, internal, no_such_study},
    shares::{
        ShareError,
        downloads::{damaged, no_comparison, no_study},
        now,
        store::Share,
    },
    study_id::StudyId,
};
use rankscope_app::{
    api::shares::{Shareable, ShareableComparison},
    error::AppError,
};
use rankscope_domain::{
    comparison::{Comparison, letter},
    comparison_query::{ComparisonQuery, ComparisonView},
    inspection::LensReading,
    recipe::StudyKind,
    share::{ShareEntry, ShareRequest, SharedComparisonOverview, SharedContent, SharedOverview, SharedPage},
    snapshot::{Snapshot, SnapshotContent, comparison_title},
    view::{CompletionPage, CompletionQuery},
};
use rankscope_study::{shared_comparison, shared_completion_page};

/// The same for a token that was never one, that has ended, and that opens nothing more.
pub(super) fn no_such_share() -> AppError {
    AppError::NotFound("There is nothing behind this link. It may have expired or been revoked: ask whoever sent it for another.".into())
}

fn from_share(error: ShareError) -> AppError {
    match error {
        ShareError::Invalid(fields) => AppError::Invalid(fields),
        ShareError::NoResults => AppError::Conflict(error.to_string()),
        ShareError::Study(error) => from_study("freezing a study", error),
        ShareError::Database(error) => internal("noting a share", &error),
        other => internal("making a share", &other),
    }
}

impl StudyBackend {
    pub(crate) async fn list_shares(&self, study: &str) -> Result<Vec<ShareEntry>, AppError> {
        let study = if study.is_empty() { None } else { Some(study.parse::<StudyId>().map_err(|_| no_such_study())?) };
        let rows = self.shares.store().list(study.as_ref()).await.map_err(|error| internal("listing shares", &error))?;
        let now = now();
        Ok(rows.iter().map(|row| row.entry(now)).collect())
    }

    pub(crate) async fn shareable_study(&self, study: &str) -> Result<Option<Shareable>, AppError> {
        let row = match self.row(study).await {
            Ok(row) => row,
            Err(AppError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (reader, id) = (self.reader.clone(), row.id.to_string());
        let has_rounds = self.has_rounds(study).await?;
        let overview =
            tokio::task::spawn_blocking(move || reader.overview(&row)).await.map_err(|error| internal("a task panicked", &error))??;
        let has_completions = overview.card.kind == StudyKind::Toxicity;
        Ok(Some(Shareable { id, name: overview.card.name, has_results: overview.results.is_some(), has_completions, has_rounds }))
    }

    pub(crate) async fn make_share(&self, study: &str, request: ShareRequest) -> Result<String, AppError> {
        let row = self.row(study).await?;
        let opened = self.library.study(&row.id).ok_or_else(no_such_study)?;
        let made = self.shares.make_of_study(opened, Some(row.id), request).await.map_err(from_share)?;
        self.shares.keep_to_show(&made);
        Ok(made.id)
    }

    /// Why it can't be shared stands in it.
    pub(crate) async fn shareable_of(&self, query: &ComparisonQuery) -> Result<ShareableComparison, AppError> {
        let comparison = self.compared(query, Some(&[])).await?;
        let mut problems: Vec<String> = comparison.problems.0.iter().map(ToString::to_string).collect();
        for (place, study) in comparison.studies.iter().enumerate().filter(|(_, study)| study.results.is_none()) {
            problems.push(format!("{} ({}) has no results yet. Leave it out, or share when it is finished.", letter(place), study.name));
        }
        let names: Vec<String> = comparison.studies.iter().map(|study| study.name.clone()).collect();
        Ok(ShareableComparison {
            title: comparison_title(&names),
            problems,
            has_completions: comparison.studies.iter().any(|study| study.has(ComparisonView::Completions)),
        })
    }

    pub(crate) async fn make_comparison_share(&self, query: &ComparisonQuery, request: ShareRequest) -> Result<String, AppError> {
        let asked = self.asked(&query.studies).await?;
        let ids = asked.iter().filter(|one| one.found.is_some()).filter_map(|one| one.id.parse().ok()).collect();
        let _permit = self.permit_to_compare().await?;
        let made = self.shares.make_of_comparison(asked, ids, query.clone(), request).await.map_err(from_share)?;
        self.shares.keep_to_show(&made);
        Ok(made.id)
    }

    pub(crate) async fn end_share(&self, id: &str) -> Result<(), AppError> {
        if self.shares.revoke(id).await.map_err(|error| internal("revoking a share", &error))? {
            return Ok(());
        }
        Err(AppError::NotFound("There is no such link. The list of links shows all there are.".into()))
    }

    /// Also of a study that is deleted.
    pub(crate) async fn end_shares(&self, study: &str) -> Result<(), AppError> {
        let study: StudyId = study.parse().map_err(|_| no_such_study())?;
        self.shares.revoke_all(&study).await.map(drop).map_err(|error| internal("revoking shares", &error))
    }

    /// What `read` makes of the copy that a token opens, its hash checked, and of the link it was opened by; off the async threads, what
    /// it copies included.
    async fn of_share<T: Send + 'static>(
        &self,
        token: &str,
        read: impl FnOnce(Share, &Snapshot) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let share = self.shares.find(token).await.map_err(|error| internal("looking a share up", &error))?.ok_or_else(no_such_share)?;
        self.shares
            .reading(move |shares| {
                let snapshot = shares.read(&share).map_err(damaged)?;
                read(share, &snapshot)
            })
            .await
    }

    pub(crate) async fn shared_page(&self, token: &str) -> Result<SharedPage, AppError> {
        self.of_share(token, |share, snapshot| Ok(page_of(share, snapshot))).await
    }

    pub(crate) async fn shared_readings(&self, token: &str) -> Result<Vec<LensReading>, AppError> {
        self.of_share(token, |_, snapshot| Ok(snapshot.study().ok_or_else(no_study)?.lens.clone())).await
    }

    pub(crate) async fn shared_part(&self, token: &str, query: ComparisonQuery) -> Result<Comparison, AppError> {
        let part = move |_, snapshot: &Snapshot| Ok(shared_comparison(snapshot.comparison().ok_or_else(no_comparison)?, &query));
        self.of_share(token, part).await
    }

    pub(crate) async fn shared_texts(&self, token: &str, query: CompletionQuery) -> Result<CompletionPage, AppError> {
        let none = || AppError::NotFound("This study was shared without its completions.".into());
        self.of_share(token, move |_, snapshot| shared_completion_page(snapshot.study().ok_or_else(no_study)?, &query).ok_or_else(none))
            .await
    }
}

fn page_of(share: Share, snapshot: &Snapshot) -> SharedPage {
    let content = match &snapshot.content {
        SnapshotContent::Study(study) => SharedContent::Study(Box::new(SharedOverview {
            summary: study.summary.clone(),
            recipe_toml: study.recipe_toml.clone(),
            provenance: study.provenance.clone(),
            results: study.results.clone(),
            has_completions: study.completions.is_some(),
        })),
        SnapshotContent::Comparison(comparison) => SharedContent::Comparison(SharedComparisonOverview {
            title: comparison.title.clone(),
            studies: comparison.common.studies.len() as u32,
            views: comparison.views(),
        }),
    };
    SharedPage {
        frozen_at: snapshot.frozen_at.clone(),
        rankscope_version: snapshot.rankscope_version.clone(),
        content_sha256: share.content_sha256,
        anonymous: snapshot.anonymous,
        may_annotate: share.annotate,
        content,
    }
}
