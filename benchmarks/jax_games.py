"""The games of `benchmarks.rivals` as a user of JAX writes them: `jit` over `scan` over `vmap`, with optax. Batches are drawn inside.

Shapes: N = batch, K = members.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Key, Params, Batch = Any, Any, Any


class Game(NamedTuple):
    """Two players.

    Args:
        start: Draws the parameters, by role; player 2 is the second.
        sample: Draws a batch.
        losses: The loss of each role.
        optimizer: The optimizer of both, given the learning rate.
    """

    start: Callable[[Key], dict[str, Params]]
    sample: Callable[[Key], Batch]
    losses: Callable[[dict[str, Params], Batch], dict[str, Any]]
    optimizer: Callable[[Any], optax.GradientTransformation]


def mlp(key: Key, *sizes: int) -> list[tuple[Any, Any]]:
    """Draw layers as torch.nn.Linear does: uniform within ±1/√inputs."""
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        key, a, b = jax.random.split(key, 3)
        bound = inputs**-0.5
        layers.append(
            (
                jax.random.uniform(a, (inputs, outputs), minval=-bound, maxval=bound),
                jax.random.uniform(b, (outputs,), minval=-bound, maxval=bound),
            )
        )
    return layers


def apply(layers: list[tuple[Any, Any]], x: Any, activation: Callable[[Any], Any] = lambda x: jax.nn.leaky_relu(x, 0.2)) -> Any:
    """Apply the layers with an activation between them."""
    for weight, bias in layers[:-1]:
        x = activation(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def gan(data: Callable[[Key], Any], generator: tuple[int, ...], discriminator: tuple[int, ...], batch: int, final: Any, betas: Any) -> Game:
    """A non-saturating GAN of fully connected nets."""

    def start(key: Key) -> dict[str, Params]:
        a, b = jax.random.split(key)
        return {"generator": mlp(a, *generator), "discriminator": mlp(b, *discriminator)}

    def sample(key: Key) -> Batch:
        a, b = jax.random.split(key)
        return data(a), jax.random.normal(b, (batch, generator[0]))

    def losses(players: dict[str, Params], given: Batch) -> dict[str, Any]:
        real, noise = given
        fake = final(apply(players["generator"], noise))
        logit = lambda x: apply(players["discriminator"], x)  # noqa: E731
        of_fake = logit(fake)
        apart = jax.nn.softplus(-logit(real)).mean() + jax.nn.softplus(of_fake).mean()
        return {"generator": jax.nn.softplus(-of_fake).mean(), "discriminator": apart}

    return Game(start, sample, losses, lambda lr: optax.adam(lr, b1=betas[0], b2=betas[1]))


def swiss_roll(width: int, batch: int) -> Game:
    """The swiss-roll GAN of 2-width-width-2 nets."""

    def data(key: Key) -> Any:
        a, b = jax.random.split(key)
        t = jnp.pi * (1.5 + 3 * jax.random.uniform(a, (batch,)))
        return (jnp.stack([t * jnp.cos(t), t * jnp.sin(t)], 1) + 0.25 * jax.random.normal(b, (batch, 2))) / 7.5

    return gan(data, (2, width, width, 2), (2, width, width, 1), batch, lambda x: x, (0.5, 0.9))


def ring(batch: int) -> Game:
    """The GAN on eight Gaussians in a ring."""

    def data(key: Key) -> Any:
        a, b = jax.random.split(key)
        angle = jax.random.randint(a, (batch,), 0, 8) * (2 * jnp.pi / 8)
        return 2 * jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1) + 0.1 * jax.random.normal(b, (batch, 2))

    return gan(data, (2, 128, 128, 2), (2, 128, 128, 1), batch, lambda x: x, (0.5, 0.9))


def mnist(images: Any, batch: int) -> Game:
    """The fully connected MNIST GAN; images are (number, 784) in [−1, 1]."""
    images = jnp.asarray(images)
    data = lambda key: images[jax.random.randint(key, (batch,), 0, len(images))]  # noqa: E731
    return gan(data, (100, 100, 300, 784), (784, 300, 100, 1), batch, jnp.tanh, (0.5, 0.999))


def dann(batch: int) -> Game:
    """DANN on the moons, by one backward pass with a reversal at λ = 0.5; the loss of both is that of the pass."""

    def moons(key: Key, degrees: float) -> tuple[Any, Any]:
        a, b, c = jax.random.split(key, 3)
        angle, upper = jnp.pi * jax.random.uniform(a, (batch,)), jax.random.uniform(b, (batch,)) < 0.5
        x = jnp.where(upper, jnp.cos(angle), 1 - jnp.cos(angle)) - 0.5
        y = jnp.where(upper, jnp.sin(angle), 0.5 - jnp.sin(angle)) - 0.25
        points, turn = jnp.stack([x, y], 1) + 0.1 * jax.random.normal(c, (batch, 2)), degrees * jnp.pi / 180
        turned = points @ jnp.array([[jnp.cos(turn), jnp.sin(turn)], [-jnp.sin(turn), jnp.cos(turn)]])
        return turned, upper.astype(int)

    def start(key: Key) -> dict[str, Params]:
        a, b, c = jax.random.split(key, 3)
        return {"extractor": {"features": mlp(a, 2, 64, 64), "label": mlp(b, 64, 2)}, "domain": mlp(c, 64, 64, 1)}

    def sample(key: Key) -> Batch:
        a, b = jax.random.split(key)
        return moons(a, 0.0), moons(b, 35.0)[0]

    def losses(players: dict[str, Params], given: Batch) -> dict[str, Any]:
        (source, labels), target = given
        features = lambda x: jnp.tanh(apply(players["extractor"]["features"], x, jnp.tanh))  # noqa: E731
        of_source, of_target = features(source), features(target)
        label = optax.softmax_cross_entropy_with_integer_labels(apply(players["extractor"]["label"], of_source), labels).mean()
        reversed_ = lambda f: f - 1.5 * (f - jax.lax.stop_gradient(f))  # noqa: E731
        logit = lambda f: apply(players["domain"], reversed_(f), jnp.tanh)  # noqa: E731
        apart = jax.nn.softplus(logit(of_source)).mean() + jax.nn.softplus(-logit(of_target)).mean()
        return {"label": label, "domain": apart / 2}

    return Game(start, sample, losses, optax.adam)


def alternating(game: Game, players: Any, states: Any, key: Key, lr: Any) -> Any:
    """Player 2 moves on a batch, then player 1 on another."""
    values = {}
    for role in ("discriminator", "generator"):
        key, draw = jax.random.split(key)
        batch = game.sample(draw)
        loss = lambda own, role=role, batch=batch, players=players: game.losses({**players, role: own}, batch)[role]  # noqa: E731
        values[role], gradient = jax.value_and_grad(loss)(players[role])
        update, state = game.optimizer(lr).update(gradient, states[role])
        players, states = {**players, role: optax.apply_updates(players[role], update)}, {**states, role: state}
    return players, states, key, values


def jointly(game: Game, players: Any, states: Any, key: Key, lr: Any) -> Any:
    """Both move along the gradient of the sum of the losses."""
    key, draw = jax.random.split(key)
    batch = game.sample(draw)

    def total(players: Any) -> Any:
        values = game.losses(players, batch)
        return sum(values.values()), values

    gradient, values = jax.grad(total, has_aux=True)(players)
    players, states = _step(game, players, states, gradient, lr)
    return players, states, key, values


def extragradient(game: Game, players: Any, states: Any, key: Key, lr: Any) -> Any:
    """A step along the field at the look-ahead; moments are updated twice."""
    key, draw = jax.random.split(key)
    batch = game.sample(draw)
    values, field = _field(game, players, batch)
    ahead, states = _step(game, players, states, field, lr)
    players, states = _step(game, players, states, _field(game, ahead, batch)[1], lr)
    return players, states, key, values


def consensus(game: Game, players: Any, states: Any, key: Key, lr: Any, gamma: float = 1.0) -> Any:
    """v + γ Jᵀv."""
    key, draw = jax.random.split(key)
    batch = game.sample(draw)
    (values, field), pull = jax.vjp(lambda p: _field(game, p, batch), players)
    (pulled,) = pull((jax.tree.map(jnp.zeros_like, values), field))
    players, states = _step(game, players, states, jax.tree.map(lambda v, p: v + gamma * p, field, pulled), lr)
    return players, states, key, values


def _field(game: Game, players: Any, batch: Batch) -> Any:
    """Return the losses, and each player's gradient of its own."""
    values, field = {}, {}
    for role, own in players.items():
        values[role], field[role] = jax.value_and_grad(lambda o, role=role: game.losses({**players, role: o}, batch)[role])(own)
    return values, field


