"""The numbers that the conventions give: published ones, and those of errors that can be worked out by hand."""

import json
import re
from math import inf, log10

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from skimage.metrics import structural_similarity
from torch import nn

from srbench.audits.compare import Comparison, compare, planes
from srbench.audits.conventions import CONVENTIONS, LR_BY
from srbench.audits.explain import as_text, explain, write_explanation
from srbench.core.errors import UserError
from srbench.data.chains import parse_degradation
from srbench.data.check.detect import CANDIDATES
from srbench.data.folders import benchmark_pairs
from srbench.data.images import read_image, write_image
from srbench.data.pairs import ImagePair
from srbench.evaluation.inference import SuperResolver
from srbench.evaluation.settings import Inference
from srbench.experiments.compose import compose_run
from srbench.experiments.reopen import open_run
from srbench.experiments.store.plans import write_plan
from srbench.experiments.store.record import write_record
from srbench.experiments.store.scores import ImageRow, write_rows
from srbench.metrics.scorer import make_scorer
from srbench.models.carn import CARN
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.traits import Traits
from srbench.models.weights import load_weights
from srbench.reports.explained import MARK, as_markdown
from srbench.reports.write import write_report
from tests.builders import LUMA, RGB, certificate, plan, planned, record


def silent(*_):
    pass


def keep_run(study, name, images, *words, dataset="val"):
    """A run of SR `images` in a study on disk, as `srbench` leaves it."""
    run = compose_run([f"study={study.name}", f"runs_dir={study.parent}", "scale=2", "eval.save_images=all", *words])
    folder, protocol = study / name, run.evaluation.protocol
    (folder / "images" / dataset).mkdir(parents=True)
    for image, sr in images.items():
        write_image(folder / "images" / dataset / f"{image}.png", sr)
    write_rows(folder, [ImageRow(dataset, image, {}, protocol.name, "file", "") for image in images])
    (folder / "config.yaml").write_text(yaml.safe_dump(run.config))
    rests_on = {dataset: certificate(protocol=protocol, images=len(images))}
    made = record(
        run=name,
        config_hash=name,
        study=study.name,
        model=run.name,
        class_name=run.model.class_name,
        certificates=rests_on,
    )
    write_record(folder, made)
    write_plan(study, plan(study.name, **{name: planned(config_hash=name)}))


def flat(value, size=40):
    return np.full((size, size, 3), value, np.uint8)


@pytest.fixture
def study(tmp_path):
    """HR of grey 100; one run that is off by 51 in one image and by 17 in the other."""
    for name in ("a", "b"):
        (tmp_path / "hr/valid").mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / f"hr/valid/{name}.png", flat(100))
    keep_run(tmp_path / "runs/study", "off", {"a": flat(151), "b": flat(117)}, *words(tmp_path))
    return tmp_path / "runs/study"


def words(tmp_path):
    return "model=nearest", "budget=none", "protocol=rgb", "data=folder", f"data.root={tmp_path}/hr"


