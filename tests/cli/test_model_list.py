"""python -m srbench models."""

from srbench.cli.dispatch import perform


def test_a_network_without_published_weights_has_a_dash_for_what_is_not_known(capsys):
    assert perform(["models", "span*"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "name"
    told = {line.split()[0]: line for line in lines}
    assert list(told) == ["span", "span_ntire", "span_s"]
    assert told["span"].count("–") == 3
    assert "×4" in told["span_ntire"]
