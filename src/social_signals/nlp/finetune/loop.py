"""Fine-tuning in a process of its own, one of a group that PyTorch's own launcher starts under Spark's TorchDistributor."""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from social_signals.evaluation.metrics import log_loss
from social_signals.evaluation.text import entity_f1, macro_recall, tags_in_tagset, tagset_of
from social_signals.nlp.entities import tags_of_tokens
from social_signals.nlp.finetune.encoder import PostClassifier, WordClassifier
from social_signals.nlp.finetune.labelled import ENTITY_LABELS, POST_LABELS, LabelledSentence, WordTargets
from social_signals.nlp.finetune.params import FineTuneParams
from social_signals.nlp.finetune.pieces import Vocabulary, batches, without_case
from social_signals.nlp.words import split_words

log = logging.getLogger(__name__)
SAID_EVERY_S = 15.0


@dataclass(frozen=True)
class Work:
    """What travels to the processes: the encoder's files, the examples as plain lists, and how to train.

    asked: texts that the trained model is to say of how likely each has the last label of its task (tasks of POST_LABELS).
    """

    task: str
    files: dict[str, bytes]
    params: FineTuneParams
    seed: int
    device: str
    train: Sequence[Any]
    valid: Sequence[Any]
    asked: Sequence[str] = ()


