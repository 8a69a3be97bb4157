"""From a network to the small graph that serves: ONNX, int8, and its answers outside Spark."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from social_signals.nlp.finetune.encoder import PostClassifier, WordClassifier
from social_signals.nlp.finetune.pieces import batches

Network = TypeVar("Network", PostClassifier, WordClassifier)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
# The first layer reads the widest range of values: in int8 it alone costs entities 0.008 of F1; it weighs 5 MB.
CAREFUL = ("layer.0/",)


def export(model: nn.Module, path: Path, *, output: str = "logits", per_piece: bool) -> None:
    """Write the graph with any batch size and length; `output` is the name that Spark NLP asks for."""
    example = tuple(torch.ones(2, 8, dtype=torch.long) for _ in INPUTS)
    sizes = {0: "posts", 1: "pieces"}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            example,
            str(path),
            input_names=list(INPUTS),
            output_names=[output],
            dynamic_axes={**dict.fromkeys(INPUTS, sizes), output: sizes if per_piece else {0: "posts"}},
            opset_version=17,
            dynamo=False,
        )


class RowScaled(nn.Module):
    """An embedding in int8 with a scale for each row, which loses next to nothing; a scale for the whole table does."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        weight = embedding.weight.detach()
        scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("scale", scale)
        self.register_buffer("rows", torch.round(weight / scale).to(torch.int8))
        self.num_embeddings, self.embedding_dim = embedding.num_embeddings, embedding.embedding_dim

    def forward(self, ids: Tensor) -> Tensor:
        return self.rows[ids].float() * self.scale[ids]


def with_small_embedding(model: Network) -> Network:
    """The same model with its word embedding, half of its weights, in int8."""
    small = copy.deepcopy(model)
    small.encoder.bert.set_input_embeddings(RowScaled(small.encoder.bert.get_input_embeddings()))
    return small


class _Examples(CalibrationDataReader):  # type: ignore[misc,unused-ignore]
    """Texts, one at a time, whose values show how far each product of matrices reaches."""

    def __init__(self, rows: Sequence[list[int]]) -> None:
        self._rows = iter(rows)

    def get_next(self) -> dict[str, NDArray[np.int64]] | None:
        row = next(self._rows, None)
        return None if row is None else _inputs([row], 0)


def quantise(source: Path, target: Path, rows: Sequence[list[int]], *, kept: Sequence[str] = ()) -> None:
    """Static int8: weights per channel, what is multiplied with them by the range it has on `rows` (piece ids of texts).

    Ranges that are fixed make a text's answer independent of the texts it is read with, which ranges taken over a batch
    (dynamic int8) do not: there 2 of 100 labels depended on the batch. Products stay float32, so nothing is rounded twice.
    Nodes with one of `kept` in their name stay float32, and weights take 7 bits then, for with 8 the sums of a processor
    without VNNI overflow.
    """
    products = [node.name for node in onnx.load(source).graph.node if node.op_type == "MatMul"]
    quantize_static(
        source,
        target,
        _Examples(rows),
        quant_format=QuantFormat.QDQ,
        calibrate_method=CalibrationMethod.MinMax,
        per_channel=True,
        reduce_range=bool(kept),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"] if kept else ["MatMul", "Gather"],
        nodes_to_exclude=[name for name in products if any(part in name for part in kept)],
        extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"], "MatMulConstBOnly": True},
    )
    model = onnx.load(target)
    # names of the machine's folders and of the tools say nothing about the model
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.save(model, target)


def answer_with_the_label_alone(path: Path, labels: int) -> None:
    """Make the best label's logit 200 and the others' 0, in the file: Spark NLP writes each label's probability of each
    piece as text, which for `0.0` and `1.0` takes a fraction of the time; nothing here reads those of words."""
    model = onnx.load(path)
    graph = model.graph
    output = graph.output[0].name
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name == output:
                node.output[i] = "all_logits"
    graph.initializer.extend(
        [
            onnx.numpy_helper.from_array(np.array(labels, dtype=np.int64), "labels"),
            # the exponential of 200 leaves nothing of the others in a float, and does not overflow in a double
            onnx.numpy_helper.from_array(np.array([0.0, 200.0], dtype=np.float32), "not_it_and_it"),
        ]
    )
    graph.node.extend(
        [
            onnx.helper.make_node("ArgMax", ["all_logits"], ["best_label"], name="best_label", axis=-1, keepdims=0),
            onnx.helper.make_node("OneHot", ["best_label", "labels", "not_it_and_it"], [output], name="label_alone"),
        ]
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)


def answers_of(path: Path, rows: Sequence[list[int]], pad: int, *, batch_size: int = 16) -> list[NDArray[np.float32]]:
    """What a graph gives for each row of piece ids, in the order given."""
    graph = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: list[Any] = [None] * len(rows)
    for batch in batches([len(r) for r in rows], batch_size, None):
        for i, answer in zip(batch, graph.run(None, _inputs([rows[i] for i in batch], pad))[0], strict=True):
            found[i] = answer
    return found


def _inputs(rows: Sequence[list[int]], pad: int) -> dict[str, NDArray[np.int64]]:
    ids = np.full((len(rows), max(map(len, rows))), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))
