"""Networks by name and from files, as `srbench.load` gives them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime
from hydra.plugins.search_path_plugin import SearchPathPlugin
from safetensors.torch import save_file

from srbench.core.errors import UserError
from srbench.evaluation.export import export
from srbench.experiments.networks import list_models, load
from srbench.models.fsrcnn import FSRCNN
from srbench.models.weights import digest, read_weights
from tests.tiny_runs import carried_out

LR = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def test_published_weights_come_with_the_name(shared):
    folder = shared / "reference/checkpoints"
    model = load("carn_m", scale=4, weights_dir=folder)
    assert digest(model.state_dict()) == digest(read_weights(folder / "carn_m.safetensors"))
    assert not model.training
    assert model(LR).shape == (1, 3, 96, 96)
    assert load("mdrn_s", weights_dir=str(folder)).scale == 4  # the only one


def test_without_weights_it_is_as_its_constructor_leaves_it():
    torch.manual_seed(3)
    model = load("fsrcnn", scale=3, weights=None)
    torch.manual_seed(3)
    assert digest(model.state_dict()) == digest(FSRCNN(scale=3).state_dict())


def test_a_network_without_published_weights_says_so():
    with pytest.warns(UserWarning, match=r"^edsr: no weights are published for scale=2"):
        load("edsr", scale=2)


def test_a_file_of_weights_for_a_named_network(tmp_path):
    trained = FSRCNN(scale=2)
    save_file(trained.state_dict(), tmp_path / "mine.safetensors")
    model = load("fsrcnn", scale=2, weights=tmp_path / "mine.safetensors")
    assert torch.equal(model(LR), trained.eval()(LR))


def test_an_exported_file_tells_its_network(tmp_path):
    exported = FSRCNN(scale=2).eval()
    config = {"_target_": "srbench.models.fsrcnn.FSRCNN", "scale": 2}
    export(exported, "fsrcnn", config, tmp_path / "net.safetensors", None)
    assert torch.equal(load(tmp_path / "net.safetensors")(LR), exported(LR))


def test_the_weights_of_a_run_tell_their_network(carn):
    run = carn()
    done = carried_out(run)
    model = load(run.folder / "weights.safetensors")
    assert digest(model.state_dict()) == done.weights_sha256
    assert model.scale == 2


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("os.system", "is not built, as it is no class of srbench's"),
        ("srbench.models.hub.os.system", "srbench.models.hub has no os"),
    ],
)
def test_a_file_builds_nothing_but_networks_of_srbench(tmp_path, target, told):
    config = f'{{"_target_": "{target}", "command": "touch {tmp_path}/hurt"}}'
    save_file({"a": torch.zeros(1)}, tmp_path / "net.safetensors", {"model": config})
    with pytest.raises(UserError, match=told):
        load(tmp_path / "net.safetensors")
    assert not (tmp_path / "hurt").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("carnm", 2), "^model=carnm: no such network, did you mean carn_m"),
        (("carn_m",), "^carn_m: give scale=N, one of 2, 3, 4$"),
        (("gfmn", 2), "^gfmn: weights are published for scale=4, not for 2; weights=None goes without$"),
        (("esrgan", 2), "^model=esrgan: ESRGAN has no scale 2: choose 4, the only one"),
    ],
)
def test_what_does_not_exist_is_told(arguments, told):
    with pytest.raises(UserError, match=told):
        load(*arguments)


def test_a_file_that_tells_nothing_says_how_to_go_on(tmp_path):
    save_file(FSRCNN(scale=2).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(
        UserError, match=r'does not tell its network; give it beside: load\("carn_m", scale=4, weights='
    ):
        load(tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"^weights=.*x\.pth: no such file$"):
        load("fsrcnn", 2, weights=tmp_path / "x.pth")


@pytest.fixture(scope="module")
def table():
    """Of all networks, by name."""
    return list_models().set_index("name")


def test_own_presets_are_found_beside_the_project_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/model").mkdir(parents=True)
    node = {"_target_": "srbench.models.fsrcnn.FSRCNN", "scale": "${scale}"}
    (tmp_path / "conf/model/mine.yaml").write_text(yaml.safe_dump(node))
    assert load("mine", scale=3, weights=None).scale == 3
    assert list(list_models("min*").name) == ["mine"]


def test_the_table_tells_what_is_known_of_a_network():
    table = list_models("*mdrn*").set_index("name")
    assert list(table.index) == ["mdrn", "mdrn_s"]
    row = table.loc["mdrn"]
    assert (row["class"], row.scales, row.weights, row.year) == ("MDRN", (2, 3, 4), (2, 3, 4), 2023)
    assert row.params == {2: 303724, 3: 311299, 4: 321904}
    assert row.training_data == ("div2k", "lsdir")
    assert "Multi-Level Dispersion" in row.paper
    assert row.licence.startswith("MIT")
    assert table.loc["mdrn_s"].weights == (4,)
    assert list_models("nobody").empty
    spans = list_models("span*").set_index("name")
    assert (spans.licence["span"], spans.training_data["span"]) == (None, None)
    assert spans.licence["span_ntire"]


@pytest.mark.parametrize(
    ("name", "scale"), [("rcan", 2), ("rcan", 8), ("classsr_srresnet", 4), ("carn_waifu2x", 3), ("safmn", 4)]
)
def test_the_table_counts_what_the_network_has_that_is_built(name, scale, table):
    built = load(name, scale, weights=None)
    assert table.params[name][scale] == sum(one.numel() for one in built.parameters())


def test_the_table_has_the_scales_that_can_be_built_alone(table):
    assert {name: table.scales[name] for name in ("rcan", "mossnet", "bicubic")} == {
        "rcan": (2, 3, 4, 8),
        "mossnet": (2,),
        "bicubic": (1, 2, 3, 4, 8),
    }


def test_parts_that_networks_share_are_counted_in_each_as_often_as_it_has_them(tmp_path, monkeypatch):
    """Of three branches that are alike, the last one smaller."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/model").mkdir(parents=True)
    rcan = {"_target_": "srbench.models.rcan.RCAN", "scale": "${scale}", "width": 8, "groups": 1, "reduction": 2}
    branches = [{**rcan, "blocks": blocks} for blocks in (2, 2, 1)]
    node = {"_target_": "srbench.models.classsr.ClassSR", "scale": "${scale}", "branches": branches}
    (tmp_path / "conf/model/alike.yaml").write_text(yaml.safe_dump(node))
    counted = list_models("alike").params.iloc[0]
    assert list(counted) == [2, 3, 4, 8]
    for scale in (2, 4):
        built = load("alike", scale, weights=None)
        assert counted[scale] == sum(one.numel() for one in built.parameters())