@dataclass(frozen=True)
class Trained:
    """The weights with the best validation score (safetensors), that score, and every look: (step, score, training loss).

    answers: what was `asked`, a probability a text.
    """

    weights: bytes
    score: float
    looks: list[tuple[int, float, float]]
    steps: int
    seconds: float
    device: str
    answers: list[float] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Keep it in a folder; the weights come first, so that a folder with a description is whole."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "weights.safetensors").write_bytes(self.weights)
        said = {k: v for k, v in vars(self).items() if k != "weights"}
        (folder / "trained.json").write_text(json.dumps(said), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Trained | None:
        """What `write` kept there, or nothing."""
        if not (folder / "trained.json").is_file():
            return None
        said = json.loads((folder / "trained.json").read_text(encoding="utf-8"))
        looks = [(int(step), float(score), float(loss)) for step, score, loss in said.pop("looks")]
        return Trained((folder / "weights.safetensors").read_bytes(), looks=looks, **said)


@dataclass
class Learner:
    """A network with its examples: their lengths, the loss of a batch of them, the validation score, and what it is asked."""

    model: nn.Module
    lengths: list[int]
    loss: Callable[[nn.Module, list[int], random.Random], Tensor]
    score: Callable[[nn.Module], float]
    best: dict[str, Tensor] = field(default_factory=dict)
    answer: Callable[[nn.Module], list[float]] = lambda _: []


def padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and (zero) token types of a batch, padded to its longest row."""
    ids = torch.full((len(rows), max(map(len, rows))), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids.to(device), mask.to(device), torch.zeros_like(ids).to(device)


def train_here(work: Work) -> Trained | None:
    """Train in this process, which the launcher gave a rank; the first one answers, the others answer nothing."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    params = work.params
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if work.device == "cuda":
        if not torch.cuda.is_available():
            raise RuntimeError("platform.device=cuda, but PyTorch sees no GPU in the process that trains")
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        torch.cuda.set_device(device)
    torch.set_num_threads(params.threads)
    if world > 1:
        dist.init_process_group("nccl" if work.device == "cuda" else "gloo")
    random.seed(work.seed)
    np.random.seed(work.seed)
    torch.manual_seed(work.seed)
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in work.files.items():
            (Path(scratch) / name).write_bytes(content)
        vocabulary = Vocabulary((Path(scratch) / "vocab.txt").read_text(encoding="utf-8").splitlines())
        make = _post_learner if work.task in POST_LABELS else _entity_learner
        learner = make(work, Path(scratch), vocabulary, device)
    try:
        return _fit(learner, work, device, rank=rank, world=world)
    finally:
        if world > 1:
            dist.destroy_process_group()
            if int(os.environ.get("LOCAL_RANK", "0")) > 0:
                # Processes of one launcher share the file of the answer, and only the first one's is an answer.
                sys.exit(0)


def _fit(learner: Learner, work: Work, device: torch.device, *, rank: int, world: int) -> Trained | None:
    params = work.params
    model = learner.model.to(device)
    if params.freeze_embeddings:
        model.encoder.bert.get_input_embeddings().weight.requires_grad_(False)
    network: nn.Module = DistributedDataParallel(model) if world > 1 else model
    average = (
        AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(params.ema_decay)) if params.ema_decay > 0 else None
    )
    steps_an_epoch = -(-len(learner.lengths) // (params.batch_size * world))
    steps = params.epochs * steps_an_epoch
    look_every = max(1, steps_an_epoch // params.checks_per_epoch)
    adam, schedule = _optimizer(model, params, steps=steps)
    half = torch.bfloat16 if device.type == "cpu" or torch.cuda.is_bf16_supported() else torch.float16
    scaler = torch.amp.GradScaler(device.type, enabled=params.mixed_precision and half == torch.float16)
    rng, own = random.Random(work.seed), random.Random(work.seed + rank)
    looks: list[tuple[int, float, float]] = []
    best, worse, step = float("-inf"), 0, 0
    started = said = time.monotonic()
    recent = 0.0
    is_over = False
    for _ in range(params.epochs):
        groups = list(batches(learner.lengths, params.batch_size, rng))
        # every process takes as many, or the last step would wait for ever
        groups += groups[: -len(groups) % world]
        for group in groups[rank::world]:
            network.train()
            precision = torch.autocast(device.type, dtype=half) if params.mixed_precision else nullcontext()
            with precision:
                loss = learner.loss(network, group, own)
            scaler.scale(loss).backward()
            scaler.unscale_(adam)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(adam)
            scaler.update()
            schedule.step()
            adam.zero_grad(set_to_none=True)
            step += 1
            if average is not None:
                average.update_parameters(model)
            recent = 0.98 * recent + 0.02 * loss.item() if recent else loss.item()
            if rank == 0 and time.monotonic() - said > SAID_EVERY_S:
                said = time.monotonic()
                log.info("step %d of %d, loss %.3f, %.0f s", step, steps, recent, said - started)
            if step % look_every == 0 or step == steps:
                kept = model if average is None else average.module
                score = learner.score(kept) if rank == 0 else 0.0
                if rank == 0:
                    looks.append((step, round(score, 4), round(recent, 4)))
                    log.info("step %d of %d: validation score %.4f", step, steps, score)
                if score > best:
                    best, worse = score, 0
                    learner.best = {k: v.detach().cpu().clone() for k, v in kept.state_dict().items()}
                else:
                    worse += 1
                is_over = _agreed(worse >= params.patience, device, world)
                if is_over:
                    break
        if is_over:
            log.info("no better score in %d looks: training ends here", params.patience)
            break
    if rank != 0:
        return None
    weights = save({k: v.contiguous() for k, v in learner.best.items()})
    model.load_state_dict(learner.best)
    answers = learner.answer(model)
    return Trained(weights, best, looks, step, round(time.monotonic() - started, 1), str(device), answers)


def _agreed(is_over: bool, device: torch.device, world: int) -> bool:
    """The first process decides for all."""
    if world == 1:
        return is_over
    flag = torch.tensor([int(is_over)], device=device)
    dist.broadcast(flag, src=0)
    return bool(flag.item())


def _optimizer(
    model: nn.Module, params: FineTuneParams, *, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with a tenth of warm-up and a linear way down; the new parts (head, case) learn faster than the encoder."""

    def is_new(name: str) -> bool:
        return name.startswith("head") or ".case." in name

    learnt = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    known = [p for name, p in learnt if not is_new(name)]
    fresh = [p for name, p in learnt if is_new(name)]
    adam = torch.optim.AdamW(
        [{"params": known, "lr": params.lr}, {"params": fresh, "lr": params.head_lr}],
        weight_decay=0.01,
        betas=(0.9, 0.98),
        fused=True,
    )
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda s: min((s + 1) / warm, max(0.0, (steps - s) / max(1, steps - warm)))
    )
    return adam, schedule


def _post_learner(work: Work, folder: Path, vocabulary: Vocabulary, device: torch.device) -> Learner:
    """Examples are (text, label) pairs; the score is macro recall for sentiment, and less the log loss where there are two labels."""
    params = work.params
    labels = POST_LABELS[work.task]

    def words(texts: Iterable[str]) -> list[list[str]]:
        return [[word.text for word in split_words(text)] for text in texts]

    def encoded(texts: list[list[str]]) -> list[list[int]]:
        return [vocabulary.encode(text)[0] for text in texts]

    texts = words(example[0] for example in work.train)
    rows, valid_rows = encoded(texts), encoded(words(example[0] for example in work.valid))
    plain = encoded([without_case(text) for text in texts]) if params.case_dropout else rows
    targets = torch.tensor([labels.index(label) for _, label in work.train], device=device)
    counts = torch.bincount(targets, minlength=len(labels))
    weights = (counts.sum() / (len(labels) * counts)).float() if params.class_weights else None
    loss_of = nn.CrossEntropyLoss(weight=weights, label_smoothing=params.label_smoothing)

    def loss(model: nn.Module, group: list[int], rng: random.Random) -> Tensor:
        chosen = [(plain if rng.random() < params.case_dropout else rows)[i] for i in group]
        logits = model(*padded(chosen, vocabulary.pad, device))
        return loss_of(logits.float(), targets[group])

    def chances(model: nn.Module, of: list[list[int]]) -> list[list[float]]:
        """A probability a label of each row of pieces."""
        model.eval()
        said: list[list[float]] = [[] for _ in of]
        with torch.inference_mode():
            for group in batches([len(row) for row in of], 64, None):
                logits = model(*padded([of[i] for i in group], vocabulary.pad, device))
                for i, row in zip(group, torch.softmax(logits.float(), -1).tolist(), strict=True):
                    said[i] = row
        return said

    def score(model: nn.Module) -> float:
        said, truth = chances(model, valid_rows), [example[1] for example in work.valid]
        if len(labels) == 2:
            return -log_loss([labels.index(label) for label in truth], [row[1] for row in said])
        return macro_recall(truth, [labels[max(range(len(labels)), key=row.__getitem__)] for row in said])

    def answer(model: nn.Module) -> list[float]:
        return [row[-1] for row in chances(model, encoded(words(work.asked)))] if work.asked else []

    model = PostClassifier(folder, len(labels), dropout=params.dropout)
    return Learner(model, [len(row) for row in rows], loss, score, answer=answer)


def _entity_learner(work: Work, folder: Path, vocabulary: Vocabulary, device: torch.device) -> Learner:
    """Train examples are WordTargets, validation examples lists of sentences, a list a data set; the score is their mean F1."""
    params = work.params
    examples: Sequence[WordTargets] = [e for e in work.train if e.words]
    allowed = [
        torch.tensor([[label in labels for label in ENTITY_LABELS] for labels in example.allowed])
        for example in examples
    ]

    def logits_of(model: nn.Module, encoded: list[tuple[list[int], list[int]]]) -> list[Tensor]:
        logits = model(*padded([ids for ids, _ in encoded], vocabulary.pad, device)).float()
        return [logits[i, firsts] for i, (_, firsts) in enumerate(encoded)]

    def loss(model: nn.Module, group: list[int], rng: random.Random) -> Tensor:
        encoded, targets = [], []
        for i in group:
            words = examples[i].words
            encoded.append(vocabulary.encode(without_case(words) if rng.random() < params.case_dropout else words))
            targets.append(allowed[i][: len(encoded[-1][1])])
        chances = torch.log_softmax(torch.cat(logits_of(model, encoded)), -1)
        # what a word may be counts together: a label its data set does not know is neither right nor wrong
        impossible = ~torch.cat(targets).to(device)
        return -torch.logsumexp(chances.masked_fill(impossible, -1e9), -1).mean()

    def score(model: nn.Module) -> float:
        model.eval()
        return sum(entity_score(model, sentences) for sentences in work.valid) / len(work.valid)

    def entity_score(model: nn.Module, sentences: Sequence[LabelledSentence]) -> float:
        tagset = tagset_of(tag for s in sentences for tag in s.tags)
        encoded = [vocabulary.encode([w.text for w in split_words(" ".join(s.tokens))]) for s in sentences]
        said: list[list[str]] = [[] for _ in sentences]
        with torch.inference_mode():
            for group in batches([len(ids) for ids, _ in encoded], 64, None):
                for i, logits in zip(group, logits_of(model, [encoded[i] for i in group]), strict=True):
                    labels = [ENTITY_LABELS[best] for best in logits.argmax(-1).tolist()]
                    said[i] = tags_in_tagset(tags_of_tokens(sentences[i].tokens, labels), tagset)
        return entity_f1([s.tags for s in sentences], said).f1

    model = WordClassifier(folder, len(ENTITY_LABELS), dropout=params.dropout)
    return Learner(model, [len(example.words) for example in examples], loss, score)
