import numpy as np
import pytest
import torch
from torch import nn

from srbench.core.errors import FailedRunError, UserError
from srbench.data.folders import benchmark_pairs as benchmark_set
from srbench.data.images import write_image
from srbench.data.pairs import ImagePair
from srbench.data.resize import imresize
from srbench.evaluation import evaluate as evaluation
from srbench.evaluation.benchmark import benchmark
from srbench.evaluation.evaluate import evaluate, mean_scores, missing_means
from srbench.evaluation.inference import SuperResolver
from srbench.evaluation.settings import Inference
from srbench.metrics.missing import Missing
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer
from srbench.models.bicubic import Bicubic
from srbench.models.carn import CARN
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.traits import Traits
from srbench.models.weights import load_weights

Y, Y_UINT8 = Protocol("y", "luma"), Protocol("y_uint8", "luma_rounded")


def silent(*_):
    pass


def scores(model, shared, scale, protocol, metrics=("psnr", "ssim")):
    pairs = {"set5": benchmark_set(shared / "data", "Set5", scale)}
    scorer = make_scorer(metrics, protocol, [shared / "weights"])
    return mean_scores(evaluate(model, pairs, scorer, "cpu", silent, silent))["set5"]


@pytest.mark.parametrize(
    ("scale", "float_luma", "rounded_luma"),
    [
        (2, (37.6817, 0.9595), (37.60, 0.9585)),
        (3, (34.0612, 0.9248), (34.03, 0.9237)),
        (4, (31.8847, 0.8910), (31.87, 0.8899)),
    ],
)
def test_the_published_weights_of_carn_m_give_the_published_scores(shared, scale, float_luma, rounded_luma):
    model = CARN(scale=scale, scales=[2, 3, 4], unit="efficient", unit_groups=4, share_units=True, upsampler_groups=4)
    load_weights(model, shared / "reference/checkpoints/carn_m.safetensors")
    found = scores(model, shared, scale, Y)
    assert found["psnr"] == pytest.approx(float_luma[0], abs=1e-3)
    assert found["ssim"] == pytest.approx(float_luma[1], abs=1e-4)
    found = scores(model, shared, scale, Y_UINT8)
    assert found["psnr"] == pytest.approx(rounded_luma[0], abs=0.01)
    assert found["ssim"] == pytest.approx(rounded_luma[1], abs=1e-4)


def test_the_bicubic_row_of_set5_is_the_known_one(shared):
    found = scores(Bicubic(2), shared, 2, Y, ("psnr", "ssim", "rmse"))
    assert found["psnr"] == pytest.approx(33.67, abs=0.01)
    assert found["ssim"] == pytest.approx(0.9302, abs=2e-3)


class Doubled(nn.Module):
    """Nearest neighbour plus what the thumbnail says."""

    traits = Traits(thumbnail=1, shuffle_thumbnails=True)

    def forward(self, lr, thumbnail=None):
        square = make_thumbnail(lr, 1) if thumbnail is None else thumbnail
        return nn.functional.interpolate(lr, scale_factor=2) * 0 + square


def test_shuffled_thumbnails_are_the_next_images(tmp_path):
    pairs = []
    for i, grey in enumerate((10, 90, 200)):
        write_image(tmp_path / f"{i}.png", np.full((16, 16, 3), grey, np.uint8))
        pairs.append(ImagePair(str(i), tmp_path / f"{i}.png", None, 2))
    seen = []
    evaluate(
        Doubled(),
        {"x": pairs},
        make_scorer([], Y, []),
        "cpu",
        silent,
        lambda d, i, n, sr: seen.append(int(sr[0, 0, 0])),
    )
    assert seen == [90, 200, 10]


def test_sr_is_clipped_and_rounded():
    class Shifted(nn.Module):
        def forward(self, lr):
            return nn.functional.interpolate(lr, scale_factor=2) * 2 - 0.5 + 0.3 / 255

    lr = np.array([[[0, 100, 250]]], np.uint8)
    sr = SuperResolver(Shifted(), "cpu", Inference())(lr)
    np.testing.assert_array_equal(sr, np.broadcast_to([0, round(200 - 127.5 + 0.3), 255], (2, 2, 3)))


def test_a_metric_that_cannot_be_had_is_missing_with_its_reason(tmp_path):
    scorer = make_scorer(["psnr", "lpips"], Y, [tmp_path])
    (missing,) = scorer.missing
    assert missing.what == "lpips"
    assert "alexnet_features.safetensors" in missing.reason
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    assert scorer(image, image, 2).keys() == {"psnr"}


def test_an_image_too_small_for_lpips_leaves_its_set_without_it(tmp_path, shared):
    sets = {"small": written(tmp_path, [40, 24, 40]), "large": written(tmp_path, [40])}
    scorer = make_scorer(["psnr", "lpips"], Y, [shared / "weights"])
    rows = evaluate(Bicubic(2), sets, scorer, "cpu", silent, silent)
    assert mean_scores(rows)["small"].keys() == {"psnr"}
    assert mean_scores(rows)["large"].keys() == {"psnr", "lpips"}
    assert [row.scores.keys() for row in rows[:3]] == [{"psnr", "lpips"}, {"psnr"}, {"psnr", "lpips"}]
    told = "1: LPIPS takes images of 31×31 pixels or more, not 24×24."
    assert missing_means(rows) == (Missing("small.lpips", "image", told),)


