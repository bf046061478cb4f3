"""The charts of a page as Vega-Lite has them; the page's script gives them their numbers, titles and limits."""

from contextlib import suppress
from functools import cache
from importlib.metadata import version
from typing import Any

import altair as alt

from srbench.core.files import write_file
from srbench.core.paths import cache_folder

HEIGHT = 340  # pixels
END = "\n// the end\n"  # by which a file that was cut off is known


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, for a page without a network. It takes a second to make, and is
    kept in the user's cache."""
    release = version("vl-convert-python")
    kept = cache_folder("vega") / f"{release}.js"
    with suppress(OSError, UnicodeDecodeError):
        if (text := kept.read_text(encoding="utf-8")).endswith(END):
            return text
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script") + END
    with suppress(OSError):  # the cache only saves time
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_file(kept, bundle.encode())
    return bundle


def loss_chart() -> dict[str, Any]:
    """Lines of `curves` in bands of their seeds, thin ones of what is `published`, and where stages start."""
    step = alt.X("step:Q", title="step", axis=alt.Axis(format="~s", tickCount=6))
    loss = alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=False))
    color = alt.Color("color:N", scale=None)
    nearest = alt.selection_point(
        name="nearest", nearest=True, on="pointermove", clear="pointerout", empty=False, encodings=["x", "y"]
    )
    curves = alt.Chart(alt.NamedData("curves"))
    band = curves.mark_area(opacity=0.15, clip=True).encode(
        x=step, y=alt.Y("low:Q", title="loss"), y2="high:Q", color=color, detail="run:N"
    )
    lines = curves.mark_line(clip=True).encode(
        x=step,
        y=loss,
        color=color,
        detail="run:N",
        strokeDash=alt.StrokeDash("dash:N", scale=None),
        strokeWidth=alt.StrokeWidth("width:Q", scale=None),
    )
    published = (
        alt.Chart(alt.NamedData("published"))
        .mark_line(strokeWidth=0.7, clip=True)
        .encode(x=step, y=loss, color=color, detail="run:N")
    )
    starts = alt.Chart(alt.NamedData("starts")).mark_rule(opacity=0.4).encode(x=step)
    hovered = (
        # Vega-Lite looks up single fields of the nearest point in the wrong place, a whole row in the right one.
        curves.mark_point(size=60, filled=True, clip=True, tooltip=alt.TooltipContent("data"))
        .encode(x=step, y=loss, color=color, opacity=alt.condition(nearest, alt.value(1), alt.value(0)))
        .add_params(nearest)
        .properties(name="hovered")
    )
    return _spec(alt.layer(starts, band, published, lines, hovered))


def trade_off_chart() -> dict[str, Any]:
    """Points of networks, filled where `measured`, hollow where `published`, and a line through the `front`."""
    cost = alt.X("cost:Q", scale=alt.Scale(zero=False))
    score = alt.Y("score:Q", scale=alt.Scale(zero=False))
    color, shape = alt.Color("color:N", scale=None), alt.Shape("shape:N", scale=None)
    told = [
        *(alt.Tooltip("network:N"), alt.Tooltip("kind:N"), alt.Tooltip("cost:Q", format=".4~r")),
        alt.Tooltip("score:Q", format=".4f"),
    ]
    measured, published, front = (alt.Chart(alt.NamedData(name)) for name in ("measured", "published", "front"))
    line = front.mark_line(strokeWidth=1, opacity=0.6, color="#8C8C8C")
    filled = measured.mark_point(size=70, filled=True, opacity=1)
    hollow = published.mark_point(size=160, filled=False)
    names = front.mark_text(dy=-11, fontSize=11, align="center", limit=190)
    return _spec(
        alt.layer(
            line.encode(x=cost, y=score, order="cost:Q"),
            hollow.encode(x=cost, y=score, color=color, shape=shape, tooltip=told),
            filled.encode(x=cost, y=score, color=color, shape=shape, tooltip=told),
            names.encode(x=cost, y=score, text="network:N"),
        )
    )


def _spec(chart: alt.LayerChart | alt.FacetChart) -> dict[str, Any]:
    sized = chart.properties(
        width="container", height=HEIGHT, autosize=alt.AutoSizeParams(type="fit", contains="padding")
    )
    spec: dict[str, Any] = sized.to_dict()
    # Altair's own configuration is a theme; the page has one for light and one for dark.
    return {name: value for name, value in spec.items() if name != "config"}
