"""What a report says its numbers rest on."""

from srbench.reports.comparison import comparison
from srbench.reports.markup import to_latex, to_markdown

BASE, OTHER = ("atrous", "1-1-1", True), ("atrous", "1-2-1", False)
MACHINE = {
    "device": "AMD EPYC",
    "threads": 2,
    "git": "0a1b2c3d4e5f",
    "versions": {"python": "3.11.7", "srbench": "0.1.0", "torch": "2.8.0", "lightning": "2.5.5"},
}


def facts(study) -> dict[str, str]:
    head = to_markdown(comparison(study), study).partition("\n## ")[0]
    return dict(line[2:].split(": ", 1) for line in head.splitlines() if line.startswith("- "))


def test_versions_machine_and_data_are_named(build, scored):
    for hashed, place, scale in (("0", BASE, 2), ("1", OTHER, 2), ("2", BASE, 4)):
        sums = {"set5": {"hr": "5eeecb039e98f88e", "lr": f"{scale}355cdb7bcc00cf2"}, "val": {"hr": "c0ffee00c0ffee00"}}
        build.run("carn", place, hashed=hashed, scale=scale, record=scored(37.0) | MACHINE | {"checksums": sums})
    study = build.study()
    found = facts(study)
    assert found["versions"] == "python 3.11.7, torch 2.8.0, lightning 2.5.5"
    assert found["srbench"] == "0.1.0"
    assert found["git"] == "0a1b2c3d4e5f"
    assert found["device"] == "AMD EPYC"
    assert (
        found["data (SHA-256 of the pixels)"]
        == "set5 HR 5eeecb039e98, LR ×2 2355cdb7bcc0, LR ×4 4355cdb7bcc0; val HR c0ffee00c0ff"
    )
    assert "% git: 0a1b2c3d4e5f" in to_latex(comparison(study), study).splitlines()


def test_runs_that_differ_in_it_are_counted(build, scored):
    other = {"git": "ffffffffffff+changes", "checksums": {"set5": {"hr": "bad0bad0bad0bad0"}}}
    sums = {"checksums": {"set5": {"hr": "5eeecb039e98f88e"}}}
    build.run("carn", BASE, hashed="0", record=scored(37.0) | MACHINE | sums)
    build.run("carn", OTHER, hashed="1", record=scored(37.0) | MACHINE | other)
    found = facts(build.study())
    assert found["git"] == "0a1b2c3d4e5f (1 runs), ffffffffffff+changes (1 runs)"
    assert found["data (SHA-256 of the pixels)"] == "set5 HR 5eeecb039e98, HR bad0bad0bad0"


def test_the_resizer_that_was_recognised_in_lr_files_is_named(build, scored):
    record = {"checksums": {"set5": {"hr": "a" * 64, "lr": "b" * 64}}, "lr_made_by": {"set5": "matlab-replicate"}}
    build.run("carn", record=scored(37.0) | record)
    found = facts(build.study())["data (SHA-256 of the pixels)"]
    assert found == f"set5 HR {'a' * 12}, LR ×2 {'b' * 12} by matlab-replicate"


def test_the_precision_is_that_of_trained_runs_and_evaluation_is_float32(build, scored):
    build.run("carn", hashed="0", record=scored(37.0) | {"precision": "bf16-mixed"}, trained=False)
    found = facts(build.study())
    assert found["evaluation"] == "float32"
    assert not [name for name in found if "precision" in name]
    build.run("mossnet", hashed="1", record=scored(37.0) | {"precision": "16-mixed"})
    found = facts(build.study())
    assert (found["evaluation"], found["training precision"]) == ("float32", "16-mixed")


def test_what_is_not_recorded_is_said_to_be(build, scored):
    build.run("carn", BASE, hashed="0", record=scored(37.0) | {"git": None})
    found = facts(build.study())
    unknown = ("git", "versions", "srbench", "data (SHA-256 of the pixels)", "device", "threads", "resizer")
    assert {found[name] for name in unknown} == {"not recorded"}