class Broken(nn.Module):
    """Gives what no network should."""

    def __init__(self, value, factor):
        super().__init__()
        self.value, self.factor = value, factor

    def forward(self, lr):
        return nn.functional.interpolate(lr, scale_factor=self.factor) + self.value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_that_gives_no_numbers_gets_none(value, tmp_path):
    with pytest.raises(FailedRunError, match=r"^Broken gives values that are not finite \(NaN or inf\)$"):
        evaluate(Broken(value, 2), {"x": written(tmp_path, [32])}, make_scorer(["psnr"], Y, []), "cpu", silent, silent)


def test_a_network_of_another_scale_is_told(tmp_path):
    with pytest.raises(UserError, match=r"0\.png: Broken makes 64×64 of 16×16, but HR is 32×32: is its scale 2\?$"):
        evaluate(Broken(0, 4), {"x": written(tmp_path, [32])}, make_scorer(["psnr"], Y, []), "cpu", silent, silent)


def test_equal_images_have_infinite_psnr():
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    assert make_scorer(["psnr", "ssim", "rmse"], Y, [])(image, image, 2) == {"psnr": np.inf, "ssim": 1.0, "rmse": 0.0}


def test_evaluation_is_in_float32_and_leaves_the_threads_alone(tmp_path):
    class Looks(nn.Module):
        def forward(self, lr):
            assert lr.dtype == torch.float32
            assert not torch.is_autocast_enabled("cpu")
            return nn.functional.interpolate(lr, scale_factor=2)

    threads = torch.get_num_threads()
    write_image(tmp_path / "a.png", np.zeros((16, 16, 3), np.uint8))
    pairs = {"x": [ImagePair("a", tmp_path / "a.png", None, 2)]}
    evaluate(Looks(), pairs, make_scorer(["psnr"], Y, []), "cpu", silent, silent)
    assert torch.get_num_threads() == threads


