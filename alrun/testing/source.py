"""Conformance suite of data sources."""

from __future__ import annotations

from typing import Any

import torch

from alrun.core.protocols.pool import EmbeddedSource, Source
from alrun.core.seeding import Seeds
from alrun.core.types import Task
from alrun.pool.labels import num_classes
from alrun.pool.view import View

__all__ = ["SourceConformance"]


class SourceConformance:
    """What every source keeps to. Subclass it and write ``source``."""

    def source(self) -> Source:
        """Return a new source, each time of the same data."""
        raise NotImplementedError

    def test_a_row_is_the_same_by_itself_and_among_others(self) -> None:
        """Inputs, targets and embeddings of a row do not depend on the other rows that are read."""
        source = self.source()
        rows = torch.tensor([2, 0, len(source) - 1])
        together = source.targets(rows)
        assert together.equal(torch.cat([source.targets(row[None]) for row in rows])), "targets depend on other rows"
        inputs: Any = source.inputs(rows)
        if isinstance(inputs, torch.Tensor):
            alone = torch.cat([source.inputs(row[None]) for row in rows])
            assert inputs.equal(alone), "inputs depend on other rows"
            assert inputs.shape[1:] == source.spec.input_shape
        if isinstance(source, EmbeddedSource) and (vectors := source.embeddings(rows)) is not None:
            vector = source.embeddings(rows[1:2])
            assert vector is not None
            assert vectors[1:2].equal(vector)

    def test_targets_are_what_the_spec_says(self) -> None:
        """Classes are below their number, of each task; numbers are finite."""
        source = self.source()
        targets, spec = source.targets(torch.arange(min(len(source), 256))), source.spec
        if spec.task is Task.REGRESSION:
            assert targets.shape[1:] == (spec.num_outputs,)
            assert targets.isfinite().all()
            return
        counts = num_classes(spec).expand(spec.target_shape or (1,)).tolist()
        columns = targets.reshape(len(targets), -1)
        assert columns.shape[1] == len(counts)
        assert ((columns >= 0) & (columns < torch.tensor(counts))).all(), "a target is not a class of the data"

    def test_the_split_is_a_partition_by_seed(self) -> None:
        """Each row is in one part, unless a transformation left it out; the seed alone decides in which."""
        source = self.source()
        split, again = source.split(Seeds(0)), self.source().split(Seeds(0))
        rows = torch.cat([split.train, split.validation, split.test])
        assert len(rows.unique()) == len(rows), "a row is in two parts"
        whole = isinstance(source, View) or rows.sort().values.equal(torch.arange(len(source)))
        assert whole, "the split is not a partition"
        assert split.train.equal(again.train)
        assert split.test.equal(again.test), "the split does not depend on the seed alone"
        assert torch.isin(split.labeled, split.train).all()

    def test_the_fingerprint_is_that_of_the_data(self) -> None:
        """Equal data have equal fingerprints, whatever was read of them."""
        source = self.source()
        before = source.fingerprint()
        source.inputs(torch.arange(2))
        assert before == source.fingerprint() == self.source().fingerprint(), "the fingerprint changes"
