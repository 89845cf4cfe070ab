"""A training loop of your own, in which Arena moves the players: `python examples/loop_plain.py [STEPS]`."""

import sys

import torch
from torch import nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, TensorDataset

import arena

torch.manual_seed(0)
angle = torch.randint(8, (4096,)) * torch.pi / 4
points = torch.stack((angle.cos(), angle.sin()), 1) + 0.05 * torch.randn(4096, 2)
loader = DataLoader(TensorDataset(points), batch_size=128, shuffle=True)
generator = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
discriminator = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1))


def losses(batch):
    fake, real = generator(torch.randn(len(batch[0]), 8)), batch[0]
    return softplus(-discriminator(fake)).mean(), softplus(discriminator(fake)).mean() + softplus(-discriminator(real)).mean()


duel = arena.Duel(generator, discriminator, losses=losses, optimizers="adam(lr=1e-3,betas=[0.5,0.9])", rule="extragradient")

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 640
while duel.turns_played < steps:
    for batch in loader:
        loss = duel.step(batch)
        if duel.turns_played % 64 == 0:
            print(duel.turns_played, *(f"{role} {value.item():.3f}" for role, value in loss.items()))
        if duel.turns_played == steps:
            break

torch.save(duel.state_dict(), "duel.pt")  # duel.load_state_dict(torch.load("duel.pt")) goes on from here, bit for bit
