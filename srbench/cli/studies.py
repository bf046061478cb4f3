"""The verbs on a study that is on disk: report, status, verify and explain."""

from contextlib import ExitStack
from pathlib import Path

from srbench.cli.standings import print_standing, watch_study
from srbench.cli.verbs import ExplainVerb, ReportVerb, StatusVerb, VerifyVerb
from srbench.core import hardware, progress
from srbench.core.garbage import no_collections
from srbench.core.harmless import visible
from srbench.core.paths import check_place
from srbench.experiments.store.standing import look


def report_study(asked: ReportVerb) -> bool:
    """Writes the report and prints its summary."""
    from srbench.cli.printed_report import print_report
    from srbench.experiments.store.joined_studies import join_studies
    from srbench.experiments.store.packs import opened_study
    from srbench.reports.report_place import ReportOptions

    check_place("reports_dir", asked.reports_dir)
    with ExitStack() as opened, no_collections():
        studies = [opened.enter_context(opened_study(path)) for path in asked.studies]
        print_report(join_studies(studies), asked.reports_dir, ReportOptions(asked.ntire, asked.crops))
    return True


def show_status(asked: StatusVerb) -> bool:
    """Prints how each run stands, and how many there are of each state; with `watch` again and again."""
    if asked.watch:
        watch_study(asked.study)
    else:
        print_standing(look(asked.study))
    return True


def verify_study(asked: VerifyVerb) -> bool:
    """Prints what comes out for each run. All is well where scores were recomputed, all of them agree, and every image
    that should be there was looked at."""
    from srbench.audits.verify import summary_of_findings, verify
    from srbench.experiments.reopen import should_keep_images

    with progress.bar("verify") as tell:
        findings = verify(asked.study, asked.sample, tell, asked.data_root, asked.allow)
    for finding in findings:
        print(finding)
    print(summary_of_findings(findings, asked.sample))
    unseen = any(
        one.verdict == "unknown" and should_keep_images(asked.study / one.run, asked.allow) for one in findings
    )
    wrong = any(one.differs or one.unverified for one in findings)
    return any(one.scores for one in findings) and not wrong and not unseen


def explain_study(asked: ExplainVerb) -> bool:
    """Writes explain.md and explain.csv, and prints what they say."""
    import torch

    from srbench.audits import explain

    check_place("reports_dir", asked.reports_dir)
    torch.set_num_threads(hardware.cores())
    with progress.bar("explain") as tell:
        explained = explain.explain(
            asked.study, asked.run or "", asked.dataset or "", tell, asked.data_root, asked.allow
        )
    folder: Path = explain.write_explanation(explained, asked.reports_dir)
    print(explain.as_text(explained, asked.mine), end="\n\n")
    print(visible(f"explain: {folder / 'explain.md'}, {folder / 'explain.csv'}"))
    return True
