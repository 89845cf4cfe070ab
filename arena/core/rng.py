"""Random streams of a game: one for data, one for the players' noise, and epochs drawn from them. And the global streams of torch."""

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Rng(torch.Generator):
    """A random stream for data, with a second one, `noise`, for the players' noise.

    They are separate so that the data of a run do not depend on how much noise its players use.

    Args:
        device: Device of both streams.

    Example:
        >>> rng = Rng("cpu").seed_both(0, 1)
        >>> torch.randn(2, generator=rng.noise).shape
        torch.Size([2])
    """

    noise: torch.Generator
    in_block: bool
    """Whether one call draws many batches, so that no batch may depend on its place among them."""
    _epochs: dict[str, "Epoch"]

    def __new__(cls, device: str | torch.device = "cpu") -> "Rng":
        rng = super().__new__(cls, device=torch.device(device))  # type: ignore[call-arg]
        rng.noise = torch.Generator(device=torch.device(device))
        rng.in_block, rng._epochs = False, {}
        return rng

    def seed_both(self, data: int, noise: int) -> "Rng":
        self.manual_seed(data)
        self.noise.manual_seed(noise)
        self._epochs = {}
        return self

    def epoch(self, count: int, n: int, name: str = "") -> Tensor:
        """Draw the next examples of an epoch, in which each of `count` examples comes once, in random order.

        A batch that reaches past the end of an epoch takes its remainder from the next one. Batches of such a game are drawn one at a time.

        Args:
            count: Size of the data set.
            n: Examples to draw, at most `count`.
            name: Name of the data set, for a game that draws from several.

        Returns:
            Indices of the examples, (n,).

        Raises:
            RuntimeError: Many batches are being drawn by one call.

        Example:
            >>> rng = Rng().seed_both(0, 1)
            >>> torch.cat([rng.epoch(6, 4) for _ in range(3)]).view(2, 6).sort().values.tolist()
            [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]
        """
        if self.in_block:
            raise RuntimeError("an epoch can only be drawn one batch at a time")
        epoch = self._epochs.get(name)
        if epoch is None or len(epoch.order) != count:
            epoch = Epoch(self.get_state(), self._order(count))
        taken = epoch.order[epoch.place : epoch.place + n]
        if (lacking := n - len(taken)) > 0:
            epoch = Epoch(self.get_state(), self._order(count))
            taken, n = torch.cat([taken, epoch.order[:lacking]]), lacking
        self._epochs[name] = epoch._replace(place=epoch.place + n)
        return taken

    def _order(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self, device=self.device)

    def state_dict(self) -> dict[str, Any]:
        """State of both streams and of the epochs."""
        epochs = {name: (epoch.began, len(epoch.order), epoch.place) for name, epoch in self._epochs.items()}
        return {"data": self.get_state(), "noise": self.noise.get_state(), "epochs": epochs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of both streams and of the epochs."""
        self._epochs = {}
        for name, (began, count, place) in state["epochs"].items():
            self.set_state(began.cpu())
            self._epochs[name] = Epoch(began, self._order(count), place)
        self.set_state(state["data"].cpu())
        self.noise.set_state(state["noise"].cpu())


class Epoch(NamedTuple):
    """A random order of examples.

    Args:
        began: State of the stream before the order was drawn.
        order: Indices of the examples.
        place: Number of examples already drawn.
    """

    began: Tensor
    order: Tensor
    place: int = 0


one_thread = threading.RLock()
"""Held while torch's state of the whole process is in use: its global random streams, and the level of forward-mode derivatives."""
if hasattr(os, "register_at_fork"):  # a lock that another thread holds would stay locked in the child
    os.register_at_fork(before=one_thread.acquire, after_in_parent=one_thread.release, after_in_child=one_thread.release)


@contextlib.contextmanager
def global_streams(devices: Iterable[torch.device] = (), seed: int | None = None) -> Iterator[None]:
    """Have torch's global random streams to oneself within the block, and restore them at the end.

    Layers draw their initial weights from these streams, which all threads share; other threads wait.

    Args:
        devices: GPUs whose streams are used as well.
        seed: Seed of the streams within the block; None continues them.

    Example:
        >>> with global_streams(seed=0):
        ...     first = torch.rand(2)
        >>> with global_streams(seed=0):
        ...     torch.equal(torch.rand(2), first)
        True
    """
    used = [*devices]
    with one_thread, torch.random.fork_rng(devices=used):
        if seed is not None:  # torch.manual_seed takes 0.1 ms and seeds every GPU, also those whose streams are not restored here
            torch.default_generator.manual_seed(seed)
            for device in used:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
        yield
