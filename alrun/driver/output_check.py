"""Check that a learner with restored weights predicts the same as when they were committed.

What ``state_dict()`` does not hold (a fitted estimator, a plain attribute) is not in the weights: a run that goes on
would pick other rows without a word. So each training commit holds some outputs on fixed rows. They are numbers rather
than a digest, since another machine or number of threads rounds otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.batches import move
from alrun.core.errors import StrategyError
from alrun.core.generators import generators_kept

if TYPE_CHECKING:
    from torch import Tensor

    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State

__all__ = ["check_outputs", "sample_outputs"]

ROWS, NUMBERS = 8, 32
#: Share of the largest output that rounding on another machine may change.
TOLERANCE = 1e-3


def sample_outputs(experiment: ExperimentContext, state: State) -> dict[str, Any]:
    """Return some outputs on the first rows of the source: of the predictor, and of the learner in training mode.

    Nothing for pools that other people wrote, and no outputs where the learner gives none; whoever needs them will say
    so. The learner and the global generators are left as they are found.
    """
    from alrun.pool.subset import Subset

    source = experiment.source
    if source is None:
        return {}
    rows = range(min(ROWS, len(source)))
    inputs = move(Subset(source, rows).inputs(rows), experiment.device)
    with generators_kept():
        found = {
            "predicted": _predicted(experiment, state, inputs),
            "training": _in_training(experiment, state, inputs),
        }
    return {"outputs": {**found, "device": experiment.device.type}}


def check_outputs(experiment: ExperimentContext, state: State, committed: Mapping[str, Any]) -> None:
    """Compare the outputs of the learner as it is with those in a training commit.

    Outputs in training mode, which may draw random numbers, are compared on the same kind of device alone.

    Raises:
        StrategyError: They differ by more than rounding.
    """
    wanted = committed.get("outputs")
    found = sample_outputs(experiment, state).get("outputs") if wanted else None
    if not wanted or not found:
        return
    kinds = ["predicted", "training"] if found["device"] == wanted["device"] else ["predicted"]
    differ = [kind for kind in kinds if not _agree(found[kind], wanted[kind])]
    if differ:
        mode = "predicts" if differ[0] == "predicted" else "computes in training mode"
        raise StrategyError(
            f"{type(experiment.learner).__name__}, with its weights of step {state.step} restored, {mode} other values "
            "than when they were committed: it keeps state that its state_dict() does not hold\n"
            "    → keep it in buffers (register_buffer), or return it as a tensor from get_extra_state() and restore\n"
            "      it in set_extra_state(); then repeat the run with alrun rerun, which keeps the labels"
        )


def _predicted(experiment: ExperimentContext, state: State, inputs: Any) -> list[float] | None:
    learner, seeds = experiment.learner.to(experiment.device), experiment.seeds(state)
    try:
        with experiment.inference.prepared(learner, seeds.at(seeds.step)) as forward:
            return _few(forward(inputs))
    except Exception:
        # The phase that needs predictions says what is wrong with them.
        return None


def _in_training(experiment: ExperimentContext, state: State, inputs: Any) -> list[float] | None:
    import torch

    learner = experiment.learner
    modes = [(part, part.training) for part in learner.modules()]
    # A pass changes buffers and extra states, never parameters, of which no copy is made.
    parameters = {name for name, _ in learner.named_parameters()}
    kept = {name: value.detach().clone() for name, value in learner.state_dict().items() if name not in parameters}
    experiment.seeds(state).seed_global_generators()
    try:
        with torch.no_grad():
            return _few(learner.train()(inputs))
    except Exception:
        # A learner need not answer in training mode.
        return None
    finally:
        if kept:
            learner.load_state_dict(kept, strict=False)
        for part, training in modes:
            part.training = training


def _few(outputs: Tensor) -> list[float]:
    """Return at most 32 numbers of ``outputs``, evenly spaced, in the seven digits of single precision."""
    import torch

    flat = outputs.detach().flatten()
    chosen = flat[torch.linspace(0, len(flat) - 1, min(NUMBERS, len(flat))).long()]
    return [float(f"{value:.7g}") for value in chosen.cpu().double().tolist()]


def _agree(found: list[float] | None, wanted: list[float] | None) -> bool:
    import torch

    if found is None or wanted is None or len(found) != len(wanted):
        return (found is None) == (wanted is None)
    first, second = torch.tensor(found, dtype=torch.float64), torch.tensor(wanted, dtype=torch.float64)
    scale = float(second[second.isfinite()].abs().amax()) if second.isfinite().any() else 0.0
    return torch.allclose(first, second, rtol=0.0, atol=TOLERANCE * scale, equal_nan=True)
