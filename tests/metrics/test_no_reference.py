"""CLIP-IQA, MANIQA and MUSIQ against pyiqa's own calls, on seeded random weights, where pyiqa is; NTIRE's score."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from srbench.cli.data import get_data
from srbench.cli.verbs import DataGetVerb
from srbench.core.errors import UserError
from srbench.core.files import sha256
from srbench.core.paths import default_places, weights_folders
from srbench.metrics.available import MetricUnavailable
from srbench.metrics.metric_files import METRIC_FILES
from srbench.metrics.no_reference import NoReference, ntire_perceptual
from srbench.metrics.scorer import RGB, make_scorer
from srbench.metrics.table import METRICS, OF_PYIQA, SETS, members
from tests.http_server import Page, serve

Make = Callable[[str], NoReference]
needs_pyiqa = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


def drawn(network: nn.Module) -> nn.Module:
    """With seeded random weights, of which every layer tells something."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim > 1:  # norms stay as they are
            nn.init.normal_(parameter, 0, parameter[0].numel() ** -0.5, generator)
    return network


def as_archive(weights: dict[str, torch.Tensor], file: Path) -> None:
    """The only form that pyiqa's reader of CLIP opens: TorchScript."""
    root = Node()
    for name, tensor in weights.items():
        *path, last = name.split(".")
        at = root
        for part in path:
            if part not in dict(at.named_children()):
                at.add_module(part, Node())
            at = at.get_submodule(part)
        at.register_buffer(last, tensor)
    torch.jit.save(torch.jit.script(root), file)


