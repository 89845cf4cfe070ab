"""The state of an episode, its restoration, and new episodes of single members.

`state_dict` holds everything that the rest of an episode depends on, as tensors, numbers and strings; the turns after `load_state_dict` are
the same bit for bit.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.engine.episode import Episode, streams_of
from arena.engine.members.episode import BatchedEpisode
from arena.engine.single_episode import SingleEpisode
from arena.engine.streams import BatchStreams


def state_dict(episode: Episode) -> dict[str, Any]:
    """Return the state of an episode."""
    optimizers = {role: optimizer.state_dict() for role, optimizer in episode.optimizers.items()}
    if isinstance(episode, SingleEpisode):
        unread = episode.batch_spent and not episode.scheduler.observes  # otherwise the scheduler reads signals of the batch
        return {
            "game": episode.game.state_dict(),
            "optimizers": optimizers,
            "rule": episode.rule.state_dict(),
            "scheduler": episode.scheduler.state_dict(),
            "streams": [episode.stream.state_dict(), episode.mask_stream.get_state()],
            "batch": None if unread else episode.batch,
            "batch_spent": episode.batch_spent,
            "signals": episode.signals.state_dict(),
            "turns_played": episode.turns_played,
            "moves": dict(episode.moves),
            "latest": {"coupling": episode.coupling, **episode.latest_share},
            "latest_rate": dict(episode.latest_rate),
            "costs": [episode.field.gradient_evaluations, episode.field.products],
            "last_score": episode.score,
            "draws": _draws(episode),
        }
    assert isinstance(episode, BatchedEpisode)
    return {
        "game": {name: t.detach().clone() for name, t in _tensors_of_game(episode).items()},
        "optimizers": optimizers,
        "rule": episode.rule.state_dict(),
        "schedulers": [scheduler.state_dict() for scheduler in episode.schedulers.things],
        "streams": [episode.streams.state_dict(), [stream.get_state() for stream in episode.mask_streams]],
        "batch": None if episode.batch_spent else episode.batch,
        "signals": episode.signals.state_dict(),
        "turns_played": torch.from_numpy(episode.turns_played.copy()),
        "moves": {role: torch.from_numpy(count.copy()) for role, count in episode.moves.items()},
        "over": torch.from_numpy(episode.over.copy()),
        "undefined": dict(episode.undefined),
        "scores": torch.from_numpy(episode.score.copy()),
        "coupling": torch.from_numpy(episode.coupling_played.copy()),
        "draws": _draws(episode),
    }


def _draws(episode: Episode) -> bool | None:
    """Return whether a player draws from torch's global generator; None before the first turn."""
    return None if episode.field.unseen else episode.field.draws_globally


def load_state_dict(episode: Episode, state: Mapping[str, Any]) -> None:
    """Restore the state of an episode."""
    if isinstance(episode, SingleEpisode):
        episode.game.load_state_dict(state["game"])
    else:
        _copy_into(_tensors_of_game(episode), state["game"])
    for role, optimizer in episode.optimizers.items():
        optimizer.load_state_dict(state["optimizers"][role])
    batch, signals, rule = _on(episode.device, [state["batch"], state["signals"], state["rule"]])
    episode.batch, episode.batch_spent = batch, state.get("batch_spent", batch is None)
    episode.signals.load_state_dict(signals)
    episode.rule.load_state_dict(rule)
    if state.get("draws") is not None:
        episode.field.saw(drawn=state["draws"])
    if isinstance(episode, SingleEpisode):
        episode.scheduler.load_state_dict(state["scheduler"])
        episode.stream.load_state_dict(state["streams"][0])
        episode.mask_stream.set_state(state["streams"][1].cpu())
        episode.turns_played, episode.moves = state["turns_played"], dict(state["moves"])
        episode.coupling = state["latest"]["coupling"]
        episode.latest_share = {role: state["latest"][role] for role in episode.game.roles}
        episode.latest_rate = dict(state.get("latest_rate", {role: episode.rate(role) for role in episode.game.roles}))
        episode.field.gradient_evaluations, episode.field.products = state["costs"]
        episode.score = state["last_score"]
        return
    assert isinstance(episode, BatchedEpisode)
    for scheduler, saved in zip(episode.schedulers.things, state["schedulers"], strict=True):
        scheduler.load_state_dict(saved)
    episode.streams.load_state_dict(state["streams"][0])
    for stream, saved in zip(episode.mask_streams, state["streams"][1], strict=True):
        stream.set_state(saved.cpu())
    episode.turns_played, episode.over = state["turns_played"].numpy().copy(), state["over"].numpy().copy()
    episode.moves = {role: count.numpy().copy() for role, count in state["moves"].items()}
    episode.undefined = dict(state["undefined"])
    episode.score = state["scores"].numpy().copy()
    episode.coupling_played = state["coupling"].numpy().copy() if "coupling" in state else np.zeros(episode.size)


def begin_again(episode: BatchedEpisode, mask: np.ndarray, seeds: np.ndarray) -> None:
    """Begin new episodes for the members of a mask, (K,), with their seeds, (K,); the others are unaffected."""
    chosen = torch.from_numpy(mask).to(episode.device)
    stacked = {**dict(episode.game.named_parameters()), **{n: episode.game.get_buffer(n) for n in episode.members.buffers}}
    varying = {f"{place}.{attribute}" if place else attribute for place, attribute in episode.members.coefficients}
    if len(episode.streams.streams) < episode.size:  # from here on every member has a stream of its own
        _separate_streams(episode)
    for member in np.flatnonzero(mask).tolist():
        seed = int(seeds[member])
        game = episode.build(member, seed)
        fresh = {**dict(game.named_parameters()), **dict(game.named_buffers())}
        with torch.no_grad():
            for name, tensor in stacked.items():
                if name not in varying:
                    tensor[member] = fresh[name]
        episode.streams.replace(member, episode.stream(member, seed))
        episode.mask_streams[member].manual_seed(streams_of(seed)[3])
        episode.undefined.pop(member, None)
    for optimizer in episode.optimizers.values():
        optimizer.forget(chosen)  # type: ignore[attr-defined]
    episode.rule.forget(chosen)
    episode.signals.forget(mask)
    episode.turns_played[mask], episode.over[mask], episode.coupling_played[mask] = 0, False, 0.0
    for count in episode.moves.values():
        count[mask] = 0
    episode.batch_spent = True


def _separate_streams(episode: BatchedEpisode) -> None:
    """Give each member a stream of its own, at the position of the stream that it shared."""
    shared, masks, of = episode.streams.streams, episode.mask_streams, episode.stream_of
    states = [stream.state_dict() for stream in shared]
    separate = [episode.stream(member, 0) for member in range(episode.size)]
    for member, stream in enumerate(separate):
        stream.load_state_dict(states[of[member]])
    episode.mask_streams = [torch.Generator() for _ in range(episode.size)]
    for member, generator in enumerate(episode.mask_streams):
        generator.set_state(masks[of[member]].get_state())
    episode.streams, episode.stream_of = BatchStreams(separate), np.arange(episode.size)
    episode.share_streams()
    if episode.batch is not None:
        index = torch.from_numpy(of).to(episode.device)
        one = len(shared) == 1
        episode.batch = tree_map(lambda t: t.expand(episode.size, *t.shape) if one else t[index], episode.batch)


def _tensors_of_game(episode: Episode) -> dict[str, Tensor]:
    return {**dict(episode.game.named_parameters()), **dict(episode.game.named_buffers())}


def _copy_into(places: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in values.items():
            places[name].copy_(value)


def _on(device: torch.device, state: Any) -> Any:
    return tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, state)
