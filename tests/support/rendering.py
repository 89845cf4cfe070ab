"""Rendering of figures, which takes a third of the time of a test that plays a run.

With `--unrendered`, figures are composed and a blank picture of their size is written, except in tests and fixtures whose point is the
picture: those say so by the marker `rendered`, or by `with rendering():`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

RENDER = FigureCanvasAgg.print_png


def write_blank(canvas: FigureCanvasAgg, path: Any, **options: Any) -> None:
    """Write a white PNG of the size of a figure."""
    Image.new("1", canvas.get_width_height(), 1).save(path, "PNG")


@contextlib.contextmanager
def rendering(wanted: bool = True) -> Iterator[None]:
    """Render figures within the block, or write blank ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCanvasAgg, "print_png", RENDER if wanted else write_blank)
        yield