def test_an_app_of_hydra_s_own_finds_hydra_as_it_was(tmp_path):
    (tmp_path / "config.yaml").write_text("a: 1\n")
    store, plugins = ConfigStore.instance(), Plugins.instance()
    sources = dict(SourcesRegistry.instance().types)
    searched = {*plugins.discover(SearchPathPlugin)}
    with initialize_config_dir(str(tmp_path), job_name="theirs", version_base="1.3"):
        known, hydra = GlobalHydra.instance(), GlobalHydra.instance().hydra
        load("fsrcnn", scale=2, weights=None)
        assert GlobalHydra.instance() is known
        assert known.hydra is hydra
        assert JobRuntime.instance().get("name") == "theirs"
        assert compose("config") == {"a": 1}
    assert ConfigStore.instance() is store
    assert {*plugins.discover(SearchPathPlugin)} == searched
    assert SourcesRegistry.instance().types == sources


def test_threads_load_at_one_time():
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda _: type(load("fsrcnn", scale=2, weights=None)), range(8)))
    assert found == [FSRCNN] * 8


def test_configs_of_another_program_in_the_current_folder_end_nothing_and_are_not_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "conf/model"
    folder.mkdir(parents=True)
    (tmp_path / "conf/config.yaml").write_text("defaults: [{model: lookup}]\n")
    (folder / "lookup.yaml").write_text("_target_: torch.nn.Identity\nkey: ${oc.env:NOT_SET_ANYWHERE}\n")
    (folder / "broken.yaml").write_text("a: [\n")
    (folder / "listless.yaml").write_text("defaults: 3\n")
    (folder / "command.yaml").write_text(f"_target_: os.system\ncommand: touch {tmp_path}/hurt\n")
    table = list_models().set_index("name")
    assert [table.params[name] for name in ("lookup", "broken", "listless", "command")] == [{}] * 4
    assert table.params["safmn"][2] == 227820
    assert not (tmp_path / "hurt").exists()
    assert load("fsrcnn", scale=2, weights=None).scale == 2
    for name in ("lookup", "broken", "listless"):
        with pytest.raises(UserError, match=f"^model={name}: "):
            load(name, scale=2)
    assert capsys.readouterr() == ("", "")


def test_a_constructor_that_raises_leaves_the_others_in_the_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/aside.yaml").write_text("_target_: half_written.Net\n")
    (tmp_path / "half_written.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        {}['nothing']\n"
    )
    table = list_models("[af]s*").set_index("name")
    assert table.params["aside"] == {}
    assert table.params["fsrcnn"][2] > 0


def test_weights_that_are_given_leave_random_numbers_alone(tmp_path):
    save_file(FSRCNN(scale=2).state_dict(), tmp_path / "mine.safetensors")
    before = torch.get_rng_state()
    with torch.device("meta"):
        model = load("fsrcnn", np.int64(2), weights=tmp_path / "mine.safetensors")
    assert torch.equal(torch.get_rng_state(), before)
    assert model(LR).shape == (1, 3, 48, 48)


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        ((None, 2), {}, "^load: a network's name or a file is needed, not a NoneType$"),
        (("runs/a/weights.safetensors",), {}, r"^runs/a/weights\.safetensors: no such file$"),
        (("fsrcnn", "2"), {}, "^scale='2': a whole number from 1 on is needed$"),
        (("fsrcnn", 2), {"weights": True}, '^weights=True: "published", a file, or None'),
        (("carn_m", 2), {"weights_dir": ["a", "b"]}, r"^weights_dir=\['a', 'b'\]: a path is needed; of several, with"),
    ],
)
def test_what_is_no_name_number_or_path_is_told(arguments, settings, told):
    with pytest.raises(UserError, match=told):
        load(*arguments, **settings)
