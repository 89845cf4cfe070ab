"""One game over several processes: the same game as one process plays, or a sentence and an end.

Most tests fork two processes with the environment that torchrun gives; those of torchrun itself take half a minute each, and all but one
are slow.
"""

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import arena
from arena.accelerate.process_group import _device, join, refuse_distributed
from arena.config import configure
from arena.errors import ArenaError, BadSetting
from arena.trace import read_trace
from tests.accelerate.test_large_players import RULES, SMALL, noisy, played
from tests.support import commands

ROOT = Path(__file__).parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
RUN: dict[str, Any] = {
    **SMALL,
    "turns": 6,
    "device": "cpu",
    "trace.every": 2,
    "trace.tensorboard": False,
    "picture.every": 0,
    "score.every": 3,
    "checkpoint.every": 3,
}

NOISY = ("simultaneous", "extragradient", "consensus", "unrolled(steps=2)")


def words(settings: dict[str, Any]) -> list[str]:
    written = {name: ",".join(map(str, v)) if isinstance(v, tuple) else str(v).lower() for name, v in settings.items()}
    return [f"--{name}={value}" for name, value in written.items()]


def start(*command: str, folder: Path) -> subprocess.Popen[str]:
    given = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    environment = {**given, "PYTHONPATH": f"{ROOT}{os.pathsep}{given.get('PYTHONPATH', '')}"}
    return subprocess.Popen([*TORCHRUN, *command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], within: float = 240) -> tuple[int, str, str]:
    try:
        output, errors = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        pytest.fail(f"it hung for {within} s: {output[-2000:]} {errors[-2000:]}")
    return process.returncode, output, errors


def fork(make: Callable[..., commands.Process], *what: Any, folder: Path) -> tuple[int, str, str]:
    """Run two processes as torchrun would; return the worse exit code, and all that both printed."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    both = [make(*what, folder=folder, RANK=str(rank), LOCAL_RANK=str(rank), **address) for rank in range(2)]
    with both[0], both[1]:
        codes = [process.wait(120) for process in both]
        printed = [process.output() for process in both]
    return max(codes), "".join(output for output, _ in printed), "".join(errors for _, errors in printed)


def script(text: str, folder: Path) -> tuple[int, str, str]:
    (folder / "script.py").write_text(text)
    return fork(commands.Process, run_script, folder=folder)


def run_script() -> None:
    runpy.run_path("script.py", run_name="__main__")


def last(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(sorted((folder / "checkpoints").glob("turn-*.pt"))[-1], weights_only=True)
    return {name: t for name, t in state["arena"]["game"].items() if t.is_floating_point()}


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def assert_alike(one: Path, other: Path) -> None:
    """The same traces but for rounding."""
    for first, second in zip(read_trace(one), read_trace(other), strict=True):
        assert first.keys() == second.keys()
        for name, value in first.items():
            if not name.startswith("rule."):
                assert value == second[name] or value == pytest.approx(second[name], rel=1e-8, abs=1e-10), name


@pytest.mark.parametrize(
    ("rule", "parts", "torchrun"), [pytest.param("extragradient", 1, True, marks=pytest.mark.thorough), ("consensus", 4, False)]
)
def test_two_processes_play_the_same_game(rule: str, parts: int, torchrun: bool, tmp_path: Path) -> None:
    settings = {**RUN, "rule": rule, "micro_batches": parts, "trace.tensorboard": True}
    command = ("play", "swiss-roll", "--out", "two", *words(settings))
    started = finish(start("-m", "arena.cli", *command, folder=tmp_path)) if torchrun else fork(commands.arena, *command, folder=tmp_path)
    code, output, errors = started
    assert code == 0, errors
    assert output.count("finished after 6 turns") == 1, "one process shows what goes on"
    arena.play("swiss-roll", out=tmp_path / "one", display=False, **settings)
    assert apart(last(tmp_path / "one"), last(tmp_path / "two")) < 1e-10
    assert_alike(tmp_path / "one", tmp_path / "two")
    names = [sorted(p.name for p in (tmp_path / folder).rglob("*") if "tfevents" not in p.name) for folder in ("one", "two")]
    assert sorted([*names[0], "report.html"]) == names[1], "a command ends with its report"
    assert len([*(tmp_path / "two").rglob("*tfevents*")]) == len([*(tmp_path / "one").rglob("*tfevents*")])
    assert [p.name for p in tmp_path.iterdir() if p.is_dir() and p.name not in ("one", "two")] == []
    assert (tmp_path / "one" / "config.yaml").read_bytes() == (tmp_path / "two" / "config.yaml").read_bytes()


@pytest.mark.thorough
def test_every_rule_plays_the_same_over_two_processes(tmp_path: Path) -> None:
    """The planted fault, a sum in the place of the mean, is caught by the same comparison."""
    text = f"""
