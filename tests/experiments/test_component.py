"""Classes and functions made of nodes of the config, and what is told of those that cannot be made."""

import sys
from collections import OrderedDict
from fractions import Fraction
from functools import partial

import pytest

from srbench.core.errors import UserError
from srbench.experiments.component import Component, component


def node(target, **arguments):
    return {"_target_": target, **arguments}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Puts a module into the current folder."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return write


def test_nodes_within_nodes_are_made():
    made = component(node("collections.OrderedDict", a=[node("fractions.Fraction", numerator=1, denominator=3)]), "x")
    assert made.build("x") == OrderedDict(a=[Fraction(1, 3)])


def test_a_mapping_without_a_target_stays_one():
    made = Component("builtins.dict", {"a": {"b": node("fractions.Fraction", numerator=2)}}).build("x")
    assert made == {"a": {"b": Fraction(2)}}


def test_a_partial_node_waits_for_the_rest():
    made = Component("fractions.Fraction", {"_partial_": True, "denominator": 4}).build("x")
    assert isinstance(made, partial)
    assert made(3) == Fraction(3, 4)


def test_further_arguments_come_besides():
    assert Component("fractions.Fraction", {"denominator": 4}).build("x", 3) == Fraction(3, 4)
    assert Component("fractions.Fraction", {"denominator": 4}).build("x", numerator=3) == Fraction(3, 4)


def test_a_class_inside_a_class_is_found(package):
    package("inner_one", "class A:\n    class B:\n        pass\n")
    assert type(Component("inner_one.A.B", {}).build("x")).__qualname__ == "A.B"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("nowhere.Net", "model: nowhere.Net: no module nowhere"),
        ("fractions.Nothing", "model: fractions.Nothing: fractions has no Nothing"),
        ("fractions.__name__", "model: fractions.__name__: is no class"),
        ("Net", "model: _target_=Net: a class is needed, as in my_package.MyClass"),
        ("broken_a.Net", "model: broken_a.Net: broken_a cannot be imported: No module named 'nowhere'"),
        ("broken_b.Net", "model: broken_b.Net: broken_b cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_target_that_cannot_be_had_is_told_with_the_reason(package, target, told):
    package("broken_a", "import nowhere\n")
    package("broken_b", "1 / 0\n")
    with pytest.raises(UserError) as error:
        Component(target, {}).build("model")
    assert str(error.value).startswith(told)


def test_arguments_that_a_constructor_refuses_are_told_with_their_key():
    with pytest.raises(UserError, match=r"^model.width: Fraction takes no width"):
        Component("fractions.Fraction", {"width": 4}).build("model=x")
    with pytest.raises(UserError, match=r"^model=x: Invalid literal for Fraction: 'a'"):
        Component("fractions.Fraction", {"numerator": "a"}).build("model=x")


def test_what_a_constructor_asserts_of_its_arguments_is_told(package):
    package("strict", "def make(heads):\n    assert 16 % heads == 0, 'heads must divide 16'\n")
    with pytest.raises(UserError, match=r"^model=x: heads must divide 16$"):
        Component("strict.make", {"heads": 3}).build("model=x")


def test_a_line_that_a_constructor_tells_itself_stays_as_it_is(package):
    package("telling", "from srbench.core.errors import UserError\ndef make():\n    raise UserError('give more')\n")
    with pytest.raises(UserError, match=r"^give more$"):
        Component("telling.make", {}).build("model=x")


def test_what_is_a_bug_keeps_its_traceback(package):
    package("buggy", "def make():\n    raise KeyError('a')\n")
    with pytest.raises(KeyError):
        Component("buggy.make", {}).build("model=x")


@pytest.mark.parametrize("wrong", [None, {}, {"_target_": 5}, {"_target_": ""}, "torch.nn.L1Loss"])
def test_what_is_no_node_is_told(wrong):
    with pytest.raises(UserError, match=r"^data\._target_.*: a class is needed"):
        component(wrong, "data")


def test_the_identity_names_classes_without_their_modules():
    one = Component("a.b.Net", {"loss": node("torch.nn.L1Loss"), "widths": [1, node("x.y")]})
    assert one.identity == {"_target_": "Net", "loss": {"_target_": "L1Loss"}, "widths": [1, {"_target_": "y"}]}
    assert one.without("loss").identity == {"_target_": "Net", "widths": [1, {"_target_": "y"}]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"width": "x"}, "model.width=x: CARN takes a whole number"),
        ({"width": 1.5}, "model.width=1.5: CARN takes a whole number"),
        ({"share_units": "maybe"}, "model.share_units=maybe: CARN takes true or false"),
    ],
)
def test_an_argument_of_another_type_is_told_with_its_place(arguments, told):
    with pytest.raises(UserError) as raised:
        Component("srbench.models.carn.CARN", {"scale": 2, **arguments}).build("model=carn")
    assert str(raised.value) == told


SWALLOWS = """
class Drops:
    def __init__(self, scale=2, **kwargs):
        self.scale = scale

class Hands(Drops):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)

class Closes:
    def __init__(self, **kwargs):
        self.get = lambda: kwargs

class Looks:
    def __init__(self, **kwargs):
        self.all = locals()

class Made:
    def __new__(cls, **kwargs):
        return kwargs
    def __init__(self, **kwargs):
        pass

def drops(a=1, **rest):
    return a
"""


@pytest.mark.parametrize("target", ["Drops", "drops"])
def test_an_argument_that_disappears_unread_is_refused(package, target):
    package("swallows", SWALLOWS)
    with pytest.raises(UserError, match=rf"^model\.typo: {target} takes no typo"):
        Component(f"swallows.{target}", {"typo": 3}).check("model")


@pytest.mark.parametrize("target", ["Hands", "Closes", "Looks", "Made"])
def test_an_argument_that_may_be_read_is_doubtful(package, target):
    package("swallows", SWALLOWS)
    nested = Component("builtins.dict", {"of": [node(f"swallows.{target}", typo=3)]})
    assert nested.doubtful("data") == ["data.of", "data.of[0].typo"]
    assert Component(f"swallows.{target}", {}).doubtful("data") == []


def test_an_argument_that_a_parent_names_is_not_doubtful(package):
    package("swallows", SWALLOWS)
    assert Component("swallows.Hands", {"scale": 3}).doubtful("model") == []
