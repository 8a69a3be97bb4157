"""The networks: a BERT-family encoder that reads case, dropout, a linear head; and the small convolutional baseline."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from social_signals.core.errors import ConfigError
from social_signals.nlp.words import CASE_MARKS

FILES = ("config.json", "model.safetensors", "vocab.txt")
# Families whose encoders take embeddings in the place of ids and read WordPiece.
FAMILIES = ("bert", "distilbert", "electra")


def encoder_files(folder: Path) -> dict[str, bytes]:
    """The files of an encoder, by name. Raises ConfigError where one is missing or the family is another."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigError(
            f"train.encoder={folder} has no {', '.join(missing)}",
            hint="give the folder of a BERT-family model; transformers' save_pretrained(safe_serialization=True) writes one",
        )
    family = AutoConfig.from_pretrained(str(folder), local_files_only=True).model_type
    if family not in FAMILIES:
        raise ConfigError(f"train.encoder={folder} is a {family} model", hint=f"use one of {', '.join(FAMILIES)}")
    return {name: (folder / name).read_bytes() for name in FILES}


class CasedEncoder(nn.Module):
    """An encoder whose input ids carry case (`plain id + case * vocabulary size`); gives the vectors of its last layer."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
        options = {"add_pooling_layer": False} if config.model_type == "bert" else {}
        self.bert = AutoModel.from_pretrained(str(folder), local_files_only=True, **options)
        self.takes_types = config.model_type != "distilbert"
        self.size = self.bert.get_input_embeddings().num_embeddings
        self.width = config.hidden_size if config.model_type != "distilbert" else config.dim
        # Electra's embeddings may be narrower than its layers.
        self.case = nn.Embedding(1 + len(CASE_MARKS), self.bert.get_input_embeddings().embedding_dim)
        nn.init.zeros_(self.case.weight)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        words = self.bert.get_input_embeddings()(input_ids % self.size) + self.case(input_ids // self.size)
        if self.takes_types:
            return self.bert(
                inputs_embeds=words, attention_mask=attention_mask, token_type_ids=token_type_ids
            ).last_hidden_state
        # Serving hands over all three inputs, so the graph must have them all.
        unused = 0.0 * token_type_ids.unsqueeze(-1).to(words.dtype)
        return self.bert(inputs_embeds=words + unused, attention_mask=attention_mask).last_hidden_state


def masked_mean(vectors: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean of the vectors of what is no padding, a row a text."""
    weights = attention_mask.unsqueeze(-1).to(vectors.dtype)
    return (vectors * weights).sum(1) / weights.sum(1).clamp(min=1.0)


class PostClassifier(nn.Module):
    """Masked mean pooling, dropout, a linear head: one row of logits a text."""

    def __init__(self, folder: Path, labels: int, *, dropout: float) -> None:
        super().__init__()
        self.encoder = CasedEncoder(folder)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.encoder.width, labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        vectors = self.encoder(input_ids, attention_mask, token_type_ids)
        return self.head(self.dropout(masked_mean(vectors, attention_mask)))


class WordClassifier(nn.Module):
    """Dropout and a linear head on every piece: a row of logits a piece, read at the first piece of a word."""

    def __init__(self, folder: Path, labels: int, *, dropout: float) -> None:
        super().__init__()
        self.encoder = CasedEncoder(folder)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.encoder.width, labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        return self.head(self.dropout(self.encoder(input_ids, attention_mask, token_type_ids)))


class PostEmbedder(nn.Module):
    """Masked mean pooling of a plain encoder: a vector a text, in the place of logits."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.encoder = CasedEncoder(folder)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        vectors = self.encoder(input_ids, attention_mask, token_type_ids)
        # a third dimension, as serving expects of hidden states
        return masked_mean(vectors, attention_mask).unsqueeze(1)


class ConvolutionalClassifier(nn.Module):
    """Word vectors, filters over 3, 4 and 5 words, the largest answer of each, dropout, a linear head (Kim, 2014).

    With `per_word`, one layer of filters over 5 words gives a row of logits a word instead.
    """

    def __init__(self, vectors: Tensor, labels: int, *, filters: int = 100, per_word: bool = False) -> None:
        super().__init__()
        width = vectors.shape[1]
        self.per_word = per_word
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=0)
        sizes = (5,) if per_word else (3, 4, 5)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, size, padding=size // 2) for size in sizes)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(filters * len(sizes), labels)

    def forward(self, ids: Tensor) -> Tensor:
        vectors = self.embedding(ids).transpose(1, 2)
        answers = [torch.relu(convolution(vectors)) for convolution in self.convolutions]
        if self.per_word:
            return self.head(self.dropout(answers[0].transpose(1, 2)))
        return self.head(self.dropout(torch.cat([answer.amax(2) for answer in answers], 1)))
