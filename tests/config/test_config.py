"""The configuration: command line, YAML and Python build the same objects; unknown names and bad values are told in one sentence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

import arena
from arena import ArenaError, Game, Rng, configure, play
from arena.config.files import load_file
from arena.errors import BadSetting, GameFault, RunFailed, UnknownName
from arena.games import SwissRoll
from arena.players import MLP, Vector
from arena.rules import Extragradient

WORDS = ["--rule", "Extragradient", "--rule.gamma=.5", "--generator.hidden", "64,32", "--coupling", "0.5", "--turns", "7"]
NESTED = {"rule": {"name": "extragradient", "gamma": 0.5}, "generator": {"hidden": [64, 32]}, "coupling": 0.5, "turns": 7}
DOTTED = {"rule": "extragradient", "rule.gamma": 0.5, "generator.hidden": (64, 32), "coupling.value": 0.5, "turns": 7}


def test_three_ways_one_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(NESTED))
    ways = [
        configure("swiss-roll", {}, WORDS),
        configure("swiss-roll", NESTED),
        configure("swiss-roll", DOTTED),
        configure("swiss-roll", dict(reversed(DOTTED.items()))),
        configure("swiss-roll", load_file(tmp_path / "config.yaml")),
        configure(SwissRoll, DOTTED),
    ]
    assert len({way.dump() for way in ways}) == 1
    built = ways[0].build()
    assert isinstance(built.rule, Extragradient)
    assert built.rule.gamma == 0.5
    assert [layer.out_features for layer in built.game.players["generator"].layers] == [64, 32, 2]
    assert built.turns == 7


def test_a_dumped_configuration_rebuilds_itself() -> None:
    for game in ("swiss-roll", "digits", "quadratic"):
        first = configure(game, {}, ["--rule", "extragradient", "--scheduler", "warm-up", "--coupling", "dann-ramp"])
        again = configure(game, {k: v for k, v in yaml.safe_load(first.dump()).items() if k != "game"})
        assert again.dump() == first.dump()


def test_later_words_win_over_the_file() -> None:
    assert configure("swiss-roll", {"turns": 5, "rule": "extragradient"}, ["--turns", "9"]).settings["turns"] == 9


def test_the_recipe_belongs_to_its_component() -> None:
    """The recipe's learning rate is Adam's; another optimizer starts from its own default."""
    assert configure("swiss-roll").settings["generator"]["betas"] == (0.5, 0.9)
    assert configure("swiss-roll", {"generator.optimizer": "sgd"}).settings["generator"]["lr"] == 0.1


def test_another_rule_starts_from_the_simultaneous_scheduler() -> None:
    """Published rules move both players in a turn; the recipe's alternation goes with the recipe's rule."""
    assert configure("swiss-roll").flat()["scheduler.name"] == "alternating"
    assert configure("swiss-roll", {"rule": "simultaneous"}).flat()["scheduler.name"] == "alternating"
    assert configure("swiss-roll", {"rule": "consensus"}).flat()["scheduler.name"] == "simultaneous"
    assert configure("swiss-roll", {"rule": "consensus", "scheduler": "alternating"}).flat()["scheduler.name"] == "alternating"


def test_rules_nest_in_one_word_in_data_and_from_python() -> None:
    word = configure("bilinear", {}, ["--rule", "averaging(inner=lookahead(inner=extragradient(gamma=.5),k=3),average=uniform)"])
    inner = {"name": "lookahead", "k": 3, "inner": {"name": "extragradient", "gamma": 0.5}}
    data = configure("bilinear", {"rule": {"name": "averaging", "average": "uniform", "inner": inner}})
    dotted = configure("bilinear", {}, ["--rule=averaging", "--rule.average=uniform", "--rule.inner=lookahead", "--rule.inner.k=3",
                                        "--rule.inner.inner=extragradient", "--rule.inner.inner.gamma=.5"])  # fmt: skip
    assert word.settings == data.settings == dotted.settings == configure("bilinear", yaml.safe_load(word.dump())).settings
    rule: Any = word.build().rule
    assert (type(rule.inner.inner).__name__, rule.inner.inner.gamma, rule.inner.k, rule.average) == ("Extragradient", 0.5, 3, "uniform")
    given: Any = configure("bilinear", {"rule": "averaging", "rule.inner": Extragradient(gamma=0.25)}).build().rule
    assert given.inner.gamma == 0.25


def test_optimizers_of_torch_by_import_path() -> None:
    built = configure("swiss-roll", {"generator.optimizer": "torch.optim.NAdam", "generator.lr": 0.01}).build()
    assert isinstance(built.optimizers["generator"], torch.optim.NAdam)
    assert built.optimizers["generator"].param_groups[0]["lr"] == 0.01


class Net(nn.Module):
    """A user's own player, which knows nothing of the arena."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


