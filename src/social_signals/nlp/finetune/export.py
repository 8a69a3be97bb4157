"""From a network to the small graph that serves: ONNX, int8, and its answers outside Spark."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from social_signals.nlp.finetune.encoder import WordClassifier
from social_signals.nlp.finetune.pieces import batches

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


def with_small_embedding(model: WordClassifier) -> WordClassifier:
    """The same model with its word embedding, half of its weights, in int8."""
    small = copy.deepcopy(model)
    small.encoder.bert.set_input_embeddings(RowScaled(small.encoder.bert.get_input_embeddings()))
    return small


def quantise(source: Path, target: Path, *, kept: Sequence[str] | None = None) -> None:
    """Dynamic int8, weights per channel.

    With `kept`, the careful way: products of matrices only, those with one of these parts in their name stay float32, and
    weights take 7 bits, for with 8 the sums of a processor without VNNI overflow (7 lost less on one that has it too).
    """
    careful: dict[str, Any] = {}
    if kept is not None:
        products = [node.name for node in onnx.load(source).graph.node if node.op_type == "MatMul"]
        excluded = [name for name in products if any(part in name for part in kept)]
        careful = {"reduce_range": True, "op_types_to_quantize": ["MatMul"], "nodes_to_exclude": excluded}
    quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8, **careful)
    model = onnx.load(target)
    # names of the machine's folders and of the tools say nothing about the model
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.save(model, target)


def answers_of(path: Path, rows: Sequence[list[int]], pad: int, *, batch_size: int = 1) -> list[NDArray[np.float32]]:
    """What a graph gives for each row of piece ids, in the order given.

    One row at a time unless asked: dynamic int8 takes its scales over a whole batch, and serving reads posts one by one.
    """
    graph = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: list[Any] = [None] * len(rows)
    for batch in batches([len(r) for r in rows], batch_size, None):
        ids = np.full((len(batch), max(len(rows[i]) for i in batch)), pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(batch):
            ids[row, : len(rows[i])] = rows[i]
            mask[row, : len(rows[i])] = 1
        inputs = dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))
        for i, answer in zip(batch, graph.run(None, inputs)[0], strict=True):
            found[i] = answer
    return found
