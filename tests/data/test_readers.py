"""Every format, written by its own library, gives the same examples and labels."""

import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, SubsetRandomSampler, TensorDataset, WeightedRandomSampler

import arena.data
from arena.data import Kept, Source, keep, kept_object
from arena.errors import ArenaError, ArenaWarning, DataDamaged, DataUnavailable

RAN = Path(tempfile.gettempdir()) / "arena-ran-code-of-a-file"
COUNT = 24
PIXELS = np.random.default_rng(0).integers(256, size=(COUNT, 8, 6, 3), dtype=np.uint8)
WORDS = np.array(["ant", "bee", "cow"])[np.arange(COUNT) % 3]
ROWS = np.random.default_rng(1).normal(size=(COUNT, 2)).round(3)


def folder(place: Path) -> Path:
    for number, (pixels, word) in enumerate(zip(PIXELS, WORDS, strict=True)):
        (place / "faces" / word).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / "faces" / word / f"{number:02d}.png")
    (place / "faces" / ".hidden.png").write_bytes(b"left out")
    (place / "faces" / "README.txt").write_text("no image")
    return place / "faces"


def npz(place: Path) -> Path:
    np.savez(place / "faces.npz", x=PIXELS, y=WORDS)
    return place / "faces.npz"


def compressed(place: Path) -> Path:
    np.savez_compressed(place / "faces.npz", images=np.asfortranarray(PIXELS), labels=WORDS)
    return place / "faces.npz"


def hugging_face(place: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["ant", "bee", "cow"])})
    records = {"image": [Image.fromarray(pixels) for pixels in PIXELS], "label": [["ant", "bee", "cow"].index(word) for word in WORDS]}
    datasets.Dataset.from_dict(records, features=features).save_to_disk(str(place / "faces"))
    return place / "faces"