def test_players_from_python_and_by_import_path() -> None:
    by_path = configure("swiss-roll", {}, ["--discriminator", "tests.config.test_config.Net", "--discriminator.width", "5"]).build()
    by_class = configure("swiss-roll", {"discriminator": Net, "discriminator.width": 5}).build()
    for built in (by_path, by_class):
        assert type(built.game.players["discriminator"]).__name__ == "Net"
        assert built.game.players["discriminator"].body[0].out_features == 5
    module = Net()
    built = configure("swiss-roll", {"discriminator": module}).build()
    assert built.game.players["discriminator"] is module
    start = module.body[0].weight.detach().clone()
    built.play_turn((1.0, 1.0, 1.0))
    assert not torch.equal(start, module.body[0].weight)
    built.reset(seed=0)
    assert torch.equal(start, module.body[0].weight), "an episode begins with the player as it was given"
    assert isinstance(configure("swiss-roll", {"rule": Extragradient(gamma=0.3)}).build().rule, Extragradient)


def test_a_python_object_cannot_be_rebuilt_from_a_file() -> None:
    dumped = yaml.safe_load(configure("swiss-roll", {"discriminator": Net()}).dump())
    assert dumped["discriminator"]["player"] == "python:tests.config.test_config.Net"
    with pytest.raises(ArenaError, match="which no config file can rebuild; give it again from Python"):
        configure("swiss-roll", {k: v for k, v in dumped.items() if k != "game"})


