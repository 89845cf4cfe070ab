"""A folder of images: flat, or with one folder for each class as torchvision's ImageFolder reads it.

Folders named train and test (or val, valid, validation) are parts, each of which is flat or has folders of classes. A folder of images that
stands above folders of classes is refused, because its own images have no label.
"""

from collections.abc import Iterator
from pathlib import Path

from arena.data.checksum import files_of
from arena.data.part import AT_ONCE, Block, Part
from arena.data.pixels import SUFFIXES, decoded
from arena.errors import DataDamaged

PARTS = ("train", "test", "val", "valid", "validation", "dev")


def fits(source: object) -> bool:
    if not isinstance(source, Path) or not source.is_dir() or any((source / mark).exists() for mark in _OTHERS):
        return False
    return any(file.suffix.lower() in SUFFIXES for file in files_of(source))


def parts(source: Path) -> dict[str, Part]:
    folders = {place.name: place for place in sorted(source.iterdir()) if place.is_dir() and place.name.lower() in PARTS}
    if "train" in folders:
        return {name.lower(): _part(place) for name, place in folders.items()}
    return {"": _part(source)}


def _part(folder: Path) -> Part:
    files = [file for file in files_of(folder) if file.suffix.lower() in SUFFIXES]
    classes = [file.relative_to(folder).parts[0] if file.parent != folder else None for file in files]
    if len(set(classes)) > 1 and None in classes:
        loose = files[classes.index(None)]
        raise DataDamaged(
            f"{loose} stands beside folders of classes. Expected images in folders alone, or no folders. Fix: move it into one"
        )
    if not files:
        raise DataDamaged(f"{folder} has no images. Expected files such as cats/1.png. Fix: remove the folder, or put images into it")
    labelled = None not in classes

    def blocks() -> Iterator[Block]:
        for start in range(0, len(files), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            images = []
            for file in files[some]:
                image = decoded(file, str(file))
                image.arena_name = file
                images.append(image)
            yield images, classes[some] if labelled else None

    return Part(len(files), blocks)


_OTHERS = ("arena-data.json", "dataset_dict.json", "state.json")
"""Files that mark folders of other formats."""
