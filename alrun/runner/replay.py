"""Replay: another learner trained on what an earlier run has picked, with the same labels in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alrun.config.compose import Composed, Composer
from alrun.config.environment import described
from alrun.config.identity import identity_difference
from alrun.config.overrides import parse_overrides
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import LabelStatus
from alrun.runner.reopened import stored
from alrun.runner.rerun import prepare_rerun
from alrun.runner.run import Experiment
from alrun.store.audit import read_chain, read_labels
from alrun.store.recorded_picks import RecordedPicks
from alrun.store.rundir import RunDirectory

__all__ = ["prepared_replay"]

#: Keys that a replay may change: what learns, and how it is measured. All others say what is picked and labeled.
LEARNING = frozenset(
    {"learner", "training", "inference", "metrology", "calibration", "backbone", "device", "threads"}
    | {"predict_batch_size"}
)
SUFFIX = "-replayed"
#: Stands where strategies were, which a replay does not ask, and which may need what its learner lacks.
UNASKED = {"_target_": "alrun.query.random.Random", "max_samples": 1}


def prepared_replay(
    origin: RunDirectory, words: Sequence[str], trust: Trust, config_dir: Path | None = None
) -> tuple[Experiment, list[str]]:
    """Put a run beside ``origin`` that has its picks and labels on record; return it, and what is to be said.

    One that is there already is left as it is: it only has to be run.

    Args:
        origin: The run whose picks are replayed.
        words: Overrides: options of what learns (``learner=linear``), and values.
        trust: The allowlist.
        config_dir: A folder of further config groups.

    Raises:
        ConfigError: The words change more than what learns, or it cannot be run so.
        LockedError: ``origin`` is being run.
    """
    origin.refuse_links()
    composed = _composed(origin, words, trust, config_dir)
    _refuse_other_keys(origin, composed)
    picks = RecordedPicks(_labeled_picks(origin))
    if not len(picks):
        raise ConfigError(
            Problem("the run has no labels to replay", str(origin.path), "alrun status shows how far it is")
        )
    composed = _unasked(composed, picks.digest)
    derived = Experiment(composed, trust, place=origin.path).derived
    experiment = Experiment(composed, trust, place=origin.path.parent / derived.name)
    told = prepare_rerun(experiment, origin, picks=picks)
    return experiment, [f"{len(picks)} picks of {origin.path} are replayed", *told] if told else []


def _composed(origin: RunDirectory, words: Sequence[str], trust: Trust, config_dir: Path | None) -> Composed:
    """Return the config of ``origin`` with other options and values."""
    composer = Composer(trust, config_dir)
    overrides, problems = parse_overrides(words, composer.loader)
    if problems:
        raise ConfigError(problems)
    chosen = {one.key: one.text for one in overrides if composer.is_group(one) and not one.named_class}
    wrong = sorted(chosen.keys() - LEARNING)
    if wrong:
        raise ConfigError([_not_of_learning(key) for key in wrong])
    options = composer.compose(list(chosen.values())).config if chosen else {}
    values = [word for word in words if word not in chosen.values()]
    found = stored(origin, values, trust, {key: options[key] for key in chosen})
    return replace(found, choices={**found.choices, **{key: text.partition("=")[2] for key, text in chosen.items()}})


def _refuse_other_keys(origin: RunDirectory, composed: Composed) -> None:
    """Refuse a change of what was picked from, by whom it was labeled, or of the seed, which divides the data."""
    environment = origin.info()["environment"]
    before = described(stored(origin, (), Trust()).config, environment)
    after = described(composed.config, environment)
    differing = {key.split(".")[0] for key, _, _ in identity_difference(before, after)}
    wrong = sorted(differing - LEARNING)
    if wrong:
        raise ConfigError([_not_of_learning(key) for key in wrong])


def _not_of_learning(key: str) -> Problem:
    what = "a replay keeps data, seed, picks and labels; only what learns may differ"
    return Problem(what, key, "alrun replay DIR learner=linear, or training.…, inference=…, metrology=…")


def _unasked(composed: Composed, digest: str) -> Composed:
    """Return ``composed`` without the strategies that chose, and with the digest of what they chose."""
    config = composed.config.copy()
    config["query"] = {str(name): dict(UNASKED) for name in config.get("query") or ()}
    config["cold_start"] = dict(UNASKED)
    config["replay"] = digest
    query = composed.choices.get("query", "").removesuffix(SUFFIX)
    return replace(composed, config=config, choices={**composed.choices, "query": f"{query}{SUFFIX}"})


def _labeled_picks(origin: RunDirectory) -> list[Mapping[str, Any]]:
    """Return what was chosen in each step and has a label; steps without any are left out.

    Raises:
        StoreError: A commit does not hold what alrun writes there.
    """
    book = read_labels(origin).book
    steps: list[Mapping[str, Any]] = []
    for commit in read_chain(origin).commits:
        if commit.phase == ActiveLearningPhase.QUERY:
            try:
                state, answers = commit.state(), book.answers(commit.step)
                kept = [order for order in range(len(state["items"])) if _is_labeled(answers.get(order))]
                steps += [{name: [state[name][order] for order in kept] for name in ("items", "strategies")}]
            except (LookupError, TypeError, AttributeError) as error:
                raise StoreError(f"{commit.path} is not what alrun writes: {error}") from error
    return [step for step in steps if step["items"]]


def _is_labeled(answer: Any) -> bool:
    return answer is not None and answer.status is LabelStatus.LABELLED
