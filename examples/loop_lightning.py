"""A Lightning module whose players Arena moves: `python examples/loop_lightning.py [STEPS]`; needs `pip install lightning`."""

import sys

import lightning
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, TensorDataset

import arena


class GAN(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False  # the duel steps the optimizers
        self.generator = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1))
        self.duel = arena.Duel(self.generator, self.discriminator, losses=self.losses, optimizers="adam(lr=1e-3)", rule="extragradient")

    def losses(self, batch):
        fake, real = self.generator(torch.randn(len(batch[0]), 8, device=self.device)), batch[0]
        to_tell = softplus(self.discriminator(fake)).mean() + softplus(-self.discriminator(real)).mean()
        return softplus(-self.discriminator(fake)).mean(), to_tell

    def training_step(self, batch, index):
        self.log_dict({f"{role}/loss": loss for role, loss in self.duel.step(batch).items()}, prog_bar=True)

    def configure_optimizers(self):
        return None

    def on_save_checkpoint(self, checkpoint):
        checkpoint["duel"] = self.duel.state_dict(players=False)  # Lightning saves the modules

    def on_load_checkpoint(self, checkpoint):
        self.duel.load_state_dict(checkpoint["duel"])


def data():
    angle = torch.randint(8, (4096,), generator=torch.Generator().manual_seed(0)) * torch.pi / 4
    return DataLoader(TensorDataset(torch.stack((angle.cos(), angle.sin()), 1)), batch_size=128)


if __name__ == "__main__":
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 32
    trainer = lightning.Trainer(max_epochs=1, limit_train_batches=batches, accelerator="auto", devices=1, logger=False)
    trainer.fit(GAN(), data())
    print({name: round(value.item(), 3) for name, value in trainer.logged_metrics.items()})
