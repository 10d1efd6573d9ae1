"""Needs: optional attributes and methods of strategies, learners and criteria, looked up in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alrun.core.embedding import has_embeddings
from alrun.core.errors import Problem, StrategyError
from alrun.core.types import QueryReport, Task, TaskSpec

__all__ = [
    "Needs",
    "anticipation_of",
    "arguments_of",
    "can_sample",
    "declared_metrics",
    "is_metric",
    "is_stateful",
    "kind_of",
    "monitor_of",
    "needs_of",
    "report_of",
    "require_samples",
    "several_tasks_problems",
    "unfit_problems",
    "unmet_problems",
]


@dataclass(frozen=True)
class Needs:
    """What a strategy, or a learner, is defined for and asks of the experiment.

    The defaults hold for one that says nothing.

    Attributes:
        tasks: Tasks that it is defined for.
        multi_task: Whether it is defined for data with several tasks.
        stochastic: Whether it needs several posterior samples.
        embeddings: Whether predictions are to carry the latents of the rows.
        outputs: Whether candidates are to carry what the learner predicts.
        labeled: Whether candidates are to hold the labeled rows too.
        unknown: Whether candidates are to hold the rows, too, that were bought and are of no class.
        learner: Parts that the learner must have, by attribute.
        model: Whether it asks the learner; a cold start must not.
        limit: Whether ``max_samples`` is an upper limit and not a count.
        pool_scores: Whether it reads the histogram of the scores of the pool, of a metrology strategy.
    """

    tasks: frozenset[str] = frozenset(Task)
    multi_task: bool = True
    stochastic: bool = False
    embeddings: bool = False
    outputs: bool = False
    labeled: bool = False
    unknown: bool = False
    learner: frozenset[str] = frozenset()
    model: bool = True
    limit: bool = False
    pool_scores: bool = False

    @classmethod
    def together(cls, several: Iterable[Needs]) -> Needs:
        """Return the needs of one that asks all of ``several``."""
        each = list(several)
        return cls(
            tasks=cls.tasks.intersection(*(one.tasks for one in each)),
            multi_task=all(one.multi_task for one in each),
            stochastic=any(one.stochastic for one in each),
            embeddings=any(one.embeddings for one in each),
            outputs=any(one.outputs for one in each),
            labeled=any(one.labeled for one in each),
            unknown=any(one.unknown for one in each),
            learner=frozenset[str]().union(*(one.learner for one in each)),
            model=any(one.model for one in each),
            limit=any(one.limit for one in each),
            pool_scores=any(one.pool_scores for one in each),
        )


#: Attributes, of a class or an object, in which needs are declared.
_ATTRIBUTES = {
    "tasks": "tasks",
    "multi_task": "multi_task",
    "stochastic": "requires_stochastic",
    "embeddings": "needs_embeddings",
    "outputs": "needs_outputs",
    "labeled": "needs_labeled",
    "unknown": "needs_unknown",
    "learner": "requires_learner",
    "model": "requires_model",
    "limit": "max_samples_is_limit",
    "pool_scores": "needs_pool_scores",
}


def needs_of(part: Any) -> Needs:
    """Return what ``part``, an object or its class, declares in its attributes.

    These are ``tasks``, ``multi_task``, ``requires_stochastic``, ``needs_embeddings``, ``needs_outputs``,
    ``needs_labeled``, ``needs_unknown``, ``requires_learner``, ``requires_model``, ``max_samples_is_limit`` and
    ``needs_pool_scores``, each of them optional.
    """
    found = {field: getattr(part, attribute, None) for field, attribute in _ATTRIBUTES.items()}
    # Of a class, a property says nothing yet.
    known = {field: value for field, value in found.items() if value is not None and not isinstance(value, property)}
    declared: dict[str, Any] = {
        field: frozenset(value) if field in ("tasks", "learner") else bool(value) for field, value in known.items()
    }
    return Needs(**declared)


#: What data of a task are called, where that is not "a" and the task.
_DATA: Mapping[str, str] = {Task.MULTI_LABEL: "multi-label data", Task.SEGMENTATION: "masks of pixels"}
#: What to type in place of a query strategy that is not defined for a task, where that is not entropy alone.
_QUERIES: Mapping[str, str] = {
    Task.REGRESSION: "query=variance",
    Task.MULTI_LABEL: "query=entropy, or another with M in the column task: alrun ls query",
    Task.SEGMENTATION: "query=entropy, or another with S in the column task: alrun ls query",
}


def unfit_problems(parts: Mapping[str, Any], task: str | None, group: str) -> Iterator[Problem]:
    """Yield which of ``parts`` (objects or classes by name) of a config group are not defined for ``task``."""
    for name, part in parts.items():
        if task and task not in needs_of(part).tasks:
            hints = {"query": _QUERIES.get(task, "query=entropy"), "metrology": f"metrology={task}"}
            hints |= {"cold_start": "cold_start=random", "label": "label=oracle"}
            if task == Task.SEGMENTATION:
                hints["learner"] = "learner=fcn"
            what = f"{name} does not fit {_DATA.get(task, f'a {task}')}"
            yield Problem(what, f"{group}.{name}", hints.get(group, f"see: alrun ls {group}"))


def unmet_problems(
    strategies: Mapping[str, Any],
    *,
    stochastic: bool | None,
    learner: Any = None,
    inference: str = "the inference",
    committee: bool = False,
) -> Iterator[Problem]:
    """Yield what query strategies (objects or classes by name) need of inference and learner, and do not have.

    Args:
        strategies: Query strategies by name.
        stochastic: Whether predictions come as posterior samples; ``None`` where that is not known.
        learner: The learner; ``None`` where there is none yet.
        inference: What the inference is called.
        committee: Whether the learner is made of members, which may be the samples.
    """
    for name, strategy in strategies.items():
        needs = needs_of(strategy)
        if needs.stochastic and stochastic is False:
            yield _without_samples(name, inference, committee)
        if needs.embeddings and learner is not None and not has_embeddings(learner):
            what = f"{name} needs embeddings, and {type(learner).__name__} has no layer to take them from"
            yield Problem(what, f"query.{name}", "learner=mlp or learner=probe, or query=entropy")
        for part in sorted(needs.learner) if learner is not None else ():
            if not hasattr(learner, part):
                what = f"{name} needs a learner with a {part}, and {type(learner).__name__} has none"
                yield Problem(what, f"query.{name}", "learner=adversarial" if part == "discriminator" else "")


def require_samples(strategy: Any, stochastic: bool, name: str) -> None:
    """Raise ``StrategyError`` where ``strategy``, called ``name``, needs posterior samples and gets none."""
    if needs_of(strategy).stochastic and not stochastic:
        raise StrategyError(str(_without_samples(name, "the inference")))


def _without_samples(name: str, inference: str, committee: bool = False) -> Problem:
    what = f"{name} needs posterior samples, which {inference} does not provide"
    hint = "inference=mc_dropout, or inference=laplace inference.predictive=samples"
    if committee:
        hint = "inference=committee"
    return Problem(what, f"query.{name}", hint)


def several_tasks_problems(parts: Mapping[str, Any], spec: TaskSpec, group: str) -> Iterator[Problem]:
    """Yield which of ``parts`` by name are not defined for the several tasks of ``spec``."""
    for name, part in parts.items():
        if not needs_of(part).multi_task:
            hint = f"metrology={spec.task}" if group == "metrology" else f"{group}=multitask"
            yield Problem(f"{name} does not fit data with {len(spec.tasks)} tasks", group, hint)


def kind_of(strategy: Any) -> str | None:
    """Return the phase that a strategy is for; ``None`` where ``strategy`` is none."""
    return getattr(strategy, "__protocol_type__", None)


def can_sample(strategy: Any) -> bool:
    """Return whether ``strategy`` can choose what to label."""
    return callable(getattr(strategy, "sample", None))


def arguments_of(strategy: Any) -> Mapping[str, Any]:
    """Return the arguments that a strategy was made with; empty where it does not remember them."""
    arguments: Mapping[str, Any] = getattr(strategy, "_args", {}).get("__args__", {})
    return arguments


def report_of(strategy: Any) -> QueryReport:
    """Return what a query strategy says of its last ``sample``; empty where it says nothing."""
    return getattr(strategy, "report", None) or QueryReport()


def anticipation_of(strategy: Any) -> Callable[[Sequence[int], Sequence[Any]], None] | None:
    """Return how a metrology strategy looks at rows and their labels before the learner is trained on them, if so."""
    found: Callable[[Sequence[int], Sequence[Any]], None] | None = getattr(strategy, "anticipate", None)
    return found


def is_stateful(strategy: Any) -> bool:
    """Return whether a strategy, or a callback, has state to be saved with every commit."""
    return all(callable(getattr(strategy, method, None)) for method in ("state_dict", "load_state_dict"))


def is_metric(built: Any) -> bool:
    """Return whether ``built`` is a metric by its methods, and no strategy."""
    return not hasattr(built, "attach") and all(hasattr(built, name) for name in ("update", "compute", "reset"))


def declared_metrics(strategy: Any) -> Mapping[str, bool | None] | None:
    """Return the metrics that a metrology strategy may record; ``None`` where it does not say."""
    return getattr(strategy, "metrics", None)


def monitor_of(part: Any) -> str | None:
    """Return the metric that a stopping criterion, training loop or callback reads; ``None`` where it reads none."""
    return getattr(part, "monitor", None)
