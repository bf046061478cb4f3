"""Which run stands in which row, and in which order the rows stand."""

from dataclasses import replace

from srbench.experiments.store.record import Membership
from tests.reports.conftest import BASE, BASE_WORDS, OTHER, OTHER_WORDS, SET5, means, psnr, scored


def places(report) -> list[tuple[str, int | None, str]]:
    return [(row.model, row.scale, row.variant) for row in report.rows]


def test_the_baseline_leads_its_group_and_runs_in_no_ablation_lead_the_table(build):
    build.run("mossnet", Membership("atrous", "2-4", False), left=scored(36.0))
    build.run("carn", OTHER, scale=4, left=scored(30.0))
    build.run("carn", OTHER, left=scored(37.0))
    build.run("carn", BASE, left=scored(37.0))
    build.run("mossnet", Membership("atrous", "1-1", True), left=scored(36.0))
    build.run("espcn", left=scored(35.0))
    build.run("bicubic", left=scored(33.0))
    assert places(build.report()) == [
        ("bicubic", 2, "default"),
        ("espcn", 2, "default"),
        ("mossnet", 2, "1-1"),
        ("mossnet", 2, "2-4"),
        ("carn", 2, "1-1-1"),
        ("carn", 2, "1-2-1"),
        ("carn", 4, "1-2-1"),
    ]


def test_outside_ablations_the_scale_stands_before_the_model_and_bicubic_on_top_of_each(build):
    for model, scale in (("carn", 4), ("carn", 2), ("bicubic", 4), ("bicubic", 2), ("espcn", 4)):
        build.run(model, scale=scale, hashed=f"{model[0]}{scale}", left=scored(33.0))
    found = [place[:2] for place in places(build.report())]
    assert found == [("bicubic", 2), ("carn", 2), ("bicubic", 4), ("carn", 4), ("espcn", 4)]


def test_seeds_share_a_row(build):
    for seed in range(3):
        build.run("carn", seed=seed, hashed=f"{seed}", left=scored(37.0 + seed))
    (row,) = build.report().rows
    assert [member.seed for member in row.members] == [0, 1, 2]


def test_a_shared_baseline_stands_in_both_ablations_and_serves_both(build):
    both = (BASE, Membership("se", "none", True))
    build.run("carn", *both, words=(*BASE_WORDS, "model.se=false"), hashed="0", left=scored(37.0))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=scored(37.5))
    words = ("model=carn", "model.se=true")
    build.run("carn", Membership("se", "se", False), words=words, hashed="2", left=scored(36.0))
    report = build.report()
    found = [(row.ablation, row.variant, psnr(report, row.variant).delta) for row in report.rows]
    assert found == [("atrous", "1-1-1", 0), ("atrous", "1-2-1", 0.5), ("se", "none", 0), ("se", "se", -1)]
    assert report.settings == ()


def test_a_run_that_two_commands_planned_in_two_ablations_stands_in_both(build):
    name = build.run("carn", BASE, left=scored(37.0))
    (run,) = build.study().runs
    build.plan({name: replace(run.planned, memberships=(Membership("se", "none", True),))})
    assert [(row.ablation, row.variant) for row in build.report().rows] == [("atrous", "1-1-1"), ("se", "none")]


def test_keys_outside_the_weights_do_not_part_a_run_from_its_baseline(build):
    build.run("carn", BASE, words=(*BASE_WORDS, "labels=[a]", "jobs=2"), hashed="0", left=scored(37.0))
    more = ("labels=[b]", "data_root=/x", "data.root=/y", "hydra/launcher=ray", "+eval.datasets=[set5]", "device=cuda")
    build.run("carn", OTHER, words=OTHER_WORDS + more, hashed="1", left=scored(37.5))
    report = build.report()
    assert [row.scores[column].delta for row in report.rows for column in report.columns] == [0, 0.5]
    assert report.settings == ()


def test_rows_are_told_apart_by_overrides_outside_the_ablation(build):
    for width in (8, 16):
        build.run(words=("model=carn", f"model.width={width}"), hashed=f"{width}", left=scored(30.0 + width))
    report = build.report()
    assert [row.settings for row in report.rows] == [{"model.width": "8"}, {"model.width": "16"}]
    assert [row.label for row in report.rows] == ["carn model.width=8", "carn model.width=16"]


def test_overrides_of_bicubic_alone_tell_nothing_apart(build):
    build.run("bicubic", words=("recipe.ema=1",), hashed="0", left=scored(33.0))
    build.run("carn", hashed="1", left=scored(37.0))
    assert build.report().settings == ()


def test_runs_of_an_edited_config_stay_apart_and_without_delta(build):
    for hashed, value in (("aaaa", 37.0), ("bbbb", 39.0)):
        build.run("carn", BASE, words=BASE_WORDS, hashed=hashed, left=scored(value))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="cccc", left=scored(37.5))
    report = build.report()
    assert means(report) == [37.0, 39.0, 37.5]
    assert [row.settings["config_hash"][:4] for row in report.rows] == ["aaaa", "bbbb", ""]
    assert psnr(report, "1-2-1").delta is None


def test_a_run_of_which_only_its_folder_is_left_has_a_row(build):
    (build.folder / "carn-x2").mkdir()
    (build.folder / "carn-x2" / "result.json").write_text("{")
    assert places(build.report()) == [("carn-x2", None, "default")]


def of_code(value: float, code: str):
    return scored(value).with_facts(own_code={"net.Mine": code, "losses.Own": "1111"})


def test_trainings_before_and_after_an_edit_of_the_network_are_not_seeds_of_one_row(build):
    for seed, code in enumerate(("aaaa", "aaaa", "bbbb")):
        build.run("carn", BASE, words=BASE_WORDS, seed=seed, hashed=f"0{seed}", left=of_code(37.0 + seed, code))
        build.run("carn", OTHER, words=OTHER_WORDS, seed=seed, hashed=f"1{seed}", left=of_code(38.0 + seed, code))
    report = build.report()
    assert report.settings == ("code",)
    found = [(one.variant, one.settings["code"], [member.seed for member in one.members]) for one in report.rows]
    assert found == [(v, code, seeds) for code, seeds in (("aaaa", [0, 1]), ("bbbb", [2])) for v in ("1-1-1", "1-2-1")]
    assert [one.scores[SET5].delta for one in report.rows] == [0, 1, 0, 1]


def test_variants_that_are_classes_of_their_own_are_compared_whatever_their_code(build):
    for place, words, name in ((BASE, BASE_WORDS, "net.One"), (OTHER, OTHER_WORDS, "net.Two")):
        build.run("carn", place, words=words, hashed=name, left=scored(37.0).with_facts(own_code={name: name}))
    report = build.report()
    assert (report.settings, psnr(report, "1-2-1").delta) == ((), 0)


def test_rows_of_two_folders_of_training_images_are_told_apart_by_them(build):
    for root in ("day", "night"):
        for place, words in ((BASE, BASE_WORDS), (OTHER, OTHER_WORDS)):
            left = scored(37.0)
            name = build.run(
                "carn", place, words=(*words, f"data.root={root}"), hashed=f"{root}{place.variant}", left=left
            )
            (run,) = [run for run in build.study().runs if run.name == name]
            build.plan({name: replace(run.planned, contexts={place.ablation: root})})
    report = build.report()
    assert [(one.variant, one.settings) for one in report.rows] == [
        (variant, {"data.root": root}) for root in ("day", "night") for variant in ("1-1-1", "1-2-1")
    ]
