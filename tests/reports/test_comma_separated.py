"""table.csv, whose columns scripts rely on."""

from dataclasses import replace

from srbench.experiments.store.record import Training
from srbench.metrics.figures import Cost
from srbench.reports.comma_separated import table_csv
from tests.reports.conftest import BASE, FILES, ON_FILES, OTHER, OTHER_WORDS, Outcome, imaged, latency, scored

COLUMNS = [
    *("ablation", "model", "variant", "baseline", "scale", "seeds", "params", "params_dead"),
    *("flops_720p", "flops_256", "activations_720p", "latency_ms"),
]
LAST = ["protocol", "resizer", "final_loss"]


def header(report) -> list[str]:
    return table_csv(report).splitlines()[0].split(",")


def test_columns_stand_in_the_order_that_scripts_rely_on(build):
    build.run("carn", BASE, left=scored(37.0, 0.95, set14=33.0))
    # SSIM is a column of every set as soon as one set has it.
    scores = ["set5.psnr", "set5.psnr.delta", "set5.ssim", "set5.ssim.delta"]
    scores += ["set14.psnr", "set14.psnr.delta", "set14.ssim"]
    assert header(build.report()) == [*COLUMNS, *scores, *LAST]


def test_the_parts_of_a_score_stand_beside_it_where_any_row_has_them(build):
    for seed in (0, 1):
        build.run("carn", BASE, seed=seed, hashed=f"{seed}0", left=imaged(set5=[30.0, 31.0 + seed]))
        other = imaged(set5=[31.0, 32.0 + seed])
        build.run("carn", OTHER, seed=seed, words=OTHER_WORDS, hashed=f"{seed}1", left=other)
    parts = ["", ".std", ".delta", ".delta_low", ".delta_high", ".delta_p"]
    assert header(build.report()) == [*COLUMNS, *(f"set5.psnr{part}" for part in parts), *LAST]


def test_a_study_without_runs_has_a_table_without_rows(build):
    assert table_csv(build.report()) == ",".join([*COLUMNS, *LAST]) + "\n"


def test_a_row_has_plain_units_and_is_empty_where_nothing_is_known(build):
    facts = {"cost": Cost(params=411_971, flops_720p=223_099_999_999), "train": Training(steps=9, final_loss=0.02)}
    build.run("carn", left=scored(37.0).with_facts(**facts))
    row = ',carn,default,False,2,1,411971,,223099999999,,,,37.0,"y (luma, border scale)",file,0.02'
    assert table_csv(build.report()).splitlines()[1] == row


def test_digits_are_kept(build):
    build.run("carn", left=scored(37.00000000000001).with_facts(latency=(latency(0.1 + 0.2),)))
    assert ",0.30000000000000004,37.00000000000001," in table_csv(build.report())


def test_an_infinite_score_is_inf(build):
    build.run("carn", left=scored(float("inf")))
    assert ",inf," in table_csv(build.report())


def test_overrides_in_which_rows_differ_are_the_last_columns(build):
    for width in (8, 16):
        build.run(words=("model=carn", f"model.width={width}"), hashed=f"{width}", left=scored(30.0))
    lines = table_csv(build.report()).splitlines()
    assert [line.rpartition(",")[2] for line in lines] == ["model.width", "8", "16"]


def test_every_row_names_its_protocol_and_what_made_its_lr(build):
    files = replace(ON_FILES, lr=replace(FILES, recognised=("matlab-replicate",)))
    made = replace(ON_FILES, lr=replace(FILES, files=False))
    certificates = {"set5": files, "val": made}
    build.run("carn", hashed="0", left=imaged(files, set5=[37.0]))
    build.run("mossnet", hashed="1", left=Outcome({"set5": {}, "val": {}}, facts={"certificates": certificates}))
    build.run("safmn", hashed="2")
    protocols = [row.protocol for row in build.report().rows]
    assert protocols == ["y (luma, border scale)", "y (luma, border scale)", None]
    resizers = [row.resizer for row in build.report().rows]
    assert resizers == ["file by matlab-replicate", "set5: file by matlab-replicate; val: matlab-symmetric", None]
