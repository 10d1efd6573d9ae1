"""Imports that are put off: a run needs none of them, and they come with all that they do where something does."""

from __future__ import annotations

from pathlib import Path

from command_line import SMALL, cold  # type: ignore[import-not-found]

PROGRAM = """
import sys
from alrun.cli.main import main

def loaded():
    names = ("torch._dynamo.eval_frame", "scipy.signal.windows", "transformers.models")
    return [name for name in names if name in sys.modules]

assert main(sys.argv[1:]) == 0
assert main([*sys.argv[1:], "training=trainer"]) == 0
assert "lightning.pytorch" in sys.modules
assert loaded() == [], loaded()

import torch
from lightning.fabric import wrappers
from lightning.pytorch.utilities.compile import to_uncompiled
from torch import nn

linear = nn.Linear(2, 2)
assert not isinstance(linear, wrappers.OptimizedModule)
assert loaded() == []
compiled = torch.compile(linear, backend="eager")
assert isinstance(compiled, wrappers.OptimizedModule)
assert wrappers._unwrap_compiled(compiled)[0] is linear
assert type(sys.modules["torch._dynamo"]).__name__ == "module"
assert torch._dynamo is sys.modules["torch._dynamo"]

# Optimizers that were used before are left alone by the compiler, as if it had been there.
zero_grad = torch.optim.Optimizer.add_param_group.__wrapped__
assert vars(zero_grad)["__dynamo_disable"] is not zero_grad
counted = []
def step(x):
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1)
    counted.append(len(optimizer.param_groups))
    return x + 1
assert torch.compile(step, backend="eager")(torch.ones(2)).tolist() == [2, 2]
assert counted == [1]

import scipy.signal
assert scipy.signal.hamming(4).tolist() == scipy.signal.windows.hamming(4).tolist()
assert len(scipy.signal.convolve([1, 2], [1, 2])) == 3
assert type(sys.modules["scipy.signal"]).__name__ == "module"
assert scipy.signal.hamming is scipy.signal.windows.hamming

from importlib.util import find_spec
if find_spec("transformers"):
    from torchmetrics.functional.text import bert
    from transformers.models.auto import AutoModel, AutoTokenizer
    assert bert.AutoModel.from_config == AutoModel.from_config
    assert bert.AutoTokenizer.from_pretrained == AutoTokenizer.from_pretrained
    import transformers
    assert transformers.AutoModel is AutoModel
    assert type(transformers).__name__ == "_LazyModule"
print("as it should be")
"""


def test_a_run_needs_none_of_them_and_what_needs_them_gets_them(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = cold(tmp_path, *SMALL, program=("-W", "error", "program.py"))
    assert done.code == 0, done
    assert done.out.endswith("as it should be\n")