def test_every_setting_of_a_run_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        configure("swiss-roll", {}, ["--rule", "extragradient", "--scheduler", "alternating", "--help"])
    text = capsys.readouterr().out
    for option in ("--rule.gamma", "--generator.lr", "--discriminator.hidden", "--scheduler.ratio", "--turns", "--trace.every", "--batch"):
        line = text[text.index(f"  {option}") :]
        described = line.split("(type:")[0].split(maxsplit=2)[-1]
        assert len(described) > 10, option


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"turn": 5}, UnknownName, "unknown setting 'turn': did you mean 'turns'?"),
        ({"generator.lrr": 1}, UnknownName, "unknown setting 'generator.lrr': did you mean 'generator.lr'?"),
        ({"rule": "extragradiant"}, UnknownName, "unknown rule 'extragradiant': did you mean 'extragradient'?"),
        ({"rule.gamma": 1.0}, UnknownName, "unknown setting 'rule.gamma': there are none. (The rule is simultaneous.)"),
        ({"rule": "averaging(inner=extragradiant)"}, UnknownName, "unknown rule 'extragradiant': did you mean 'extragradient'?"),
        ({"rule": "ema(inner=sga(lambda=1))"}, UnknownName, "unknown setting 'rule.inner.lambda': did you mean 'rule.inner.lambda_'?"),
        ({"rule": "unrolled(steps)"}, ArenaError, "'steps' in 'unrolled(steps)' is not argument=value; write it as in unrolled(steps=3)"),
        ({"rule": "unrolled(steps=-1)"}, BadSetting, "rule.steps is -1, but must be a whole number of at least 0"),
        ({"scheduler": "alternate"}, UnknownName, "unknown scheduler 'alternate': did you mean 'alternating'?"),
        ({"generator": "mpl"}, UnknownName, "unknown player 'mpl': did you mean 'mlp'?"),
        ({"generator.optimizer": "adma"}, UnknownName, "unknown optimizer 'adma': did you mean 'adam'?"),
        ({"coupling": "dan_ramp"}, UnknownName, "unknown schedule 'dan_ramp': did you mean 'dann-ramp'?"),
        ({"loss": "saturatin"}, ArenaError, "loss is 'saturatin': did you mean 'saturating'?"),
        ({"turns": "many"}, ArenaError, "turns is 'many', but must be a whole number, such as 12000"),
        ({"turns": 2.5}, ArenaError, "turns is '2.5', but must be a whole number, such as 12000"),
        ({"turns": 0}, BadSetting, "turns is 0, but must be a whole number of at least 1"),
        ({"generator.lr": -1.0}, BadSetting, "generator.lr is -1.0, but must be a finite number above 0"),
        ({"generator.lr": float("nan")}, ArenaError, "generator.lr is nan, but must be a finite number above 0"),
        ({"generator.lr": float("inf")}, ArenaError, "generator.lr is inf, but must be a finite number above 0"),
        ({"generator.betas": [0.5, 1.5]}, BadSetting, "generator.betas is 1.5, but must be a finite number of at least 0 and below 1"),
        (
            {"rule": "extragradient", "rule.gamma": 0.0},
            BadSetting,
            "rule.gamma is 0.0, but must be a finite number above 0",
        ),
        (
            {"scheduler.ratio": 0},
            BadSetting,
            "scheduler.ratio is 0, but must be a whole number other than 0; the simultaneous scheduler moves both at once",
        ),
        ({"coupling": 2.0}, BadSetting, "coupling is 2.0, but must be in [0, 1]"),
        ({"batch": -3}, BadSetting, "batch is -3, but must be a whole number of at least 1"),
        ({"trace.every": 0}, BadSetting, "trace.every is 0, but must be a whole number of at least 1"),
        ({"device": "cuda:99"}, BadSetting, "device is 'cuda:99', but must be auto or cpu: torch sees "),
        ({"device": "gpu"}, BadSetting, "device is 'gpu', but must be auto, cpu, cuda or cuda:1"),
        ({"rule": "averaging(iner=optimistic)"}, UnknownName, "unknown setting 'rule.iner': did you mean 'rule.inner'?"),
        (
            {"rule": "averaging(inner=unrolled(steps=3)"},
            ArenaError,
            "the brackets of 'averaging(inner=unrolled(steps=3)' do not match, since a ')' is missing; write it as in unrolled(steps=3)",
        ),
        ({"generator": 3}, BadSetting, "generator is 3, but must be the name of a player"),
        ({"rule": None}, BadSetting, "rule is None, but must be the name of a rule"),
        ({"generator.optimizer": 1.0}, BadSetting, "generator.optimizer is 1.0, but must be the name of an optimizer"),
        ({"turns": {"a": 1}}, BadSetting, "turns is {'a': 1}, but must be one number, such as 12000"),
        ({"generator.hidden": {"a": 1}}, BadSetting, "generator.hidden is {'a': 1}, but must be one list, such as 128,128"),
        ({"trace": 5}, UnknownName, "unknown setting 'trace': did you mean 'trace.every'? (It is the place of several settings.)"),
        (
            {"batch": 10**15},
            RunFailed,
            "the memory of cpu does not hold a batch of SwissRoll (3.55 PiB were requested at once); take a smaller batch",
        ),
        ({"batch": 10**30}, RunFailed, "the memory of cpu does not hold a batch of SwissRoll; take a smaller batch"),
        (
            {"generator.hidden": (10**7, 10**8)},
            RunFailed,
            "generator: memory does not hold MLP (3.55 PiB were requested at once); lower generator.hidden",
        ),
    ],
)
def test_bad_settings_get_one_sentence(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        configure("swiss-roll", settings).build()
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--generator.hidden", "64,x"], "generator.hidden is '64,x', but must be numbers such as 128,128"),
        (["--generator.betas", "0.9"], "generator.betas is '0.9', but must be numbers such as 0.5,0.9"),
        (["--turns", "2.50"], "turns is '2.50', but must be a whole number, such as 12000"),
        (["--turns", "1e400"], "turns is '1e400', but must be a whole number, such as 12000"),
        (["--turns.a", "1"], "unknown setting 'turns.a': did you mean 'turns'?"),
        (["--rule=averaging(inner=optimistic"], "the brackets of 'averaging(inner=optimistic' do not match, since a ')' is missing; "),
        (["--alarms.names", "stall(patience=x)"], "stall.patience is 'x', but must be a whole number, such as 1"),
    ],
)
def test_bad_words_are_told_as_they_were_typed(words: list[str], message: str) -> None:
    with pytest.raises(ArenaError) as raised:
        configure("swiss-roll", {}, words).build()
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(("settings", "words"), [({}, ["--turns", "1e3"]), ({"turns": 1000.0}, []), ({"turns": "1E+3"}, [])])
def test_whole_numbers_may_be_written_as_others_are(settings: dict[str, Any], words: list[str]) -> None:
    turns = configure("swiss-roll", settings, words).settings["turns"]
    assert (type(turns), turns) == (int, 1000)
    assert configure("swiss-roll", {}, ["--seed", "9007199254740993"]).settings["seed"] == 9007199254740993