def with_config(folder, **keys):
    """Sets keys of a run's config.yaml."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | keys))


def test_bicubic_on_set5_gives_every_number_that_is_quoted(shared, tmp_path):
    folder = shared / "reference/metrics"
    images = {path.stem.removesuffix("_bicubic_x2"): read_image(path) for path in folder.glob("*_x2.png")}
    keep_run(
        tmp_path / "s", "bicubic", images, "model=bicubic", "budget=none", f"data_root={shared}/data", dataset="set5"
    )
    explained = explain(tmp_path / "s", "", "", silent)
    assert explained.notes == ()
    table = explained.table.set_index("convention")
    golden = [row for row in json.loads((folder / "set5_bicubic.json").read_text()) if row["scale"] == 2]
    mean = {key: np.mean([row[key] for row in golden]) for key in ("psnr_y", "ssim_y", "psnr_rgb", "psnr_rgb_noborder")}
    assert table.psnr["float luma, border = scale"] == pytest.approx(mean["psnr_y"], abs=1e-6)
    assert table.ssim["the run's protocol"] == pytest.approx(mean["ssim_y"], abs=1e-7)
    assert table.psnr["RGB, border = scale"] == pytest.approx(mean["psnr_rgb"], abs=1e-6)
    assert table.psnr["RGB, border 0"] == pytest.approx(mean["psnr_rgb_noborder"], abs=1e-6)
    quoted = {
        "the run's protocol": 33.67,
        "RGB, border 0": 31.79,
        "RGB, border = scale": 31.79,
        "OpenCV's luma, border 0": 32.34,
        "OpenCV's luma, border = scale": 32.34,
        "bicubic by OpenCV or torch (a = −0.75)": 33.973,
        "bicubic of luma alone (SRCNN's code)": 33.66,
    }
    assert table.psnr[list(quoted)].to_dict() == pytest.approx(quoted, abs=0.005)
    assert table.ssim["bicubic of luma alone (SRCNN's code)"] == pytest.approx(0.9299, abs=5e-5)
    assert table.ssim["RGB, border 0, global SSIM"] > 0.99
    assert list(table.index[table.psnr.isna()]) == []


def test_carn_m_on_set5_gives_its_measured_columns(shared):
    model = CARN(scale=4, scales=[2, 3, 4], unit="efficient", unit_groups=4, share_units=True, upsampler_groups=4)
    load_weights(model, shared / "reference/checkpoints/carn_m.safetensors")
    network = SuperResolver(model.eval(), "cpu", Inference()).unrounded
    columns = {
        "the run's protocol": (31.8847, 0.8910),
        "rounded luma, border = scale": (31.87, 0.8899),
        "the run's protocol, SR truncated": (31.84, 0.8909),
        "RGB, border = scale": (29.97, None),
    }
    wanted = [convention for convention in CONVENTIONS if convention.title in columns]
    found = []
    for pair in benchmark_pairs(shared / "data", "Set5", 4):
        lr, hr = pair.read()
        raw = network(lr)
        comparison = Comparison(pair, lr, np.rint(raw).astype(np.uint8), hr, raw, network, LUMA)
        found.append(list(comparison.scores(wanted).values()))
    for convention, (psnr, ssim) in zip(wanted, np.mean(found, axis=0), strict=True):
        assert psnr == pytest.approx(columns[convention.title][0], abs=0.006), convention
        if columns[convention.title][1]:
            assert ssim == pytest.approx(columns[convention.title][1], abs=6e-5), convention


class Enlarged(nn.Module):
    """Something that depends on the surroundings, on the orientation and on the whole image's thumbnail."""

    traits = Traits(thumbnail=1)

    def forward(self, lr, thumbnail=None):
        square = make_thumbnail(lr, 1) if thumbnail is None else thumbnail
        blurred = F.avg_pool2d(lr, (1, 3), 1, (0, 1), count_include_pad=False)
        return F.interpolate(0.9 * blurred + 0.5 * square, scale_factor=2)


@pytest.mark.parametrize("inference", [Inference(), Inference(112, 16), Inference(112, 16, self_ensemble=True)])
def test_a_network_is_run_as_it_was(inference):
    model = Enlarged()
    model.register_parameter("weight", nn.Parameter(torch.zeros(1)))
    lr = np.random.default_rng(0).integers(0, 256, (120, 130, 3), np.uint8)
    resolver = SuperResolver(model, "cpu", inference)
    raw = resolver.unrounded(lr)
    np.testing.assert_array_equal(np.rint(raw), resolver(lr))
    assert raw.max() == 255
    assert (raw % 1 > 0.1).any()
    degraded = lr.astype(np.float32)
    np.testing.assert_array_equal(resolver.unrounded(degraded), raw)
    np.testing.assert_array_equal(degraded, lr)


def test_opencvs_luma_is_full_range_and_rounded():
    image = np.array([[[100, 200, 50]]], np.uint8)
    assert planes(image, "opencv").item() * 255 == pytest.approx(153)  # 29.9 + 117.4 + 5.7
    assert planes(image, "luma").item() * 255 == pytest.approx(16 + (6548.1 + 25710.6 + 1248.3) / 255)


