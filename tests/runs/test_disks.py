"""Disks that fill, have no room for another file, become read-only, or vanish: one sentence, and resume ends with the same bytes."""

import random
from pathlib import Path

import pytest

from benchmarks.faults import Unbroken, disk, small_disk
from benchmarks.faults.disk import KINDS, blocks

mounted = pytest.mark.skipif(not small_disk.may_mount(), reason="may not mount a disk: be root, or `unshare -rm pytest …`")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    return Unbroken(tmp_path_factory.mktemp("unbroken"))


@mounted
@pytest.mark.parametrize("share", [0.05, pytest.param(0.4, marks=pytest.mark.thorough), 0.8])
def test_a_run_whose_disk_is_full_goes_on_once_there_is_room(share: float, unbroken: Unbroken, tmp_path: Path) -> None:
    size = round(share * blocks(unbroken.of("play")))
    assert small_disk.play_on(unbroken, "play", tmp_path, f"size={size}") in ("survived", "told")


@mounted
def test_a_run_that_cannot_be_begun_leaves_nothing(unbroken: Unbroken, tmp_path: Path) -> None:
    assert small_disk.play_on(unbroken, "play", tmp_path, "size=1g,nr_inodes=2") == "told"


@mounted
@pytest.mark.parametrize("inodes", [5, pytest.param(12, marks=pytest.mark.thorough)])
def test_a_run_on_a_disk_without_inodes_goes_on_once_there_is_room(inodes: int, unbroken: Unbroken, tmp_path: Path) -> None:
    assert small_disk.play_on(unbroken, "play", tmp_path, f"size=1g,nr_inodes={inodes}") == "survived"


@mounted
@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_an_experiment_whose_disk_is_full_goes_on_once_there_is_room(kind: str, number: int, unbroken: Unbroken, tmp_path: Path) -> None:
    assert disk.full(unbroken, kind)(tmp_path, random.Random(number)) in ("survived", "told")


@mounted
@pytest.mark.thorough
def test_a_report_whose_disk_is_full_is_drawn_once_there_is_room(unbroken: Unbroken, tmp_path: Path) -> None:
    assert disk.full_report(unbroken)(tmp_path, random.Random(1)) == "survived"


@mounted
@pytest.mark.parametrize("kind", ["play", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("compare", "map", "sweep"))])
def test_a_read_only_folder_is_reported(kind: str, unbroken: Unbroken, tmp_path: Path) -> None:
    assert disk.read_only(unbroken, [kind])(tmp_path, random.Random(1)) in ("survived", "told")


@pytest.mark.parametrize("kind", ["play", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("compare", "map", "sweep"))])
def test_a_folder_that_is_moved_away_is_not_made_anew(kind: str, unbroken: Unbroken, tmp_path: Path) -> None:
    assert disk.moved(unbroken, [kind])(tmp_path, random.Random(1)) in ("survived", "told")