@pytest.mark.parametrize("name", ["left", "left.player"])
def test_a_player_that_a_game_does_not_take_is_an_unknown_setting(name: str) -> None:
    game = Path(__file__).parents[2] / "examples" / "tug_of_war.py"
    with pytest.raises(UnknownName) as raised:
        configure(str(game), {}, [f"--{name}", "my_net.py:MyNet"])
    told = f"unknown setting '{name}': the game builds its left itself; give its __init__ an argument left to choose one"
    assert str(raised.value) == told


def test_config_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match="cannot be read"):
        load_file(tmp_path / "none.yaml")
    (tmp_path / "late.yaml").write_text("turns: [1\n\n")
    with pytest.raises(ArenaError, match=r"is not valid YAML \(line 1, column 10\); fix it there"):
        load_file(tmp_path / "late.yaml")
    (tmp_path / "bad.yaml").write_text("turns: [1")
    with pytest.raises(ArenaError, match=r"is not valid YAML \(line 1, column 10\); fix it there"):
        load_file(tmp_path / "bad.yaml")
    (tmp_path / "list.yaml").write_text("- turns")
    with pytest.raises(ArenaError, match="holds a list, but must hold settings such as 'turns: 1000'"):
        load_file(tmp_path / "list.yaml")


GAME_FILE = (Path(__file__).parents[2] / "examples" / "tug_of_war.py").read_text()


def test_a_game_in_a_file_is_played_and_found_again(tmp_path: Path) -> None:
    file = tmp_path / "tug_of_war.py"
    file.write_text(GAME_FILE)
    config = configure(str(file), {"dim": 2, "left.lr": 0.5})
    assert config.game.id.endswith("tug_of_war.py:tug-of-war")
    result = arena.play(str(file), out=tmp_path / "run", display=False, dim=2, turns=5, **{"trace.tensorboard": False})
    assert result.turns == 5
    assert load_file(tmp_path / "run" / "config.yaml")["game"] == config.game.id
    with pytest.raises(UnknownName, match=r"unknown setting 'left.player'"):
        configure(str(file), {"left.player": "mlp"})


def test_mlp_is_the_default_player_with_the_games_own_arguments() -> None:
    settings = configure("digits").settings["generator"]
    assert settings["player"] == "mlp"
    assert settings["hidden"] == (100, 300)
    assert settings["final"] == "tanh"
    assert MLP.__name__ == "MLP"


def test_a_setting_of_both_players_is_given_once() -> None:
    typed, data = configure("bilinear", {}, ["--*.lr", "0.2"]).flat(), configure("bilinear", {"*.lr": 0.3, "y.lr": 0.1}).flat()
    assert (typed["x.lr"], typed["y.lr"], data["x.lr"], data["y.lr"]) == (0.2, 0.2, 0.3, 0.1)


def test_a_game_with_required_arguments_is_played_as_an_object(tmp_path: Path) -> None:
    class Tug(Game):
        def __init__(self, dim: int):
            super().__init__(left=Vector(dim), right=Vector(dim))

        def sample(self, rng: Rng) -> Tensor:
            return torch.ones(())

        def losses(self, batch: Tensor, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
            pull = batch * (self.players["left"]() * self.players["right"]()).sum()
            return {"left": pull, "right": -pull}

        def score(self) -> Tensor:
            return self.players["left"]().norm()

    with pytest.raises(GameFault, match="could not be built without arguments"):
        configure(Tug)
    result = play(Tug(3), turns=3, out=tmp_path / "run", display=False, **{"trace.tensorboard": False})
    assert result.arena is not None and result.arena.game.parameters_of("left")["players.left.value"].shape == (3,)


@pytest.mark.parametrize(("name", "why"), [("LBFGS", "closure"), ("SparseAdam", "dense"), ("Muon", "2D")])
def test_an_optimizer_that_cannot_step_is_named(name: str, why: str) -> None:
    if not hasattr(torch.optim, name):
        pytest.skip(f"this torch has no {name}")
    with pytest.raises(ArenaError, match=f"^x.optimizer is {name}, which failed on a parameter of one number .*{why}"):
        configure("bilinear", {"x.optimizer": f"torch.optim.{name}"}).build()


def test_what_is_no_game_is_one_sentence() -> None:
    with pytest.raises(ArenaError, match=r"a Config is a game with its settings, .* Fix: arena\.runs\.play\.start\(config\)"):
        arena.play(configure("bilinear"))  # type: ignore[arg-type]
    with pytest.raises(ArenaError, match=r"an object of the class list is no game\. Expected the id"):
        arena.play([3])  # type: ignore[arg-type]