@pytest.mark.parametrize("colour", ["luma", "luma_rounded", "rgb"])
def test_what_was_not_rounded_is_converted_as_what_was(colour):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_allclose(planes(image.astype(np.float32), colour), planes(image, colour), atol=1e-12)


def test_a_border_takes_its_pixels_from_each_side():
    hr = flat(100, 30)
    sr = hr.copy()
    sr[0] = 151  # a thirtieth of the pixels
    images = planes(sr, "rgb"), planes(hr, "rgb")
    assert compare(*images, 0, "gaussian")[0] == pytest.approx(10 * log10(25 * 30))
    assert compare(*images, 1, "gaussian") == (inf, 1)
    assert np.isnan(compare(*images, 15, "gaussian")[0])
    assert np.isnan(compare(*images, 10, "gaussian")[1])  # SSIM needs 11 pixels
    assert not np.isnan(compare(*images, 10, "global")[1])


def test_similarities_are_those_of_scikit_image_and_of_the_metric_of_that_name():
    rng = np.random.default_rng(0)
    hr = rng.integers(0, 256, (30, 40, 3), np.uint8)
    sr = np.clip(hr + rng.normal(0, 20, hr.shape), 0, 255).astype(np.uint8)
    images = planes(sr, "rgb"), planes(hr, "rgb")
    default = structural_similarity(sr, hr, channel_axis=2)
    assert compare(*images, 0, "scikit-image")[1] == pytest.approx(default, abs=1e-12)
    metric = make_scorer(["ssim_global"], LUMA, [])(sr, hr, 2)["ssim_global"]
    assert compare(*images, 0, "global")[1] == pytest.approx(metric, abs=1e-12)


def scores(comparison):
    return {convention.title: psnr for convention, (psnr, _) in comparison.scores(CONVENTIONS).items()}


def test_borders_follow_the_scale(tmp_path):
    hr = flat(100, 60)
    sr = hr.copy()
    sr[7] = 151  # within the 8 pixels of scale + 6
    pair = ImagePair("a", tmp_path / "a.png", None, 2)
    found = scores(Comparison(pair, flat(100, 30), sr, hr, None, None, RGB))
    expected = {"border 0": 60, "border = scale": 56, "border 4": 52}
    for border, rows in expected.items():
        assert found[f"RGB, {border}"] == pytest.approx(10 * log10(25 * rows))
    assert found["RGB, border = scale + 6"] == inf
    assert found["the run's protocol"] == found["RGB, border = scale"]


def test_other_resizers_stand_in_where_the_degradation_has_none_of_its_own(tmp_path):
    hr = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    write_image(tmp_path / "a.png", hr)
    found = {}
    for name in ("blur", "pil-bicubic"):
        pair = ImagePair("a", tmp_path / "a.png", None, 2, parse_degradation(name))
        lr, _ = pair.read()
        seen = []

        def network(lr, seen=seen):
            seen.append(lr)
            return np.repeat(np.repeat(lr.astype(np.float32), 2, 0), 2, 1)

        found[name] = scores(Comparison(pair, lr, hr, hr, None, network, RGB)), seen
    blurred, seen = found["blur"]
    assert blurred["LR by matlab-symmetric"] == inf  # the LR that the stored SR, here HR itself, was made of
    assert blurred["LR by pil-bicubic"] < 30
    assert all(lr.dtype == np.float32 for lr in seen)
    shrunk, seen = found["pil-bicubic"]
    assert not seen
    assert np.isnan([shrunk[f"LR by {name}"] for name in LR_BY]).all()


def test_truncated_and_not_rounded(tmp_path):
    pair = ImagePair("a", tmp_path / "a.png", None, 2)
    raw = flat(0).astype(np.float32) + 100.75
    found = scores(Comparison(pair, flat(100, 20), flat(101), flat(100), raw, None, RGB))
    assert found["the run's protocol"] == pytest.approx(20 * log10(255))
    assert found["the run's protocol, SR truncated"] == inf
    assert found["RGB, SR not rounded"] == pytest.approx(20 * log10(255 / 0.75))


