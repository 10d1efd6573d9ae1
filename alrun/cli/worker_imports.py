"""Imports of every job of a sweep, made once by the process that forks for each."""

# ruff: noqa: E402, F401 - imports are put off before the first of the others

from alrun.core.lean_imports import put_off

put_off()

import alrun.cli.sweep
import alrun.driver.driver
import alrun.runner.build
import alrun.training.fabric
