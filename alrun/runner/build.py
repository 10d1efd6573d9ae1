"""Builder: a checked config to objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.bound import Node, plain
from alrun.config.libraries import imported
from alrun.config.listeners import deaf
from alrun.config.offers import built_problem
from alrun.core.callback import hooks_of
from alrun.core.errors import ConfigError, Problem
from alrun.core.knobs import Part, read, terms
from alrun.core.learners import combine_of
from alrun.core.needs import is_metric
from alrun.core.protocols.pool import Pools
from alrun.core.seeding import Role, Seeds
from alrun.core.settings import TrainingSettings
from alrun.core.tracking import is_tracker
from alrun.driver.settings import Components
from alrun.pool.foreign import is_source, notes_of, own_pools, sells_validation
from alrun.runner.compatibility import between
from alrun.runner.instantiate import instantiate
from alrun.runner.trackers import built_trackers
from alrun.store.array_cache import ArrayFiles

if TYPE_CHECKING:
    from alrun.core.tracking import Tracker
    from alrun.core.types import TaskSpec

__all__ = ["Builder"]


class Builder:
    """Builds the objects of one experiment, in the order in which they need each other.

    Attributes:
        data: What the ``data`` group built: a source, or a training pool of the user's own.
        trackers: What the ``logger`` group built, by name, callbacks left out.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        sources: dict[str, Any] | None = None,
        *,
        place: Path | None = None,
        choices: Mapping[str, str] | None = None,
    ) -> None:
        """Build from a bound config.

        Args:
            config: From ``alrun.config.check.checked``.
            sources: Keeps data for other builders.
            place: The run directory.
            choices: The option that each group was given, after which strategies without a key of their own are named.
        """
        self._config = config
        self._place = place or Path()
        self._choices = choices or {}
        self._sources: dict[str, Any] = {} if sources is None else sources
        self._seeds = Seeds(config["seed"])
        self._problems: list[Problem] = []
        self._spec: TaskSpec | None = None
        self.data: Any = None
        self.trackers: Mapping[str, Tracker] = {}

    def fingerprint(self) -> str | None:
        """Return the fingerprint of the data, where they have one."""
        function = getattr(self.data, "fingerprint", None)
        return str(function()) if callable(function) else None

    def notes(self) -> tuple[str, ...]:
        """Return what was made of the data, one line each, where they say so."""
        return notes_of(self.data)

    def components(self) -> Components:
        """Build everything.

        Raises:
            ConfigError: With everything that is wrong.
        """
        pools = self._pools()
        inference = self._single("inference")
        learner = self._learner(inference)
        self.trackers = self._several_trackers()
        components = Components(
            learner=learner,
            pools=pools,
            query_strategies=self._several("query"),
            training=self._training(pools, learner),
            inference=inference,
            cold_start=self._chosen("cold_start"),
            label_strategy=self._chosen("label"),
            metrology_strategies=self._metrology(),
            stopping=self._several("stopping"),
            callbacks=self._listeners("logger") | self._listeners("callbacks"),
            spec=self._spec,
        )
        if not self._problems:
            self._problems += between(components, self._config)
        if self._problems:
            raise ConfigError(self._problems)
        return components

    def learner(self) -> Any:
        """Build the data and the learner alone, which the inference may make of several.

        Raises:
            ConfigError: With everything that is wrong.
        """
        self._pools()
        built = self._learner(self._single("inference"))
        if self._problems:
            raise ConfigError(self._problems)
        return built

    def source(self) -> Any:
        """Build the data and what transforms them alone.

        Raises:
            ConfigError: With everything that is wrong.
        """
        self._seeds.seed_global_generators(Role.SPLIT)
        node = json.dumps(plain(self._config["data"]), sort_keys=True, default=repr)
        self.data = self._sources.get(node) or self._single("data")
        if self._problems:
            raise ConfigError(self._problems)
        self._sources[node] = self.data
        self._transform()
        self._spec = getattr(self.data, "spec", None)
        return self.data

    def _pools(self) -> Pools:
        self.source()
        from alrun.pool.pools import pools

        sold = bool(self._config.get("validation_from_budget"))
        if is_source(self.data):
            made = pools(self.data, self._seeds, sell_validation=sold)
        else:
            own = own_pools(self.data)
            made = Pools(training=self.data) if own is None else own(self._seeds)
        if sold:
            self._check_sold(made)
        return made

    def _transform(self) -> None:
        """Apply the transformations, in their order; the data themselves stay as they are for other builders.

        Raises:
            ConfigError: With what is wrong with them, or with the data for them.
        """
        self._spec = getattr(self.data, "spec", None)
        transforms = {}
        for name, node in (self._config.get("transform") or {}).items():
            self._seeds.seed_global_generators(f"transform {name}")
            transforms[str(name)] = self._build(node, f"transform.{name}")
        if self._problems:
            raise ConfigError(self._problems)
        if transforms and not is_source(self.data):
            what = f"{type(self.data).__name__} is not a data source: it makes its pools by itself"
            raise ConfigError(Problem(what, "transform", "transform=[]"))
        for name, transform in transforms.items():
            self.data = transform(self.data, self._seeds, name)

    def _check_sold(self, made: Pools) -> None:
        """Raise ``ConfigError`` where labels of validation rows cannot be bought."""
        key = "validation_from_budget"
        if not is_source(self.data):
            what = f"{type(self.data).__name__} does not support buying labels of validation rows"
            raise ConfigError(Problem(what, key, "validation_from_budget=false"))
        if not sells_validation(made.unlabeled):
            raise ConfigError(Problem("there are no validation rows to buy labels of", key, "data.validation_size=0.1"))
        if len(made.training) == 0 and self._config["initial_size"] < 2:
            what = "one label per step cannot be divided between training and validation"
            raise ConfigError(Problem(what, "initial_size", "initial_size=2"))

    def _learner(self, inference: Any) -> Any:
        """Return the learner, or what ``inference`` makes of several; the first of them is the learner itself."""
        combine = combine_of(inference)
        learners = []
        for number in range(1 if combine is None else inference.num_members):
            self._seeds.seed_global_generators(Role.INIT + (f" member {number}" if number else ""))
            learners.append(self._single("learner"))
            if learners[-1] is None:
                return None
        try:
            return learners[0] if combine is None else combine(learners)
        except ConfigError as error:
            self._problems += error.problems
        return None

    def _training(self, pools: Pools, learner: Any) -> TrainingSettings:
        options = dict(self._config["training"])
        for name, term in terms(TrainingSettings).items():
            if isinstance(term, Part) and options.get(name) is not None:
                options[name] = self._build(options[name], f"training.{name}")
        watching = {
            "training.loop.monitor": str(getattr(options["loop"], "monitor", None) or ""),
            "learner.scheduler_monitor": str(getattr(learner, "scheduler_monitor", None) or ""),
        }
        validating = [key for key, value in watching.items() if value.startswith("val")]
        options["validate"] = bool(options.get("validate")) or bool(validating)
        sold = sells_validation(pools.unlabeled)
        if options["validate"] and not pools.validation and not (sold and len(pools.training) == 0):
            where = [*validating, "training.loop.monitor"][0]
            hint = "validation_from_budget=false" if sold else "data.validation_size=0.1"
            self._problems.append(Problem("there is no validation pool to monitor", where, hint))
        self._problems += _scheduler_problems(options["loop"], watching["learner.scheduler_monitor"])
        return read(TrainingSettings, options)

    def _single(self, group: str) -> Any:
        return self._build(self._config[group], group)

    def _chosen(self, group: str) -> dict[str, Any]:
        """Return the one strategy of ``group`` under the name of the option, or of its class where there is none."""
        built = self._single(group)
        name = self._choices.get(group) or type(built).__name__
        return {} if built is None else {name: built}

    def _several(self, group: str) -> dict[str, Any]:
        nodes = self._config.get(group) or {}
        return {str(name): self._build(node, f"{group}.{name}") for name, node in nodes.items()}

    def _metrology(self) -> dict[str, Any]:
        """Build the metrology strategies; what is only a metric is wrapped in one that feeds it."""
        nodes = self._config.get("metrology") or {}
        built = self._several("metrology")
        return {name: self._fed(one, nodes[name], name) if is_metric(one) else one for name, one in built.items()}

    def _fed(self, metric: Any, node: Node, name: str) -> Any:
        target = imported("alrun.metrology.torchmetric:TorchMetric")
        arguments = {"_target_": "alrun.metrology.torchmetric.TorchMetric", "metric": metric, "name": name}
        return self._build(Node(node.path, node.where, target, arguments), node.where)

    def _listeners(self, group: str) -> dict[str, Any]:
        """Return the callbacks of ``group`` by name; ``on_error`` may stand beside the arguments of any of them."""
        listeners: dict[str, Any] = {}
        for name, node in (self._config.get(group) or {}).items():
            if group == "logger" and is_tracker(node.target):
                continue
            callback = self._build(node.without("on_error"), f"{group}.{name}")
            if callback is None:
                continue
            if "on_error" in node.node:
                callback.on_error = node.node["on_error"]
            if not hooks_of(callback):
                self._problems.append(deaf(type(callback), f"{group}.{name}"))
            listeners[f"{group}.{name}"] = callback
        return listeners

    def _several_trackers(self) -> Mapping[str, Tracker]:
        try:
            return built_trackers(self._config, self._place)
        except ConfigError as error:
            self._problems += error.problems
        return {}

    def _build(self, node: Node, where: str) -> Any:
        folder = self._place / "callbacks" / where
        try:
            offered = {"spec": self._spec, "seeds": self._seeds, "run_folder": folder, "array_cache": ArrayFiles()}
            # The model or data of a transformation are made for the data that it changes.
            inner = offered if where.startswith("transform.") else None
            built = instantiate(node, self._place, offered, inner)
        except ConfigError as error:
            self._problems += error.problems
            return None
        problem = None if node.is_partial else built_problem(built, node.path, f"{where}._target_")
        if problem is None:
            return built
        self._problems.append(problem)
        return None


def _scheduler_problems(loop: Any, monitor: str) -> Iterator[Problem]:
    """Yield a value that a scheduler watches and that the training loop never has."""
    from alrun.core.suggest import did_you_mean

    known = getattr(loop, "monitors", None)
    if monitor and known is not None and monitor not in known:
        where = "learner.scheduler_monitor"
        yield Problem(f"{type(loop).__name__} has no value {monitor!r} to watch", where, did_you_mean(monitor, known))
