"""Runs and experiments in the cells of a notebook, in a real kernel."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import arena
from arena.runs import cells
from arena.trace import read_trace

QUICK = {"trace.every": 5, "score.every": 10, "picture.every": 20, "metrics.every": 0, "trace.tensorboard": False}


def test_results_have_a_rich_display(tmp_path: Path) -> None:
    result = arena.play("bilinear", turns=20, out=tmp_path / "<run>", display=False, **QUICK)
    page = result._repr_html_()
    assert f"<td>score</td><td>{result.score:.4g}</td>" in page and "finished after 20 turns" in page
    assert "&lt;run&gt;" in page and page.count("data:image/png;base64,") == 1
    assert not cells.in_notebook()


def test_experiments_have_a_rich_display(tmp_path: Path) -> None:
    vary = {"rule": ["simultaneous", "extragradient"]}
    compared = arena.compare("bilinear", vary, workers=1, settings={"turns": 40, **QUICK}, out=tmp_path / "c")
    page = compared._repr_html_()
    assert "rule=extragradient" in page and page.count("<img") == len(compared.pictures)
    from arena.tuning import sweep

    swept = sweep(
        "bilinear", {"x.lr": "log:0.01:0.3"}, trials=3, seeds=(0,), backend="population", settings={"turns": 10}, out=tmp_path / "s"
    )
    page = swept._repr_html_()
    assert "3 trials, of which 3 finished" in page and "<th>x.lr</th>" in page


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Any]:
    manager = pytest.importorskip("jupyter_client").KernelManager()
    pytest.importorskip("ipykernel")
    from jupyter_client.kernelspec import KernelSpec

    manager._kernel_spec = KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def messages(client: Any, code: str, during: Any = lambda: None) -> list[dict[str, Any]]:
    """Run a cell, and return the messages of its outputs."""
    cell, found, asked = client.execute(code), [], False
    until = time.monotonic() + 120
    while time.monotonic() < until:
        message = client.get_iopub_msg(timeout=120)
        if message["parent_header"].get("msg_id") != cell:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return found
        found.append(message)
        if not asked and message["msg_type"] in ("display_data", "update_display_data"):
            asked = True
            during()
    raise AssertionError("the cell does not end")


def html(message: dict[str, Any]) -> str:
    return str(message["content"].get("data", {}).get("text/html", ""))


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
def test_a_notebook_shows_one_panel_saves_when_interrupted_and_compares(kernel: Any, tmp_path: Path) -> None:
    manager, client = kernel
    begun = f"import arena\nquick = {QUICK!r}\n"
    began = time.monotonic()
    told = messages(client, begun + "result = arena.play('bilinear', turns=400, out='run', **quick)\nresult")
    kinds = [message["msg_type"] for message in told]
    assert kinds.count("display_data") == 2 and "error" not in kinds and "stream" not in kinds, kinds
    updates = [message for message in told if message["msg_type"] == "update_display_data"]
    assert 2 <= len(updates) <= 4 * (time.monotonic() - began) + 4, "at most two a second of each output"
    panel = next(html(message) for message in reversed(updates) if "<pre" in html(message))
    assert "bilinear" in panel and "[bold]" not in panel and "400 of 400" in panel and re.search(r"finished after 400 turns", panel)
    assert any("data:image/png" in html(message) for message in updates)
    (shown,) = [message for message in told if message["msg_type"] == "execute_result"]
    assert "<td>score</td>" in html(shown)

    code = "cut = arena.play('bilinear', turns=2_000_000, out='cut', **{**quick, 'trace.every': 50})\nprint(cut.status)"
    told = messages(client, code, during=lambda: (time.sleep(2), manager.interrupt_kernel()))
    assert "interrupted\n" in [message["content"].get("text") for message in told], [m["content"] for m in told][-2:]
    assert list((tmp_path / "cut/checkpoints").glob("turn-*.pt")) and read_trace(tmp_path / "cut")[-1]["kind"] != "end"

    vary = "{'rule': ['simultaneous', 'extragradient']}"
    told = messages(client, f"arena.compare('bilinear', {vary}, workers=2, settings={{'turns': 40, **quick}}, out='both')")
    assert [message["msg_type"] for message in told if message["msg_type"] in ("stream", "error")] == []
    assert "rule=extragradient" in html(told[-1])
