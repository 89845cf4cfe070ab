"""Recordings of tensor code: functions without side effects that give the numbers of the code."""

import pytest
import torch

from arena.accelerate.recorded_turn import CannotRecord, record


def test_a_branch_on_a_number_cannot_be_recorded() -> None:
    with pytest.raises(CannotRecord, match="reads a tensor as a Python number"):
        record(lambda x: [x if x.sum() > 0 else -x], [torch.ones(2)])


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1, fused=True),
        lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1, fused=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.1, fused=True),
        lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.5, foreach=True),
    ],
)
def test_steps_of_optimizers_are_written_out(make) -> None:  # type: ignore[no-untyped-def]
    """A recorded step gives the numbers of the optimizer's kernel, at other numbers than it was recorded with."""
    parameters = [torch.nn.Parameter(torch.randn(3, 2, dtype=torch.float64)) for _ in range(2)]
    optimizer = make(parameters)
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    places = [(state, name) for state in optimizer.state.values() for name, value in state.items() if isinstance(value, torch.Tensor)]
    live = [*parameters, *(state[name] for state, name in places)]
    before = [t.detach().clone() for t in live]
    gradients = [torch.randn_like(p) for p in parameters]

    def step(*tensors: torch.Tensor) -> list[torch.Tensor]:
        for parameter, gradient in zip(parameters, tensors[len(live) :], strict=True):
            parameter.grad = gradient
        optimizer.step()
        return [t.detach() for t in live]

    graph = record(step, [*live, *(torch.ones_like(g) for g in gradients)])
    with torch.no_grad():
        for tensor, old in zip(live, before, strict=True):
            tensor.copy_(old)
    step(*live, *gradients)
    for found, wanted in zip(graph(*before, *gradients), live, strict=True):
        torch.testing.assert_close(found, wanted.detach(), rtol=1e-12, atol=1e-12)