def parquet(place: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    datasets.load_from_disk(str(hugging_face(place))).to_parquet(str(place / "faces.parquet"))
    return place / "faces.parquet"


class Own(Dataset):
    """Images of Pillow with words."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Any:
        return Image.fromarray(PIXELS[index]), str(WORDS[index])


IMAGES: dict[str, Callable[[Path], Any]] = {
    "a folder for each class": folder,
    "npz": npz,
    "npz, compressed, of Fortran's order": compressed,
    "Hugging Face": hugging_face,
    "parquet": parquet,
    "a Dataset": lambda _: Own(),
    "a DataLoader": lambda _: DataLoader(Own(), batch_size=5, shuffle=True, num_workers=0),
    "a pair of arrays": lambda _: (PIXELS, WORDS),
    "a dictionary": lambda _: {"x": PIXELS, "y": WORDS},
    "channels first": lambda _: (np.moveaxis(PIXELS, 3, 1), WORDS),
    "tensors in [0, 1]": lambda _: TensorDataset(torch.from_numpy(PIXELS).permute(0, 3, 1, 2) / 255, torch.arange(COUNT) % 3 + 1),
}


def kept_of(source: Any, **options: Any) -> Kept:
    return keep(Source.of(source if isinstance(source, Path) else kept_object(source)), **options)


@pytest.mark.parametrize("format", IMAGES)
def test_images_of_every_format(format: str, tmp_path: Path) -> None:
    kept = kept_of(IMAGES[format](tmp_path), kind="images")
    assert kept.shape == (8, 6, 3) and kept.counts == (20, 4)
    assert kept.labels == ((1, 2, 3) if "tensors" in format else ("ant", "bee", "cow"))
    arrays = kept.arrays()
    found = {x.tobytes(): int(y) for part in ("train", "test") for x, y in zip(arrays[f"x_{part}"], arrays[f"y_{part}"], strict=True)}
    assert found == {pixels.tobytes(): number % 3 for number, pixels in enumerate(PIXELS)}


def csv(place: Path) -> Path:
    lines = ["x;height;species", *(f"{a};{b};{word}" for (a, b), word in zip(ROWS, WORDS, strict=True))]
    (place / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return place / "rows.csv"


def frame(_: Path) -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"x": ROWS[:, 0], "height": ROWS[:, 1], "species": WORDS})


def table_in_parquet(place: Path) -> Path:
    pytest.importorskip("pyarrow")
    frame(place).to_parquet(place / "rows.parquet")
    return place / "rows.parquet"


def table_of_hugging_face(place: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_pandas(frame(place)).save_to_disk(str(place / "rows"))
    return place / "rows"


TABLES: dict[str, Callable[[Path], Any]] = {
    "csv": csv,
    "a data frame": frame,
    "parquet": table_in_parquet,
    "Hugging Face": table_of_hugging_face,
    "a Dataset of pairs": lambda _: [None],
    "a pair of arrays": lambda _: (ROWS, WORDS),
}


@pytest.mark.parametrize("format", TABLES)
def test_rows_of_every_format(format: str, tmp_path: Path) -> None:
    source = TABLES[format](tmp_path) if format != "a Dataset of pairs" else TensorDataset(torch.from_numpy(ROWS), torch.arange(COUNT) % 3)
    kept = kept_of(source, kind="rows")
    assert kept.shape == (2,) and kept.counts == (20, 4) and len(kept.labels) == 3
    arrays = kept.arrays()
    rows = np.concatenate([arrays["x_train"], arrays["x_test"]])
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], ROWS[np.lexsort(ROWS.T)])
    mean, deviation = kept.moments()
    np.testing.assert_allclose([mean, deviation], [arrays["x_train"].mean(0), arrays["x_train"].std(0)], rtol=1e-12)


def test_files_without_labels_and_with_parts(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS.astype(np.float32))
    assert kept_of(tmp_path / "rows.npy").labels == () and kept_of(tmp_path / "rows.npy").arrays()["x_train"].dtype == np.float32
    for part, count in (("train", 5), ("val", 3)):
        (tmp_path / "flat" / part).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(PIXELS[number]).save(tmp_path / "flat" / part / f"{number}.bmp")
    kept = kept_of(tmp_path / "flat")
    assert kept.counts == (5, 3) and kept.labels == () and not any(name.startswith("y") for name in kept.arrays())
    np.testing.assert_array_equal(kept.arrays()["x_test"], PIXELS[:3])
    (tmp_path / "plain.csv").write_text("".join(f"{a},{b},7\n" for a, b in ROWS))
    assert kept_of(tmp_path / "plain.csv").shape == (3,)
    datasets = pytest.importorskip("datasets")
    halves = {name: datasets.Dataset.from_dict({"a": list(range(n)), "label": [5] * n}) for name, n in (("train", 7), ("test", 2))}
    datasets.DatasetDict(halves).save_to_disk(str(tmp_path / "halves"))
    assert (kept_of(tmp_path / "halves").counts, kept_of(tmp_path / "halves").labels) == ((7, 2), (5,))


def test_of_a_data_loader_the_subset_and_the_workers_are_taken_and_weights_are_left_out_with_a_word() -> None:
    subset = SubsetRandomSampler(list(range(12)))
    assert kept_of(DataLoader(Own(), sampler=subset)).counts == (10, 2)
    weighted = WeightedRandomSampler([1.0] * COUNT, COUNT)
    with pytest.warns(ArenaWarning, match="the sampler of the DataLoader, WeightedRandomSampler, is left out: every example is drawn as"):
        assert kept_of(DataLoader(Own(), sampler=weighted)).counts == (20, 4)


@pytest.mark.thorough
def test_workers_convert_the_same() -> None:
    assert kept_object(DataLoader(Own(), num_workers=2)) == kept_object(Own())


class Endless(IterableDataset):
    def __iter__(self) -> Any:
        yield torch.zeros(3)


class Failing(Own):
    def __getitem__(self, index: int) -> Any:
        raise KeyError("no such face")


def write(place: Path, name: str, content: bytes | str) -> Path:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return place / name


class Code:
    """A pickle of this runs code."""

    def __reduce__(self) -> Any:
        return (RAN.touch, ())


def pickled_npz(place: Path) -> Path:
    np.savez(place / "code.npz", x=np.array([Code()], dtype=object))
    return place / "code.npz"


def truncated(place: Path) -> Path:
    file = folder(place) / "ant" / "00.png"
    file.write_bytes(file.read_bytes()[:-40])
    return place / "faces"


def cut_npz(place: Path) -> Path:
    content = bytearray(npz(place).read_bytes())
    content[500] ^= 1
    return write(place, "cut.npz", bytes(content))


def elsewhere(place: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    write(place, "secret.png", b"")
    records = {"image": [{"bytes": None, "path": str(place / "secret.png")}] * 3}
    table = datasets.Dataset.from_dict(records)
    table.save_to_disk(str(place / "stranger"))
    return place / "stranger"


FAULTS: dict[str, tuple[Callable[[Path], Any], type[ArenaError], str]] = {
    "nowhere": (lambda p: p / "nowhere", DataUnavailable, "nowhere does not exist. Expected the path of a data set"),
    "unknown": (lambda p: write(p, "a.doc", "?"), DataUnavailable, "a.doc is in no known format. Expected one of arrays, csv, dataset,"),
    "a list": (lambda p: [1, 2], DataUnavailable, "a list is in no known format"),
    "a pickle": (pickled_npz, DataDamaged, "code.npz is damaged: x is no array of numbers. Fix: save it again with numpy.savez"),
    "a pickle as npy": (lambda p: write(p, "a.npy", pickle.dumps(Code())), DataDamaged, "a.npy is damaged: it is no array of numbers"),
    "a changed byte": (cut_npz, DataDamaged, "cut.npz is damaged"),
    "a cut image": (truncated, DataDamaged, "ant/00.png is damaged"),
    "no image": (lambda p: write(p, "f/a.png", "%!PS").parent, DataDamaged, "a.png is no image in one of the formats PNG, JPEG"),
    "an image outside": (elsewhere, DataDamaged, "image 0 of .* has no bytes in the data set, but a place elsewhere at best"),
    "loose image": (
        lambda p: write(p, "f/a.png", folder(p).joinpath("ant", "00.png").read_bytes()) and (p / "faces").rename(p / "f" / "faces").parent,
        DataDamaged,
        "a.png stands beside folders of classes",
    ),
    "missing numbers": (
        lambda p: write(p, "a.csv", "a,b\n1,2\n3,\n5,nan\n7,inf\n9,1\n"),
        DataDamaged,
        "a.csv has NaN or infinite numbers in the first rows 1, 2, 3, counted from 0. Expected finite numbers. Fix: remove these rows",
    ),
    "a short row": (lambda p: write(p, "a.csv", "a,b\n1,2\n3\n"), DataDamaged, "row 1 of .*a.csv has 1 fields, but there are 2 columns"),
    "two columns of words": (
        lambda p: write(p, "a.csv", "name,town,x\nann,ulm,1\n"),
        DataDamaged,
        "a.csv has words in the columns name, town. Expected numbers, and words in one column at most",
    ),
    "no rows": (lambda p: write(p, "a.csv", "a,b\n"), DataDamaged, "a.csv has no rows"),
    "no UTF-8": (lambda p: write(p, "a.csv", b"a,b\n\xff,2\n"), DataDamaged, "a.csv is damaged"),
    "no parquet": (lambda p: write(p, "a.parquet", "PAR1"), DataDamaged, "a.parquet is damaged"),
    "a half label": (lambda p: (ROWS, np.arange(COUNT) / 2), DataDamaged, "the label 0.5 is neither a whole number nor a word"),
    "too few labels": (lambda p: (ROWS, WORDS[:3]), DataDamaged, r"has labels of the shape \(3,\) for 24 examples"),
    "NaN in an image": (lambda p: np.full((5, 4, 4), np.nan), DataDamaged, "holds NaN or infinite pixels, first in image 0 of them"),
    "another range": (
        lambda p: np.linspace(-3, 3, 320, dtype=np.float32).reshape(5, 8, 8),
        DataDamaged,
        r"has pixels from -3 to 3. Expected bytes, 16 bit, or floating point in \[0, 1\], \[−1, 1\] or \[0, 255\]. Fix: undo",
    ),
    "no length": (lambda p: Endless(), ArenaError, "the Endless has no length, so that no batch could be drawn again after a resume"),
    "its own error": (lambda p: Failing(), DataDamaged, "the Failing failed after example 0 .*no such face"),
    "three values": (lambda p: TensorDataset(*[torch.zeros(9)] * 3), DataDamaged, "has 3 values. Expected an example, or"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_and_hostile_data_are_refused_in_one_sentence(fault: str, tmp_path: Path) -> None:
    source, kind, message = FAULTS[fault]
    with pytest.raises(kind, match=message) as error:
        kept_of(source(tmp_path))
    assert "\n" not in str(error.value) and not RAN.exists()
    assert not list(arena.data.checksum.cache().glob(".part-*"))
