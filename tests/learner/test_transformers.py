"""Networks of the transformers library by config: pooling, files, rates, adapters, and what is refused."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.types import Task, TaskSpec
from alrun.learner.transformers import Transformers

transformers = pytest.importorskip("transformers")

ADAM = partial(torch.optim.AdamW, lr=0.01)
TEXT = TaskSpec(Task.CLASSIFICATION, (6,), 3)
IMAGES = TaskSpec(Task.CLASSIFICATION, (1, 16, 16), 3)
BERT: dict[str, Any] = json.loads(Path(__file__).with_name("bert.json").read_text())
GPT2 = {"model_type": "gpt2", "vocab_size": 20, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 8}
RESNET = {"model_type": "resnet", "num_channels": 1, "embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1]}
VIT = {**BERT, "model_type": "vit", "image_size": 16, "patch_size": 8, "num_channels": 1}


def written(folder: Path, config: Any) -> str:
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def made(folder: Path, config: Any = BERT, spec: TaskSpec = TEXT, **options: Any) -> Transformers:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transformers(spec, ADAM, written(folder, config), **options)


def tokens() -> Tensor:
    return torch.tensor([[5, 6, 7, 0, 0, 0], [5, 6, 7, 8, 9, 10], [3, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]).float()


@pytest.mark.parametrize(("config", "spec"), [(BERT, TEXT), (GPT2, TEXT), (RESNET, IMAGES), (VIT, IMAGES)])
def test_a_config_is_all_that_a_learner_needs(config: Any, spec: TaskSpec, tmp_path: Path) -> None:
    learner = made(tmp_path, config, spec)
    inputs = tokens() if spec is TEXT else torch.rand(4, 1, 16, 16)
    learner.eval()
    assert learner(inputs).shape == (4, 3)
    torch.testing.assert_close(learner(inputs[:1]), learner(inputs)[:1])
    again = made(tmp_path, config, spec).eval()
    assert torch.equal(again(inputs), learner(inputs))
    loss = learner.train().training_step((inputs, torch.tensor([0, 1, 2, 0])))
    loss.backward()
    assert learner.body.head.weight.grad is not None


def test_padding_counts_for_nothing(tmp_path: Path) -> None:
    learner = made(tmp_path).eval()
    whole, short = tokens()[:1], tokens()[:1, :3]
    torch.testing.assert_close(learner(whole), learner(short))
    as_mapping = {"input_ids": whole.long(), "attention_mask": torch.tensor([[1, 1, 1, 0, 0, 0]])}
    assert torch.equal(learner(as_mapping), learner(whole))
    hidden = learner.body.backbone(input_ids=short.long())["last_hidden_state"]
    torch.testing.assert_close(learner(whole), learner.body.head(hidden.mean(dim=1)))
    first = made(tmp_path, pooling="first").eval()
    torch.testing.assert_close(first(whole), first.body.head(hidden[:, 0]))


@pytest.mark.parametrize("around", [False, True])
def test_weights_are_those_of_the_file(around: bool, tmp_path: Path) -> None:
    config = transformers.BertConfig(**{name: value for name, value in BERT.items() if name != "model_type"})
    torch.manual_seed(3)
    model = (transformers.BertForSequenceClassification if around else transformers.BertModel)(config)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, tmp_path / "w.safetensors")
    learner = made(tmp_path, weights=str(tmp_path / "w.safetensors"))
    wanted = (model.bert if around else model).state_dict()
    found: Any = learner.body.backbone.state_dict()
    assert all(value.equal(found[name]) for name, value in wanted.items())
    with pytest.raises(ConfigError, match="shape"):
        made(tmp_path, {**BERT, "vocab_size": 21}, weights=str(tmp_path / "w.safetensors"))
    with pytest.raises(ConfigError, match="lacks"):
        made(tmp_path, {**BERT, "num_hidden_layers": 3}, weights=str(tmp_path / "w.safetensors"))
    torch.save(model.state_dict(), tmp_path / "w.bin")
    with pytest.raises(ConfigError, match="not a safetensors file"):
        made(tmp_path, weights=str(tmp_path / "w.bin"))


def test_rates_fall_with_the_distance_from_the_head(tmp_path: Path) -> None:
    learner = made(tmp_path, backbone_rate=0.1, layer_decay=0.5)
    optimizer: Any = learner.configure_optimizers()
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    rates = {names[id(one)]: group["lr"] for group in optimizer.param_groups for one in group["params"]}
    assert rates.keys() == dict(learner.named_parameters()).keys()
    assert rates["body.head.weight"] == pytest.approx(0.01)
    assert rates["body.backbone.encoder.layer.1.output.dense.weight"] == pytest.approx(0.001)
    assert rates["body.backbone.encoder.layer.0.output.dense.weight"] == pytest.approx(0.0005)
    assert rates["body.backbone.embeddings.word_embeddings.weight"] == pytest.approx(0.00025)
    assert learner.configure_optimizers().param_groups[0]["lr"] == pytest.approx(0.01)


def stepped(learner: Transformers) -> dict[str, bool]:
    """Return which weights one step changes."""
    before = {name: value.detach().clone() for name, value in learner.named_parameters()}
    learner.train()
    optimizer: Any = learner.configure_optimizers()
    learner.training_step((tokens(), torch.tensor([0, 1, 2, 0]))).backward()
    optimizer.step()
    return {name: not value.equal(before[name]) for name, value in learner.named_parameters()}


def test_a_frozen_backbone_stays_as_it_is(tmp_path: Path) -> None:
    learner = made(tmp_path, frozen=True)
    moved = stepped(learner)
    assert {name for name, has in moved.items() if has} == {"body.head.weight", "body.head.bias"}
    assert not any(part.training for part in learner.body.backbone.modules())
    assert learner.body.dropout.training


def test_adapters_are_trained_in_place_of_the_backbone(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    learner = made(tmp_path, lora_rank=2)
    features = [one.eval().body._features(tokens()) for one in (learner, made(tmp_path))]
    assert torch.equal(*features)
    moved = {name for name, has in stepped(learner).items() if has}
    assert any("lora_B" in name for name in moved)
    assert all("lora_" in name or "head" in name for name in moved)
    heir = made(tmp_path, lora_rank=2)
    heir.load_state_dict(learner.state_dict())
    assert torch.equal(heir.eval()(tokens()), learner.eval()(tokens()))


def test_a_run_does_not_go_on_with_another_model(tmp_path: Path) -> None:
    state = made(tmp_path).state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    made(tmp_path).load_state_dict(state)
    with pytest.raises(StrategyError, match="other files"):
        made(tmp_path, {**BERT, "hidden_act": "relu"}).load_state_dict(state)


def test_a_config_brings_no_code_and_no_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = {
        "auto_map": {"AutoModel": "evil--evil.Model"},
        "_attn_implementation": "evil/kernel",
        "attn_implementation": "evil/kernel",
        "quantization_config": {"quant_method": "evil"},
        "dtype": "bfloat16",
        "_name_or_path": "evil/evil",
    }
    learner = made(tmp_path, {**BERT, **hostile})
    assert {parameter.dtype for parameter in learner.parameters()} == {torch.float32}
    assert torch.equal(learner.eval()(tokens()), made(tmp_path).eval()(tokens()))


@pytest.mark.parametrize(
    ("config", "options", "said"),
    [
        ({**BERT, "model_type": "evil"}, {}, "no model type 'evil'"),
        ({"hidden_size": 8}, {}, "no model type None"),
        ([], {}, "not a config"),
        ({**BERT, "hidden_size": 7}, {}, "config.json: "),
        (BERT, {"pooling": "max"}, "learner.pooling"),
        (BERT, {"frozen": True, "lora_rank": 2}, "learner.frozen=false"),
        (
            BERT,
            {"layer_decay": 2.0, "backbone_rate": -1, "dropout": 1.0},
            r"dropout(.|\n)*backbone_rate(.|\n)*layer_decay",
        ),
        (BERT, {"weights": "missing.safetensors"}, "no file"),
    ],
)
def test_what_it_cannot_be_is_said(config: Any, options: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        made(tmp_path, config, **options)
    with pytest.raises(ConfigError, match="models are not downloaded"):
        Transformers(TEXT, ADAM, "bert-base-uncased")


def test_the_embedding_is_what_the_head_gets(tmp_path: Path) -> None:
    from alrun.core.embedding import embedding_layer

    learner = made(tmp_path)
    assert embedding_layer(learner) is learner.body.head
    assert isinstance(learner.body.head, nn.Linear)