def _step(game: Game, players: Any, states: Any, gradient: Any, lr: Any) -> Any:
    stepped = {role: game.optimizer(lr).update(gradient[role], states[role]) for role in players}
    return {role: optax.apply_updates(players[role], stepped[role][0]) for role in players}, {role: s for role, (_, s) in stepped.items()}


class Playing:
    """Members of a game, played in chunks of rounds by one program.

    Args:
        game: The game.
        round_: Plays one round.
        rates: Learning rate of each member.
    """

    def __init__(self, game: Game, round_: Callable[..., Any], rates: list[float]):
        keys = jax.random.split(jax.random.key(0), len(rates))

        def begin(key: Key, lr: Any) -> Any:
            players = game.start(key)
            return players, {role: game.optimizer(lr).init(own) for role, own in players.items()}, key, lr

        def one(state: Any, _: Any) -> Any:
            players, states, key, lr = state
            players, states, key, values = round_(game, players, states, key, lr)
            return (players, states, key, lr), values

        alone = len(rates) == 1
        self.state = begin(keys[0], rates[0]) if alone else jax.vmap(begin)(keys, jnp.array(rates))
        self._chunks = {}
        for rounds in (1, 10, 100):
            many = lambda s, rounds=rounds: jax.lax.scan(one, s, None, length=rounds)  # noqa: E731
            self._chunks[rounds] = jax.jit(many if alone else jax.vmap(many), donate_argnums=0)
        self.values: Any = {}

    def play(self, rounds: int) -> None:
        """Play rounds, in as few calls as possible."""
        for size in (100, 10, 1):
            while rounds >= size:
                self.state, self.values = self._chunks[size](self.state)
                rounds -= size
        jax.block_until_ready(self.state)

    def losses(self) -> dict[str, float]:
        """Return the mean loss of each role in the latest call."""
        return {role: float(values.mean()) for role, values in self.values.items()}
