"""What a text model is trained on and how. No torch here: a job checks all of it before anything heavy loads."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.errors import ConfigError

TEXT_COLUMN, LABEL_COLUMN, ID_COLUMN = "text", "label", "id"


@dataclass
class LabelledParams:
    """train, valid: files (globs, `.gz` too), Delta folders or tables; one listed twice is seen twice an epoch.

    Posts come as TSV lines with `columns` (validation files with `valid_columns`, where they differ), or as rows with columns
    text and label; sentences as CoNLL (token TAB BIO tag, a blank line between), or as rows with arrays tokens and tags. Without `valid` a share of the training texts is kept apart.
    Whatever has the words of a validation text is never trained on, nor is an id of the file `leave_out` (last column).
    """

    train: list[str] = field(default_factory=list)
    valid: list[str] = field(default_factory=list)
    valid_fraction: float = 0.1
    columns: list[str] = field(default_factory=lambda: [TEXT_COLUMN, LABEL_COLUMN])
    valid_columns: list[str] = field(default_factory=list)
    leave_out: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.valid_fraction < 1:
            raise ConfigError(
                f"labelled.valid_fraction is {self.valid_fraction}",
                hint="give a share between 0 and 1, for example 0.1",
            )
        for name, columns in (("columns", self.columns), ("valid_columns", self.valid_columns or self.columns)):
            if missing := {TEXT_COLUMN, LABEL_COLUMN} - set(columns):
                raise ConfigError(
                    f"labelled.{name}={list(columns)} names no {' and no '.join(sorted(missing))}",
                    hint=f"name every column of the file in order, for example labelled.{name}=[id, label, text]",
                )
        if self.leave_out and ID_COLUMN not in self.columns:
            raise ConfigError(
                "labelled.leave_out lists ids, but labelled.columns has no id", hint="name the column that is the id"
            )


@dataclass
class FineTuneParams:
    """How an encoder is fine-tuned with dropout and a linear head.

    encoder: folder of a BERT-family model (config.json, model.safetensors, vocab.txt). lr, head_lr: top learning rates of the
    encoder and of what is new, warmed up over a tenth of the steps, then down in a line. class_weights: labels weigh
    inversely to their frequency (sentiment). freeze_embeddings: the vectors of word pieces stay as they are, so that pieces that
    no labelled text has keep their place among the others. case_dropout: share of texts read without their case. ema_decay: of
    the running mean of the weights, which is what is kept; 0 keeps the last ones. checks_per_epoch, patience: how often the
    validation score is looked at, and how many looks without a better one end the training. workers: processes, each with
    `threads` threads or one GPU; on a cluster each is a Spark task. mixed_precision: bfloat16, or float16 on GPUs without it.
    """

    encoder: str = ""
    epochs: int = 1
    batch_size: int = 32
    lr: float = 8e-5
    head_lr: float = 1e-3
    dropout: float = 0.1
    label_smoothing: float = 0.0
    class_weights: bool = True
    freeze_embeddings: bool = False
    case_dropout: float = 0.0
    ema_decay: float = 0.0
    checks_per_epoch: int = 2
    patience: int = 3
    workers: int = 1
    threads: int = 2
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "checks_per_epoch", "patience", "workers", "threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train.{name} is {getattr(self, name)}", hint="give a whole number, 1 or more")
        for name in ("lr", "head_lr"):
            if getattr(self, name) <= 0:
                raise ConfigError(
                    f"train.{name} is {getattr(self, name)}", hint="give a rate above 0, for example 8e-5"
                )
        for name in ("dropout", "label_smoothing", "case_dropout", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"train.{name} is {getattr(self, name)}", hint="give a share from 0 to below 1")


@dataclass
class CardParams:
    """What the card of the model says of its origin, in words; where empty, the names of folders and files.

    valid_names: what the scores on each of several validation sets are called.
    """

    what: str = ""
    encoder: str = ""
    licence: str = ""
    trained_on: list[str] = field(default_factory=list)
    measured_on: list[str] = field(default_factory=list)
    valid_names: list[str] = field(default_factory=list)


@dataclass
class BaselineParams:
    """What a fine-tuned model is compared with on the same texts: counted words with logistic regression and with a decision
    tree (Spark ML), and a small convolutional network over word vectors (PyTorch).

    word_vectors: a text file, `.gz` or not, a word and its numbers a line (GloVe's form), on the driver; null learns them.
    """

    enabled: bool = True
    word_vectors: str | None = None
    epochs: int = 3