def test_each_lr_goes_through_the_network_once_and_that_of_the_run_never_again(tmp_path):
    hr = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    seen = []

    def network(lr):
        seen.append(lr.tobytes())
        return np.repeat(np.repeat(lr.astype(np.float32), 2, 0), 2, 1)

    own = np.ascontiguousarray(hr[::2, ::2])
    pair = ImagePair("a", tmp_path / "a.png", None, 2)
    sr = network(own)
    found = scores(Comparison(pair, own, sr.astype(np.uint8), hr, sr, network, RGB))
    different = {CANDIDATES[name][0](hr, 2).tobytes() for name in LR_BY}
    assert len(different) < len(LR_BY)  # OpenCV's and torch's bicubic are equal
    assert sorted(seen[1:]) == sorted(different)
    assert found["LR by opencv-cubic"] == found["LR by torch-bicubic"] != found["LR by matlab-symmetric"]


def test_the_mean_error_is_not_the_mean_of_psnr(study):
    table = explain(study, "", "", silent).table.set_index("convention")
    assert table.psnr["the run's protocol"] == pytest.approx(10 * log10(5) + 10 * log10(15))
    assert table.psnr["the run's protocol, mean error"] == pytest.approx(-10 * log10((1 / 25 + 1 / 225) / 2))
    assert (table.images == 2).all()


def test_a_network_that_gives_other_images_is_not_believed(study):
    explained = explain(study, "off", "VAL", silent)
    table = explained.table.set_index("convention")
    assert table.psnr[["RGB, SR truncated", "RGB, SR not rounded"]].isna().all()
    assert table.psnr["LR by pil-bicubic"] == table.psnr["the run's protocol"]  # the same LR: no network is needed
    (note,) = explained.notes
    assert note.startswith("off val: what its network")
    assert note.endswith("it gives other images")


def test_missing_weights_and_images_are_told(study):
    config = yaml.safe_load((study / "off/config.yaml").read_text())
    with_config(study / "off", budget=config["budget"] | {"length": "quick"})
    (study / "off/images/val/b.png").unlink()
    explained = explain(study, "", "", silent)
    assert any("weights.safetensors: no such file" in note for note in explained.notes)
    assert "off val: means over the 1 images that are kept, of 2" in explained.notes
    (study.parents[1] / "hr/valid/a.png").unlink()
    with pytest.raises(UserError, match="a: the HR image is missing"):
        explain(study, "", "", silent)


def test_the_first_runs_of_many_are_explained(study):
    for name in ("b", "c", "d", "e"):
        keep_run(study, name, {"a": flat(100)}, *words(study.parents[1]))
    explained = explain(study, "", "", silent)
    assert list(dict.fromkeys(explained.table.run)) == ["off", "b", "c", "d"]
    assert explained.notes[0] == "1 more run keeps images; run=all takes all, run=NAME one"
    text = as_text(explained, None).splitlines()
    (line,) = [line for line in text if line.startswith("the run's protocol ")]
    assert line.split()[3:] == ["18.751", f"{explained.table.ssim[0]:.4f}", *["∞", "1.0000"] * 3]
    everything = explain(study, "all", "", silent)
    assert list(dict.fromkeys(everything.table.run)) == ["off", "b", "c", "d", "e"]
    assert not any("more run" in note for note in everything.notes)


def test_a_readers_number_is_found_or_its_nearest_named(study):
    explained = explain(study, "", "", silent)
    text = as_text(explained, 16.545)
    assert sum(MARK in line for line in text.splitlines()) == 2
    assert text.splitlines()[-2:] == [
        "  the run's protocol, mean error: 16.532 (off val)",
        "  RGB, mean error: 16.532 (off val)",
    ]
    assert "no convention comes within 0.02 dB of 50; the nearest:" in as_text(explained, 50)
    assert MARK not in as_markdown("study", explained.table, explained.notes, "srbench")


