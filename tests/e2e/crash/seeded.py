"""Tests whose numbers and moments are drawn from a seed, which they print and which repeats them."""

import argparse
import os
import pathlib
import random
import sys

from harness import EndToEndTest

SEEDS = 1_000_000  # to choose from when none is given


class SeededTest(EndToEndTest):
    """`seed` is new for each run unless --seed or GATELOG_CRASH_SEED says otherwise."""
    seed = int(os.environ.get("GATELOG_CRASH_SEED", random.SystemRandom().randrange(SEEDS)))

    def setUp(self):
        super().setUp()
        self.random = random.Random(self.seed)
        print(f"seed {self.seed}; the same again: {pathlib.Path(sys.argv[0]).name} --seed {self.seed}")


def take_arguments(**more):
    """Takes --seed, and --NAME for each of `more` (its default), out of the command line; what was chosen, by name."""
    parser = argparse.ArgumentParser(add_help=False)
    for name, default in dict(more, seed=SeededTest.seed).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen, sys.argv[1:] = parser.parse_known_args()
    SeededTest.seed = chosen.seed
    return chosen
