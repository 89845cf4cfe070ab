"""Fabric places players and data, Arena moves the players: `python examples/loop_fabric.py [STEPS]`; needs `pip install lightning`."""

import sys

import torch
from lightning.fabric import Fabric
from torch import nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, TensorDataset

import arena

fabric = Fabric(accelerator="auto", devices=1)
fabric.launch()
fabric.seed_everything(0)
angle = torch.randint(8, (4096,)) * torch.pi / 4
dataset = TensorDataset(torch.stack((angle.cos(), angle.sin()), 1))
loader = fabric.setup_dataloaders(DataLoader(dataset, batch_size=128, shuffle=True))
generator = fabric.setup_module(nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2)))
discriminator = fabric.setup_module(nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1)))


def losses(batch):
    fake, real = generator(torch.randn(len(batch[0]), 8, device=fabric.device)), batch[0]
    return softplus(-discriminator(fake)).mean(), softplus(discriminator(fake)).mean() + softplus(-discriminator(real)).mean()


duel = arena.Duel(generator, discriminator, losses=losses, optimizers="adam(lr=1e-3,betas=[0.5,0.9])", rule="extragradient")
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 640
while duel.turns_played < steps:
    for batch in loader:
        loss = duel.step(batch)
        if duel.turns_played == steps:
            break
print(duel.turns_played, *(f"{role} {value.item():.3f}" for role, value in loss.items()))
fabric.save("duel.ckpt", {"duel": duel.state_dict()})
