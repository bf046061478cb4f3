"""The report of a study, computed once from its records; Markdown, LaTeX, CSV and a terminal only show it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pandas import DataFrame

from srbench.experiments.store.loss_table import loss_frame
from srbench.experiments.store.stated_claims import StatedClaim
from srbench.experiments.store.study import Study, StudyRun
from srbench.reports.answers import AblationAnswer, answers, best_trade_offs
from srbench.reports.baselines import baseline_pairs, degraded_alike
from srbench.reports.certain_section import section_of_certainty
from srbench.reports.claims import JudgedClaim, judge_claims
from srbench.reports.claims_section import section_of_claims
from srbench.reports.columns import ScoreColumn, datasets_of, score_columns
from srbench.reports.comparison import TableRow, table_rows
from srbench.reports.crops import CropSet, crop_sets
from srbench.reports.differences import by_run
from srbench.reports.explained_scores import explained_scores
from srbench.reports.image_scores import image_scores
from srbench.reports.loss_curves import Panel, loss_panels
from srbench.reports.means import deltas, deviations, long_scores, means, usable_scores
from srbench.reports.ntire_score import with_ntire_score
from srbench.reports.provenance import Fact, provenance
from srbench.reports.published import PublishedScore, published_scores
from srbench.reports.published_costs import section_of_published_costs
from srbench.reports.published_runs import sections_of_published_runs
from srbench.reports.published_section import section_of_published
from srbench.reports.reasons import gaps
from srbench.reports.refusals import Refusal, refusals
from srbench.reports.report_place import PLAIN, ReportOptions
from srbench.reports.row_scores import Numbers, intervals, no_delta
from srbench.reports.rows import Member, differing, members_of
from srbench.reports.sections import Section, sections_of
from srbench.reports.significance import certainty
from srbench.reports.targets import reached_targets, section_of_targets
from srbench.reports.tradeoffs import TradeOffs, trade_offs


@dataclass(frozen=True)
class Report:
    """`folders`: those of `Study`; `runs`: every one, done or not; `scores`: of `long_scores`; `columns`: of scores.
    `rows` are compared with numbers, `sections` the same for people. `certain`: how sure differences are. `answers` and
    `best`: what it says first. `gaps`: what is not done or lacks, a line each."""

    study: str
    folders: tuple[Path, ...]
    runs: tuple[StudyRun, ...]
    facts: tuple[Fact, ...]
    scores: DataFrame
    columns: tuple[ScoreColumn, ...]
    settings: tuple[str, ...]
    rows: tuple[TableRow, ...]
    refusals: tuple[Refusal, ...]
    sections: tuple[Section, ...]
    published: tuple[PublishedScore, ...]
    published_section: Section | None
    published_costs: Section | None
    published_runs: tuple[Section, ...]
    panels: tuple[Panel, ...]
    claims: tuple[JudgedClaim, ...]
    claims_section: Section | None
    certain: Section | None
    answers: tuple[AblationAnswer, ...]
    trade_offs: tuple[TradeOffs, ...]
    best: tuple[str, ...]
    targets: Section | None
    crops: tuple[CropSet, ...]
    gaps: tuple[str, ...]
    options: ReportOptions

    @property
    def all_sections(self) -> tuple[Section, ...]:
        """With those of published figures and of claims, where there are any."""
        others = (
            *(self.published_section, *self.published_runs, self.published_costs),
            *(self.targets, self.claims_section),
        )
        return (*self.sections, *(section for section in others if section))

    @property
    def counts(self) -> dict[str, int]:
        """The number of runs that are done, failed or missing, without those of which there are none."""
        counts = Counter(run.status for run in self.runs)
        return {status: counts[status] for status in ("done", "failed", "missing") if counts[status]}


def build_report(study: Study, options: ReportOptions = PLAIN, explained: Path | None = None) -> Report:
    """The report of a study as it stands; `explained`: explain.csv, for the reasons of differences to published scores.

    Reads the scores of single images, the losses and some images. UserError where an option names a model that the
    study has not, or an image that it does not keep.
    """
    members = members_of(study)
    records = tuple(run.record for run in study.runs if run.record)
    datasets, columns = datasets_of(records), score_columns(records)
    scores, refused = long_scores(study.runs), refusals(members, datasets)
    numbers, certain = _numbers(members, refused, scores, datasets)
    rows = table_rows(members, columns, numbers)
    rows = rows if options.ntire is None else with_ntire_score(rows, options.ntire)
    losses = loss_frame([run.folder for run in study.runs])
    claims = _judged(study, rows, losses) if study.claims else ()
    published = published_scores(study.done, study.published, datasets, explained_scores(study.runs, explained))
    found = trade_offs(rows, published)
    return Report(
        study=study.name,
        folders=study.folders,
        runs=study.runs,
        facts=(*provenance(study.commands, study.done, options.ntire), *(("note", line) for line in study.strange)),
        scores=scores,
        columns=columns,
        settings=differing(members),
        rows=rows,
        refusals=refused,
        sections=sections_of(rows, study.ablations, certain),
        published=published,
        published_section=section_of_published(published),
        published_costs=section_of_published_costs(study.done),
        published_runs=sections_of_published_runs(study.published_runs, rows),
        panels=loss_panels(losses, rows, study.published_runs),
        claims=claims,
        claims_section=section_of_claims(claims),
        certain=section_of_certainty(certain, rows),
        answers=answers(rows, study.ablations),
        trade_offs=found,
        best=best_trade_offs(found),
        targets=section_of_targets(reached_targets(rows)),
        crops=crop_sets(rows, refused, options.crops),
        gaps=(*study.strange, *gaps(study.runs, refused)),
        options=options,
    )


def _judged(study: Study, rows: Sequence[TableRow], losses: DataFrame) -> tuple[JudgedClaim, ...]:
    """Reads the scores of single images where a claim is about scores."""
    metrics = {one.metric for claim in study.claims if isinstance(claim, StatedClaim) for one in claim.decides}
    scored = any("." in metric for metric in metrics)
    images = image_scores([run for run in study.runs if run.status == "done"] if scored else [])
    return judge_claims(study.claims, rows, by_run(losses), by_run(images))


def _numbers(
    members: Sequence[Member], refused: Sequence[Refusal], scores: DataFrame, datasets: Sequence[str]
) -> tuple[Numbers, DataFrame]:
    """The figures of all rows, and the lines of `certainty` that the intervals among them are from."""
    usable, beside = usable_scores(members, refused, scores), baseline_pairs(members)
    alike = [pair for pair in beside if degraded_alike(members, pair)]
    differences = deltas(usable, alike)
    compared = {one.run.folder: one.run for one in members if one.record and one.ablation}
    certain = certainty(members, alike, differences, image_scores(compared.values()))
    numbers = Numbers(
        means=means(usable),
        deviations=deviations(members, usable),
        deltas=differences,
        intervals=intervals(certain),
        refused={(one.row, one.dataset): one.reason for one in refused},
        no_delta=no_delta(members, beside, refused, datasets),
    )
    return numbers, certain
