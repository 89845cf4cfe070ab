"""Time single games and populations on one GPU against a hand-written eager loop on the same GPU, and print one table.

    python -m benchmarks.gpu            # about five minutes; torch 2.11 or newer
    python -m benchmarks.gpu --quick    # fewer rounds and populations of 64, as a smoke test; runs on the CPU without a GPU

A round is one turn per player. The hand-written time of a population is that of one member, times their number. The share of peak compares
the matrix multiplications of a round with the rate of this GPU on two 8192 × 8192 float32 matrices. TF32 and bfloat16 are off. The device
is synchronised before each reading of the clock.
"""

import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from arena.config import configure
from arena.engine.vector_env import Population
from arena.players import ConvDiscriminator, ConvGenerator
from benchmarks import show_help
from benchmarks.loops import planar_gan


def images_by_hand(device: torch.device, batch: int = 128, latent: int = 128) -> Callable[[], None]:
    """Return the hand-written loop of the convolutional pair, on images that are on the device already."""
    generator, discriminator = ConvGenerator((latent,), (1, 28, 28)).to(device), ConvDiscriminator((1, 28, 28), (1,)).to(device)
    optimizers = [torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (generator, discriminator)]
    loss, images = nn.BCEWithLogitsLoss(), torch.rand(6000, 1, 28, 28, device=device) * 2 - 1
    ones, zeros = torch.ones(batch, 1, device=device), torch.zeros(batch, 1, device=device)

    def play() -> None:
        real = images[torch.randint(len(images), (batch,), device=device)]
        optimizers[1].zero_grad()
        fake = generator(torch.randn(batch, latent, device=device))
        (loss(discriminator(real), ones) + loss(discriminator(fake.detach()), zeros)).backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        loss(discriminator(generator(torch.randn(batch, latent, device=device))), ones).backward()
        optimizers[0].step()

    return play


def seconds(play: Callable[[], Any], rounds: int, device: torch.device) -> float:
    """Return the seconds per round, with synchronisation."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    began = time.perf_counter()
    for _ in range(rounds):
        play()
    wait()
    return (time.perf_counter() - began) / rounds


def both_turns(playing: Any) -> Callable[[], None]:
    def play() -> None:
        playing.play_scheduled_turn()
        playing.play_scheduled_turn()

    return play


def peak(device: torch.device) -> float:
    """Return the float32 operations per second of a large matrix product."""
    n = 8192 if device.type == "cuda" else 1024
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    seconds(lambda: a @ b, 3, device)
    return 2 * n**3 / min(seconds(lambda: a @ b, 5, device) for _ in range(3))


def row(what: str, wanted: float, hand: Callable[[], Any], playing: Any, members: int, rounds: int, device: torch.device) -> None:
    """Measure and print one row of the table."""
    ours = both_turns(playing)
    with FlopCounterMode(display=False) as counter:
        ours()
    seconds(ours, max(4, rounds // 10), device)  # compiles and records
    seconds(hand, rounds, device)
    times = [(seconds(hand, rounds, device), seconds(ours, rounds, device)) for _ in range(5)]
    ratio = statistics.median(members * hand_time / our_time for hand_time, our_time in times)
    hand_time, our_time = (statistics.median(side) for side in zip(*times, strict=True))
    share = counter.get_total_flops() / our_time / peak(device)
    reasons = [fast.why_not for fast in (playing.field.compiled, playing.graphs) if fast is not None and fast.why_not]
    memory = f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB" if device.type == "cuda" else "–"
    short = "" if ratio >= wanted else "short: "
    cells = [
        what,
        f"≥ {wanted:g}×",
        f"{short}**{ratio:.1f}×**",
        f"{1e6 * hand_time:.0f} µs",
        f"{1e6 * our_time:.0f} µs",
        f"{share:.1%}",
        memory,
    ]
    print(f"| {' | '.join([*cells, '; '.join(reasons) or '–'])} |", flush=True)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def main() -> None:
    """Print the table."""
    quick = "--quick" in sys.argv
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU: a smoke test only"
    print(f"{name}; Python {platform.python_version()}, torch {torch.__version__}\n")
    print("| what | wanted | ratio | by hand, per round | ours, per round | share of peak | memory | played otherwise because |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rounds = 10 if quick else 300
    fast = {"device": str(device), "cuda_graphs": True, "turns": 10**6}

    def single(batch: int, compiled: bool) -> None:
        arena = configure("swiss-roll", {**fast, "batch": batch, "compile": compiled}).build()
        arena.reset(seed=0)
        row(f"swiss roll 2-128-128, batch {batch}{extra(compiled)}", 5.0, planar_gan(batch).__next__, arena, 1, rounds, device)

    def many(members: int, width: int, batch: int, wanted: float, compiled: bool) -> None:
        nets = {"generator.hidden": (width, width), "discriminator.hidden": (width, width), "batch": batch}
        base = configure("swiss-roll", {**fast, **nets, "compile": compiled})
        playing = Population([base.vary({"seed": k % 64, "generator.lr": 1e-3 * (1 + k / members)}) for k in range(members)])
        playing.reset()
        what = f"{members} members of 2-{width}-{width}, batch {batch}, 64 seeds{extra(compiled)}"
        row(what, wanted, planar_gan(batch, width).__next__, playing, members, max(2, rounds // 10), device)

    def images() -> None:
        pair = {"generator": ConvGenerator, "discriminator": ConvDiscriminator, "latent": 128, "batch": 128}
        arena = configure("mnist", {**fast, **pair}).build()
        arena.reset(seed=0)
        row("convolutional MNIST GAN, batch 128", 1.5, images_by_hand(device), arena, 1, max(2, rounds // 10), device)

    rows: list[tuple[Callable[..., None], tuple[Any, ...]]] = [(single, (b, c)) for b in (64, 256) for c in (False, True)]
    rows += [(many, (64 if quick else 1024, 128, 256, 200.0, c)) for c in (False, True)]
    rows += [(many, (64 if quick else 4096, 16, 32, 2000.0, c)) for c in (False, True)]
    for measure, arguments in [*rows, (images, ())]:
        try:
            with device:
                measure(*arguments)
        except Exception as error:  # a failed row must not lose the others
            reason = " ".join(str(error).split())[:120]
            print(f"| {measure.__name__} {arguments} | not measured: {type(error).__name__}: {reason} | | | | | | |", flush=True)


def extra(compiled: bool) -> str:
    return ", compiled" if compiled else ""


if __name__ == "__main__":
    show_help(__doc__)
    main()