class Elsewhere(nn.Sequential):
    """A network of somebody else's: one layer, and no attribute that srbench knows."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))


def test_a_network_from_elsewhere_gets_every_column(shared, tmp_path):
    table = benchmark(Elsewhere(), ["Set5"], data_root=str(shared / "data"), weights_dir=tmp_path)
    costs = ["params", "params_dead", "flops_720p", "flops_256", "activations_720p", "latency_ms"]
    more = ["params_frozen", "activations_256", "conv_activations_720p", "conv_activations_256", "peak_memory_mb"]
    scores = ["set5.psnr", "set5.ssim", "set5.lpips", "set5.certificate"]
    told = ["weights_sha256", "missing", "beyond_fvcore"]
    assert list(table) == ["model", "scale", *costs, *scores, *more, *told]
    assert list(table.model) == ["bicubic", "Elsewhere"]
    bicubic, ours = table.to_dict("records")
    assert bicubic["set5.psnr"] == pytest.approx(33.6741, abs=1e-4)
    assert ours["params"] == 3 * 12 * 9 + 12
    assert ours["flops_720p"] == 3 * 12 * 9 * 360 * 640
    assert ours["latency_ms"] > 0
    assert table["set5.lpips"].isna().all()
    assert "alexnet_features.safetensors" in ours["missing"]["lpips"]
    assert table.attrs == {}
    assert ours["set5.certificate"].startswith(
        "y (luma, border scale), 5 images (LR: file by matlab-replicate), HR 5eee"
    )
    assert [type(one["weights_sha256"]) for one in (ours, bicubic)] == [str, float]  # NaN for no weights


def test_tiles_self_ensemble_and_protocol_are_in_the_certificate_and_in_the_scores(shared):
    plain, told = (
        benchmark(Elsewhere(), ["set5"], metrics=["psnr"], data_root=shared / "data", **how).to_dict("records")[1]
        for how in ({}, {"self_ensemble": True, "tile": 128, "protocol": "rgb"})
    )
    assert told["set5.certificate"].startswith("rgb (rgb, border scale), self-ensemble ×8, 5 images")
    assert told["set5.psnr"] != plain["set5.psnr"]


def test_a_network_of_several_scales_is_benchmarked_at_the_one_that_is_asked_for(shared):
    model = CARN(scales=(2, 3, 4), scale=2, width=8, blocks=1, units=1)
    table = benchmark(model, ["set5"], scale=4, metrics=["psnr"], data_root=shared / "data")
    assert list(table.scale) == [4, 4]
    assert table["set5.psnr"][0] == pytest.approx(28.43, abs=0.01)


def test_a_metric_that_does_not_exist_is_told(shared):
    with pytest.raises(UserError, match=r"metrics=\[psn\]: no such metric, did you mean psnr"):
        benchmark(Elsewhere(), ["Set5"], metrics=["psn"], data_root=shared / "data")


def written(folder, sizes):
    """Images of noise with sides `sizes`, and their pairs."""
    rng = np.random.default_rng(0)
    for number, size in enumerate(sizes):
        write_image(folder / f"{number}.png", rng.integers(0, 256, (size, size, 3), np.uint8))
    return [ImagePair(str(number), folder / f"{number}.png", None, 2) for number in range(len(sizes))]


def test_small_images_that_are_scored_together_get_the_scores_of_each_alone(tmp_path, shared):
    sizes = [48, 48, 48, 64, 520, 48, 400, 400]  # the fifth is scored at once, the sixth waits for the seventh
    sets = {"x": written(tmp_path, sizes), "empty": [], "y": written(tmp_path, sizes)[:2]}
    scorer = make_scorer(["psnr", "lpips"], Y, [shared / "weights"])
    kept, told = [], []
    rows = evaluate(
        Bicubic(2), sets, scorer, "cpu", lambda *news: told.append(news), lambda d, i, name, sr: kept.append((d, name))
    )
    places = [(dataset, pair.name) for dataset, pairs in sets.items() for pair in pairs]
    assert [(row.dataset, row.image) for row in rows] == kept == places
    for row in rows:
        lr, hr = sets[row.dataset][int(row.image)].read()
        alone = scorer(SuperResolver(Bicubic(2), "cpu", Inference())(lr), hr, 2)
        assert row.scores == pytest.approx(alone, rel=1e-5)
    assert told == [("evaluates x", 5, 10), ("evaluates x", 7, 10), ("evaluates x", 8, 10), ("evaluates y", 10, 10)]


def test_images_are_read_one_ahead_and_no_more(tmp_path, monkeypatch):
    events = []
    read = ImagePair.read
    monkeypatch.setattr(ImagePair, "read", lambda pair: (events.append("reads"), read(pair))[1])

    class Counts(Bicubic):
        def forward(self, lr):
            events.append("computes")
            return super().forward(lr)

    evaluate(Counts(2), {"x": written(tmp_path, [32] * 6)}, make_scorer(["psnr"], Y, []), "cpu", silent, silent)
    computed = [position for position, event in enumerate(events) if event == "computes"]
    assert all(position - number <= number + 2 for number, position in enumerate(computed))
    assert events.count("reads") == len(computed) == 6


def test_several_hands_give_the_same_rows_in_the_same_order(tmp_path, monkeypatch):
    pairs = {"x": written(tmp_path, [32, 40, 36, 48, 32, 44, 52])}
    scorer = make_scorer(["psnr", "ssim"], Y, [])
    kept = []

    def keep(dataset, index, image, sr):
        kept.append((dataset, index, image, sr.shape))

    monkeypatch.setattr(evaluation, "BATCH", 1)  # each image is a group of its own
    one = evaluate(Bicubic(2), pairs, scorer, "cpu", silent, keep)
    before, kept[:] = sorted(kept), []
    monkeypatch.setattr(evaluation, "_hands", lambda device: 3)
    assert evaluate(Bicubic(2), pairs, scorer, "cpu", silent, keep) == one
    assert sorted(kept) == before


@pytest.mark.parametrize(
    ("device", "threads", "hands"),
    [("cpu", 4, 1), ("cuda:0", 1, 1), ("cuda:0", 3, 3), ("cuda:0", 64, evaluation.MOST_HANDS)],
)
def test_beside_a_gpu_each_hand_has_a_thread(monkeypatch, device, threads, hands):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert evaluation._hands(device) == hands


@pytest.mark.parametrize("stage", ["read", "keep"])
def test_what_goes_wrong_beside_the_network_reaches_the_caller(stage, tmp_path):
    pairs = written(tmp_path, [400] * 4)
    if stage == "read":
        pairs[2].hr_file.write_bytes(b"no image")

    def keep(dataset, index, name, sr):
        if stage == "keep" and index == 2:
            raise UserError("2.png: no space left")

    with pytest.raises(UserError, match=r"2\.png"):
        evaluate(Bicubic(2), {"x": pairs}, make_scorer(["psnr"], Y, []), "cpu", silent, keep)


def test_a_network_of_one_channel_is_compared_on_grey_images(tmp_path):
    hr = imresize(np.random.default_rng(0).integers(0, 256, (15, 12, 1)).astype(np.uint8), 4)
    (tmp_path / "benchmark/grey").mkdir(parents=True)
    write_image(tmp_path / "benchmark/grey/a.png", hr)
    table = benchmark(Bicubic(2, image_channels=1), ["grey"], metrics=["psnr"], data_root=tmp_path, device="cpu")
    error = (imresize(imresize(hr, 1 / 2), 2) - hr.astype(float))[2:-2, 2:-2] / 255
    assert list(table["grey.psnr"]) == pytest.approx([-10 * np.log10(np.square(error).mean())] * 2)