class Node(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.fixture
def random_weights(tmp_path, monkeypatch) -> Iterator[Callable[[str], Path]]:
    """random_weights("musiq"): the file, of a small network in CLIP's case."""
    pyiqa = pytest.importorskip("pyiqa", reason="pyiqa is not installed")

    def write(metric: str) -> Path:
        file = tmp_path / OF_PYIQA[metric]
        if metric == "clipiqa":
            from pyiqa.archs.clip_model import CLIP

            as_archive(drawn(CLIP(32, 64, (1, 1, 1, 1), 16, None, 77, 49408, 64, 1, 1)).state_dict(), file)
            monkeypatch.setitem(METRIC_FILES, metric, replace(METRIC_FILES[metric], sha256=sha256(file)))
        elif metric == "musiq":
            torch.save(drawn(pyiqa.create_metric(metric, device="cpu", pretrained=False).net).state_dict(), file)
        else:
            torch.save(drawn(maniqa()).state_dict(), file)
        return file

    return write


def maniqa() -> nn.Module:
    """Without the weights of ImageNet that pyiqa's class asks timm for."""
    from pyiqa.archs import maniqa_arch

    timm = pytest.importorskip("timm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maniqa_arch.timm, "create_model", lambda name, pretrained: create(name), raising=True)
        create = timm.models._factory.create_model
        return maniqa_arch.MANIQA(pretrained=False, scale=0.8).eval()


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def as_input(image: np.ndarray) -> torch.Tensor:
    return torch.tensor(image).permute(2, 0, 1)[None].float() / 255


@needs_pyiqa
def test_clipiqa_is_pyiqas(random_weights, photo, tmp_path):
    import pyiqa

    file = random_weights("clipiqa")
    expected = pyiqa.create_metric("clipiqa", device="cpu", backbone=str(file))(as_input(photo)).item()
    assert 0 < expected < 1
    assert NoReference("clipiqa", [tmp_path])(photo) == pytest.approx(expected, abs=1e-6)


@needs_pyiqa
def test_musiq_is_pyiqas(random_weights, photo, tmp_path):
    import pyiqa

    file = random_weights("musiq")
    theirs = pyiqa.create_metric("musiq", device="cpu", pretrained_model_path=str(file))
    expected = theirs(as_input(photo)).item()
    assert expected != pytest.approx(theirs(as_input(255 - photo)).item(), abs=1e-3)
    assert NoReference("musiq", [tmp_path])(photo) == pytest.approx(expected, abs=1e-5)


@needs_pyiqa
def test_maniqa_is_pyiqas_and_downloads_nothing(random_weights, photo, tmp_path, monkeypatch):
    file = random_weights("maniqa")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # its ViT's weights could not come
    ours, theirs = NoReference("maniqa", [tmp_path]), maniqa()
    theirs.load_state_dict(torch.load(file, weights_only=True))
    for network in (ours._network, theirs):
        network.test_sample = 1  # of 20, each of which takes seconds
    with torch.no_grad():
        expected = theirs(as_input(photo)).item()
    assert ours(photo) == pytest.approx(expected, rel=1e-5)
    assert ours(photo) == ours(photo)


@needs_pyiqa
@pytest.mark.parametrize("metric", ["clipiqa", "maniqa", "musiq"])
def test_another_file_is_refused(metric, random_weights, tmp_path):
    pytest.importorskip("pyiqa", reason="pyiqa is not installed")
    torch.save({"other": torch.ones(3)}, tmp_path / OF_PYIQA[metric])
    with pytest.raises(MetricUnavailable) as error:
        NoReference(metric, [tmp_path])
    told = str(error.value)
    assert f"{OF_PYIQA[metric]}: not the weights that {metric} needs (" in told
    assert told.endswith(f"move it away, then get it with: python -m srbench data get {metric}")


@needs_pyiqa
def test_an_image_that_is_too_small_is_named(random_weights, photo, tmp_path):
    random_weights("musiq")
    with pytest.raises(ValueError, match="MUSIQ takes images of 32×32 pixels or more, not 31×120"):
        NoReference("musiq", [tmp_path])(photo[:31])


@pytest.mark.parametrize("metric", ["clipiqa", "maniqa", "musiq"])
def test_without_weights_or_pyiqa_each_says_how_to_get_them(metric, tmp_path, monkeypatch):
    with pytest.raises(
        MetricUnavailable, match=rf"get it with: python -m srbench data get {metric}, or set weights_dir"
    ):
        NoReference(metric, [tmp_path])
    (tmp_path / OF_PYIQA[metric]).touch()
    monkeypatch.setitem(sys.modules, "pyiqa", None)  # so that importing it fails, wherever this runs
    with pytest.raises(
        MetricUnavailable, match=r"pip install 'srbench\[perceptual\]' \(its licence is non-commercial\)"
    ):
        NoReference(metric, [tmp_path])


@pytest.mark.parametrize("metric", ["clipiqa", "maniqa", "musiq"])
def test_the_published_weights_give_a_likely_score(metric, golden):
    pytest.importorskip("pyiqa", reason="pyiqa is not installed")
    folders = weights_folders(default_places()["weights_dir"])
    if not any((folder / OF_PYIQA[metric]).is_file() for folder in folders):
        pytest.skip(f"{OF_PYIQA[metric]} is not in weights_dir; python -m srbench data get {metric} brings it")
    sr, hr, _ = golden("bird", 4)
    quality = NoReference(metric, folders)
    assert 0 < quality(sr) < quality(hr) < (100 if metric == "musiq" else 1)


def test_weights_are_fetched_and_what_came_in_their_place_is_not_kept(tmp_path, monkeypatch, capsys):
    torch.save({"weight": torch.ones(3)}, tmp_path / "theirs.pth")
    asked = DataGetVerb(wanted="MUSIQ", data_root=tmp_path, weights_dir=[tmp_path / "weights"])
    target = tmp_path / "weights" / OF_PYIQA["musiq"]
    with serve() as server:
        for content, told in ((b"<html>", "it was deleted: repeat"), ((tmp_path / "theirs.pth").read_bytes(), "")):
            address = server.add(f"/{len(content)}", Page(content))
            monkeypatch.setitem(METRIC_FILES, "musiq", replace(METRIC_FILES["musiq"], address=address))
            if told:
                with pytest.raises(UserError, match=told):
                    get_data(asked)
            else:
                get_data(asked)
            assert target.is_file() != bool(told)
    assert capsys.readouterr().out.endswith(f"{target}\n")


def test_clip_is_taken_from_openai_alone(tmp_path, monkeypatch):
    with serve() as server:
        address = server.add("/RN50.pt", Page(b"another archive"))
        monkeypatch.setitem(METRIC_FILES, "clipiqa", replace(METRIC_FILES["clipiqa"], address=address))
        with pytest.raises(UserError, match="SHA-256"):
            get_data(DataGetVerb(wanted="clipiqa", data_root=tmp_path, weights_dir=[tmp_path]))
    assert not (tmp_path / OF_PYIQA["clipiqa"]).exists()


def test_the_score_of_ntire_by_hand():
    parts = {"lpips": 0.25, "dists": 0.125, "clipiqa": 0.5, "maniqa": 0.25, "musiq": 50.0}
    assert ntire_perceptual(**parts, niqe=5.0) == 3.375  # 0.75 + 0.875 + 0.5 + 0.25 + 0.5 + 0.5
    assert ntire_perceptual(**parts, niqe=11.0) == 2.875
    assert METRICS["ntire_perceptual"].of == (*parts, "niqe_pyiqa")


def test_the_name_of_a_set_stands_for_its_metrics():
    assert members(["psnr", "perceptual", "lpips"]) == (
        *("psnr", "lpips", "dists", "clipiqa", "maniqa", "musiq", "niqe_pyiqa", "niqe", "ntire_perceptual"),
    )
    assert not SETS.keys() & METRICS.keys()
    assert all(name in METRICS for names in SETS.values() for name in names)


def test_a_combined_score_that_lacks_a_part_says_which(photo, shared):
    scorer = make_scorer(["psnr", "ntire_perceptual"], RGB, [shared / "weights"])
    (missing,) = scorer.missing
    assert (missing.what, missing.kind, scorer.names) == ("ntire_perceptual", "weights", ("psnr",))
    assert missing.reason.startswith("NTIRE perceptual is computed of dists: DISTS needs vgg16_features.safetensors")
    assert scorer(photo, photo, 2).keys() == {"psnr"}


def test_a_combined_score_is_that_of_its_parts_which_are_shown_only_if_asked_for(photo):
    known = {"lpips": 0.25, "dists": 0.125, "clipiqa": 0.5, "maniqa": 0.25, "musiq": 50.0, "niqe_pyiqa": 5.0}
    scorer = make_scorer(["psnr", "niqe_pyiqa"], RGB, [])
    scores = {name: lambda pairs, name=name: [known[name]] * len(pairs) for name in known}
    combined = replace(scorer, names=("ntire_perceptual",), scores=scores)
    assert combined(photo, photo, 2) == {"ntire_perceptual": 3.375}
    small = photo[:40]  # no NIQE
    (found,) = replace(combined, scores=scores | {"niqe_pyiqa": scorer.scores["niqe_pyiqa"]}).of_images(
        [(small, small, 2)]
    )
    assert not found.numbers
    (missing,) = found.missing
    assert (missing.what, missing.kind) == ("ntire_perceptual", "image")
    assert "computed of niqe_pyiqa: NIQE takes images of 96×192 pixels or more" in missing.reason


def test_pyiqa_is_imported_only_when_it_is_needed():
    code = "import sys, srbench.metrics.scorer; sys.exit('pyiqa' in sys.modules or 'torchmetrics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