import torch
from arena.accelerate.process_group import ProcessGroup
from tests.accelerate.test_large_players import RULES, noisy, played
def save(name, **settings):
    made = played("ring", 4, scheduler="simultaneous", device="cpu", **settings)
    if made.ranks.is_main:
        torch.save(made.game.state_dict(), name + ".pt")
for name, rule in RULES.items():
    save(name, rule=rule)
for rule in {NOISY}:
    save("noisy " + rule, rule=rule, **noisy())
mean = ProcessGroup.mean
ProcessGroup.mean = lambda self, tensors: [t * self.count for t in mean(self, tensors)]
save("faulty", rule="consensus")
"""
    code, _, errors = script(text, tmp_path)
    assert code == 0, errors
    both = {name: torch.load(tmp_path / f"{name}.pt") for name in (*RULES, *(f"noisy {rule}" for rule in NOISY), "faulty")}
    for name, rule in RULES.items():
        one = played("ring", 4, scheduler="simultaneous", rule=rule).game.state_dict()
        assert apart(one, both[name]) < 1e-10, name
        if name == "consensus":
            assert apart(one, both["faulty"]) > 1e-4
    for rule in NOISY:  # dropout and batch norm see the parts, wherever these are played
        one = played("ring", 4, scheduler="simultaneous", rule=rule, micro_batches=2, **noisy()).game.state_dict()
        assert apart(one, both[f"noisy {rule}"]) < 1e-10, rule


@pytest.mark.thorough
def test_players_from_python_begin_as_the_first_process_has_them(tmp_path: Path) -> None:
    """Built before anything is seeded, they differ from process to process, and played as they are they would drift."""
    text = f"""
import arena, torch
net = torch.nn.Linear(2, 1)
settings = {{name: value for name, value in {RUN!r}.items() if not name.startswith("discriminator.")}}
arena.play("ring", out="run", display=False, discriminator=net, **settings)
"""
    code, _, errors = script(text, tmp_path)
    assert code == 0, errors
    assert read_trace(tmp_path / "run")[-1]["status"] == "finished"


@pytest.mark.slow
def test_no_thread_of_the_connections_outlives_them(tmp_path: Path) -> None:
    """One that does may want Python's lock while Python ends, and aborts a process that has finished its game."""
    text = f"""
import atexit, os
def threads():
    names = [open(f"/proc/self/task/{{number}}/comm").read() for number in os.listdir("/proc/self/task")]
    return sum("gloo" in name for name in names)
atexit.register(lambda: print("at the end:", threads(), flush=True))  # registered first, so that it runs last
import arena
arena.play("ring", out="run", display=False, **{RUN!r})
print("after the game:", threads() > 0, flush=True)
if os.environ["RANK"] == "1":
    import torch.distributed
    torch.distributed.destroy_process_group()  # as a careful script does by itself
"""
    (tmp_path / "script.py").write_text(text)
    code, output, errors = finish(start("script.py", folder=tmp_path))
    assert code == 0, errors
    assert output.count("after the game: True") == 2, "threads have other names now, and this test sees none of them"
    assert output.count("at the end: 0") == 2, output
    assert "Traceback" not in errors, errors


FAULTY = """
import os, torch
from arena import register
from arena.games import SwissRoll
{imports}

@register("faulty")
class Faulty(SwissRoll):
    \"\"\"A swiss roll with a fault in one process.\"\"\"

    turn = 0

    def sample(self, rng):
        batch = super().sample(rng)
        self.turn += 1
        {sample}
        return batch

    def losses(self, batch, coupling, movers):
        {losses}
        return super().losses(batch, coupling, movers)
"""


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["simultaneous", "consensus"])
def test_one_process_that_fails_ends_all_of_them_and_says_why(rule: str, tmp_path: Path) -> None:
    wrong = 'if os.environ["RANK"] == "1" and torch.is_grad_enabled(): raise ValueError("the second part is bad")'
    (tmp_path / "faulty.py").write_text(FAULTY.format(imports="", sample="", losses=wrong))
    began = time.monotonic()
    process = start("-m", "arena.cli", "play", "faulty.py", "--out", "run", *words({**RUN, "rule": rule}), folder=tmp_path)
    code, _, errors = finish(process, within=120)
    assert code == 1
    told = [line for line in errors.splitlines() if line.startswith("arena (")]
    assert any(line.startswith("arena (process 1 of 2): ") and "the second part is bad" in line for line in told), errors
    assert len(told) <= 2
    assert time.monotonic() - began < 120


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_of_them(tmp_path: Path) -> None:
    dies = 'if os.environ["RANK"] == "1" and torch.is_grad_enabled(): os.kill(os.getpid(), 9)'
    (tmp_path / "faulty.py").write_text(FAULTY.format(imports="", sample="", losses=dies))
    code, _, errors = finish(start("-m", "arena.cli", "play", "faulty.py", "--out", "run", *words(RUN), folder=tmp_path), within=120)
    assert code == 1
    assert "Traceback" not in "\n".join(line for line in errors.splitlines() if line.startswith("arena"))