def test_the_report_folder_gets_both_files(study, tmp_path):
    explained = explain(study, "", "", silent)
    folder = write_explanation(explained, tmp_path / "reports")
    assert folder == tmp_path / "reports/study"
    lines = (folder / "explain.csv").read_text().splitlines()
    assert lines[0] == "convention,core,run,dataset,scale,protocol,lr,certificate,images,psnr,ssim"
    assert len(lines) == 1 + len(CONVENTIONS)
    markdown = (folder / "explain.md").read_text()
    assert "| the run's protocol | 18.751 |" in markdown
    assert r"\[1\] off: rgb (rgb, border scale), 2 images (LR: file)" in markdown


def test_a_run_that_cannot_be_read_is_left_out_with_its_reason(study):
    for name in ("a", "b", "c", "d"):
        keep_run(study, name, {"a": flat(100)}, *words(study.parents[1]))
    (study / "off/config.yaml").write_text("{}")
    explained = explain(study, "", "", silent)
    assert list(dict.fromkeys(explained.table.run)) == ["a", "b", "c", "d"]
    assert explained.notes[0].startswith(f"left out: {study}/off/config.yaml: cannot be read: model: choose one of ")
    with pytest.raises(UserError, match=r"^explain: .*off/config\.yaml: cannot be read: model: choose one of"):
        explain(study, "off", "", silent)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "model: choose one of"),
        ("[1, 2]", "it holds no keys"),
        ("a: [", "while parsing a flow node"),
    ],
)
def test_a_config_that_is_none_is_named(study, content, reason):
    (study / "off/config.yaml").write_text(content)
    with pytest.raises(UserError, match=re.escape(f"{study}/off/config.yaml: cannot be read: {reason}")):
        open_run(study / "off")


def test_a_key_of_a_config_that_is_not_what_it_must_be_is_named(study):
    with_config(
        study / "off", eval=yaml.safe_load((study / "off/config.yaml").read_text())["eval"] | {"save_images": None}
    )
    with pytest.raises(UserError, match=r"off/config\.yaml: cannot be read: eval\.save_images=null: all, or a number"):
        open_run(study / "off")


def test_a_config_that_is_no_text_is_named(study):
    (study / "off/config.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UserError, match=r"off/config\.yaml: cannot be read"):
        open_run(study / "off")


def test_a_record_without_what_it_must_hold_is_named(study):
    (study / "off/result.json").write_text('{"status": "done"}')
    with pytest.raises(UserError, match=r"off/result\.json: cannot be read \(run is missing\)"):
        open_run(study / "off")


def test_what_is_not_there_is_named(study):
    with pytest.raises(UserError, match="run=of: no such run with SR images, did you mean off"):
        explain(study, "of", "", silent)
    with pytest.raises(UserError, match=r"dataset=set5: no SR images in .*; there are those of val"):
        explain(study, "", "set5", silent)


def test_a_report_that_is_there_shows_it_at_once_and_none_is_made(study, tmp_path):
    explained = explain(study, "", "", silent)
    folder = write_explanation(explained, tmp_path / "reports")
    assert sorted(path.name for path in folder.iterdir()) == ["explain.csv", "explain.md"]
    assert "- made by: python 3." in (folder / "explain.md").read_text()
    (folder / "explain.csv").unlink()
    write_report(study, tmp_path / "reports")
    write_explanation(explained, tmp_path / "reports")
    assert "| the run's protocol, mean error | 16.532 |" in (folder / "table.md").read_text()


def test_data_that_moved_are_found_where_they_are_said_to_be(study, tmp_path):
    with_config(study / "off", data_root=str(tmp_path / "hr"))
    before = explain(study, "", "", silent).table
    (tmp_path / "hr").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="no such folder; data_root=DIR says where data have moved to"):
        explain(study, "", "", silent)
    assert explain(study, "", "", silent, tmp_path / "moved").table.equals(before)
