from arena.checks.games import check_game as check_game
from arena.checks.rules import check_rule as check_rule
from arena.config.config import Config as Config
from arena.config.configure import configure as configure
from arena.core.field.field import Field as Field
from arena.core.game import Clock as Clock
from arena.core.game import Game as Game
from arena.core.rng import Rng as Rng
from arena.core.slot import PlayerSource as PlayerSource
from arena.core.slot import Slot as Slot
from arena.engine.env import Arena as Arena
from arena.engine.vector_env import Population as Population
from arena.errors import ArenaError as ArenaError
from arena.errors import GameFault as GameFault
from arena.experiments.compare.play import compare as compare
from arena.experiments.map.play import play_map as play_map
from arena.experiments.populations import populations as populations
from arena.registry.entries import register as register
from arena.report.write import write_report as write_report
from arena.rules.base import UpdateRule as UpdateRule
from arena.rules.turn import Turn as Turn
from arena.runs.play import play as play
from arena.runs.play import resume as resume
from arena.runs.result import Result as Result
from arena.schedulers.base import Moment as Moment
from arena.schedulers.base import Scheduler as Scheduler

__version__: str