def test_processes_that_drift_apart_are_told_of(tmp_path: Path) -> None:
    own = 'batch = tuple(t + int(os.environ["RANK"]) for t in batch)'
    (tmp_path / "faulty.py").write_text(FAULTY.format(imports="", sample=own, losses=""))
    code, _, errors = fork(commands.arena, "play", "faulty.py", "--out", "run", *words(RUN), folder=tmp_path)
    assert code == 1
    assert "arena (process 0 of 2): the 2 processes no longer have the same batch. Fix: draw random numbers" in errors


@pytest.mark.slow
def test_ctrl_c_stops_all_of_them_after_one_turn_and_they_go_on_later(tmp_path: Path) -> None:
    settings = {**RUN, "turns": 200, "trace.every": 5, "score.every": 0, "checkpoint.every": 50, "rule": "extragradient"}
    process = start("-m", "arena.cli", "play", "swiss-roll", "--out", "run", *words(settings), folder=tmp_path)
    trace, deadline = tmp_path / "run" / "trace.jsonl", time.monotonic() + 120
    while (not trace.exists() or trace.stat().st_size < 4000) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, output, errors = finish(process)
    assert "resume run" in output, output + errors
    stopped = torch.load(sorted((tmp_path / "run" / "checkpoints").glob("turn-*.pt"))[-1], weights_only=True)["turn"]
    assert 0 < stopped < 200
    code, output, errors = finish(start("-m", "arena.cli", "resume", "run", folder=tmp_path))
    assert code == 0, errors
    assert output.count("finished after 200 turns") == 1
    arena.play("swiss-roll", out=tmp_path / "one", display=False, **settings)
    assert [row["turn"] for row in read_trace(tmp_path / "one")] == [row["turn"] for row in read_trace(tmp_path / "run")]
    assert apart(last(tmp_path / "one"), last(tmp_path / "run")) < 1e-6, "rounding grows within so many turns"
    code, output, _ = finish(start("-m", "arena.cli", "resume", "run", folder=tmp_path))
    assert code == 0
    assert output.count("this run is over; there is nothing to resume") == 1


def test_a_batch_that_cannot_be_dealt_out_is_refused(tmp_path: Path) -> None:
    odd = words({**RUN, "batch": 15})
    code, _, errors = fork(commands.arena, "play", "swiss-roll", "--out", "run", *odd, folder=tmp_path)
    assert code == 2
    assert "micro_batches is 1, but must be such that 2 processes times it divide 15, the examples of a batch" in errors
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
def test_divergence_is_told_by_the_first_and_ends_all(tmp_path: Path) -> None:
    wild = words(
        RUN | {"generator.optimizer": "sgd", "generator.lr": 1e30, "generator.activation": "relu", "dtype": "float32", "turns": 20}
    )
    code, output, errors = fork(commands.arena, "play", "swiss-roll", "--out", "run", *wild, folder=tmp_path)
    assert code == 1
    assert len(re.findall(r"^  status +diverged: .* was not finite in turn", output, re.MULTILINE)) == 1, output + errors
    assert read_trace(tmp_path / "run")[-1]["status"] == "diverged"


MANY = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}


def test_what_is_for_one_process_refuses_several(monkeypatch: pytest.MonkeyPatch, cli: Any) -> None:
    done = cli("bench", "swiss-roll", **MANY)
    assert done.returncode == 2
    assert done.stderr == "arena (process 1 of 2): arena bench runs in one process. Only play and resume can be started by torchrun\n"
    for name, value in MANY.items():
        monkeypatch.setenv(name, value)
    from arena.engine.vector_env import Population

    message = "is for one process, but torchrun started 2; only play and resume can share a game"
    config = configure("bilinear")
    for what in (lambda: refuse_distributed("a thing"), lambda: arena.compare("bilinear", {}, seeds=2), lambda: Population([config])):
        with pytest.raises(ArenaError, match=message):
            what()
    with pytest.raises(BadSetting) as raised:
        join("cuda:1")
    assert (
        str(raised.value) == "device is 'cuda:1', but must be auto, cpu or cuda: of several processes each takes the GPU of its own number"
    )
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert join("cpu") is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    assert _device("auto", 1) == torch.device("cpu")
    with pytest.raises(BadSetting) as raised:
        _device("cuda", 1)
    assert str(raised.value) == "device is 'cuda', but must be cpu, or there must be fewer processes: this machine has 0 GPUs"
