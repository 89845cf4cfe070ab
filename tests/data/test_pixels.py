"""Images of every form become bytes as the text says, by hand."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from arena.data import Source, keep, kept_object
from arena.errors import DataDamaged

GREY = np.random.default_rng(0).integers(17, 256, (8, 9), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(256, size=(8, 9, 3), dtype=np.uint8)
ALPHA = np.random.default_rng(2).integers(256, size=(8, 9, 1), dtype=np.uint8)
OVER_WHITE = np.floor((COLOUR * ALPHA.astype(int) + 255 * (255 - ALPHA.astype(int)) + 127) / 255)


def palette(of: np.ndarray) -> Any:
    return Image.fromarray(of).convert("RGB").quantize(256)


FORMS: dict[str, tuple[Any, np.ndarray, str]] = {
    "grey": (Image.fromarray(GREY), GREY[..., None], ""),
    "colour": (Image.fromarray(COLOUR), COLOUR, ""),
    "transparent": (Image.fromarray(np.concatenate([COLOUR, ALPHA], 2)), OVER_WHITE, "transparency over white (4)"),
    "16 bit": (Image.fromarray(GREY.astype(np.uint16) * 257), GREY[..., None], "uint16 as x/257 (4)"),
    "black and white": (Image.fromarray(GREY > 99), 255 * (GREY > 99)[..., None], "black and white (4)"),
    "floating point": (Image.fromarray(GREY.astype(np.float32) / 255), GREY[..., None], "float32 as 255 x from [0, 1] (4)"),
    "palette": (palette(COLOUR), COLOUR, "palette as RGB (4)"),
    "grey palette": (palette(GREY), GREY[..., None], "palette as grey (4)"),
    "CMYK": (Image.fromarray(COLOUR).convert("CMYK"), COLOUR, "CMYK as RGB (4)"),
}


@pytest.mark.parametrize("form", FORMS)
def test_image_files_of_every_form(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, expected, how = FORMS[form]
    for name in "abcd":
        image.save(tmp_path / f"{name}.{'tif' if form in ('floating point', 'CMYK') else 'png'}")
    arrays = keep(Source.of(tmp_path)).arrays()
    tolerance = 8 if "palette" in form else 0  # of the quantisation into a palette
    for part in ("train", "test"):
        np.testing.assert_allclose(arrays[f"x_{part}"][0].astype(int), expected, atol=tolerance)
    said = capsys.readouterr().err.strip()
    assert re.fullmatch(rf"converted .* once: 2 \+ 2 images, 8×9×[13](; {re.escape(how)}, |; )2 held out for testing", said), said
    keep.cache_clear()
    keep(Source.of(tmp_path))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (GREY / 255, GREY),
        (GREY / 127.5 - 1, GREY),
        (GREY.astype(np.float64), GREY),
        (GREY.astype(np.int64), GREY),
        (GREY.astype(np.uint16) * 257, GREY),
        (GREY > 99, 255 * (GREY > 99)),
        (np.concatenate([COLOUR, ALPHA], 2), OVER_WHITE),
    ],
)
def test_arrays_of_every_range(given: np.ndarray, expected: np.ndarray) -> None:
    x = keep(Source.of(kept_object(np.stack([given] * 5)))).arrays()["x_train"]
    np.testing.assert_array_equal(x[0], expected.reshape(x.shape[1:]))


def test_grey_and_colour_together_and_sizes_as_asked(tmp_path: Path) -> None:
    for name in "abc":
        Image.fromarray(GREY).save(tmp_path / f"{name}.png")
        Image.fromarray(np.repeat(COLOUR, 2, 1)).save(tmp_path / f"{name}-wide.png")
    with pytest.raises(DataDamaged, match=r"has images of 2 sizes, such as 8×[189]+ and 8×[189]+. Expected one size. Fix: --size"):
        keep(Source.of(tmp_path))
    shapes = {fit: keep(Source.of(tmp_path), size=8, fit=fit) for fit in ("resize", "crop", "pad")}
    assert {kept.shape for kept in shapes.values()} == {(8, 8, 3)}
    padded = {len(np.unique(x[0])) == 1 for part in ("x_train", "x_test") for x in shapes["pad"].arrays()[part]}
    assert padded == {True, False}  # black above the wide image; none above the other one
    grey = keep(Source.of(tmp_path), size=8, channels=1)
    assert grey.shape == (8, 8, 1)
