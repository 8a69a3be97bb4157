"""Fine-tune the sentiment model on the SemEval tweets and measure it on TweetEval's validation set, which it never trains on.

python train_sentiment.py --data DIR --encoder DIR --out checkpoint.pt
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import logging
import random
import time
from pathlib import Path

import torch
from encoder import PostClassifier, Vocabulary, batches, optimizer, padded, seed_everything
from torch import nn

from social_signals.evaluation.text import macro_recall
from social_signals.nlp.words import split_words

LABELS = ("negative", "neutral", "positive")
logger = logging.getLogger(__name__)


def training_posts(data: Path) -> list[tuple[str, str]]:
    """(text, label) of the SemEval tweets, each id once, without any tweet of TweetEval's validation set."""
    folder = data / "semeval2017_task4a"
    # the id is the second column; the first is the name of the file
    with (folder / "ids_also_in_tweeteval_val.tsv").open(encoding="utf-8") as lines:
        held_out_ids = {row[1] for row in csv.reader(lines, delimiter="\t") if len(row) > 1}
    held_out_texts = {words_key(text) for text, _ in validation_posts(data)}
    posts: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.glob("twitter-*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            for columns in (line.rstrip().split("\t") for line in lines):
                if len(columns) > 2 and columns[0] not in held_out_ids and columns[1] in LABELS:
                    posts.setdefault(columns[0], (columns[2], columns[1]))
    return [(text, label) for text, label in posts.values() if words_key(text) not in held_out_texts]


def validation_posts(data: Path) -> list[tuple[str, str]]:
    """(text, label) of TweetEval's sentiment validation set."""
    folder = data / "tweeteval_sentiment"
    with (
        gzip.open(folder / "val_text.txt.gz", "rt", encoding="utf-8", newline="\n") as texts,
        gzip.open(folder / "val_labels.txt.gz", "rt", encoding="utf-8") as labels,
    ):
        return [(t.rstrip("\n"), LABELS[int(v)]) for t, v in zip(texts, labels, strict=True)]


def words_key(text: str) -> tuple[str, ...]:
    return tuple(word.text for word in split_words(text))


def predict(model: nn.Module, rows: list[list[int]], pad: int) -> list[str]:
    """The likeliest label of each row, in the order given."""
    model.eval()
    labels = [""] * len(rows)
    with torch.inference_mode():
        for batch in batches([len(r) for r in rows], 64, None):
            for i, best in zip(batch, model(*padded([rows[i] for i in batch], pad)).argmax(-1).tolist(), strict=True):
                labels[i] = LABELS[best]
    return labels


def tfidf_baseline(train: list[tuple[str, str]], validation: list[tuple[str, str]]) -> float:
    """Macro recall of TF-IDF (words and pairs) with a balanced logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(C=2.0, class_weight="balanced", max_iter=300),
    )
    pipeline.fit([t for t, _ in train], [v for _, v in train])
    return macro_recall([v for _, v in validation], list(pipeline.predict([t for t, _ in validation])))


def train(args: argparse.Namespace) -> dict[str, object]:
    seed_everything(args.seed)
    vocabulary = Vocabulary(args.encoder)
    posts, validation = training_posts(args.data), validation_posts(args.data)
    if args.limit:
        posts = random.Random(args.seed).sample(posts, args.limit)
    rows = [vocabulary.encode([w.text for w in split_words(text)])[0] for text, _ in posts]
    targets = torch.tensor([LABELS.index(label) for _, label in posts])
    counts = torch.bincount(targets, minlength=len(LABELS))
    logger.info("%d posts to train on: %s", len(posts), dict(zip(LABELS, counts.tolist(), strict=True)))

    model = PostClassifier(args.encoder, len(LABELS))
    weights = (counts.sum() / (len(LABELS) * counts)).float()
    loss_of = nn.CrossEntropyLoss(weight=weights, label_smoothing=args.label_smoothing)
    rng = random.Random(args.seed)
    steps_an_epoch = -(-len(rows) // args.batch_size)
    adam, schedule = optimizer(model, lr=args.lr, head_lr=args.head_lr, steps=args.epochs * steps_an_epoch)
    started, step = time.monotonic(), 0
    for _ in range(args.epochs):
        model.train()
        for batch in batches([len(r) for r in rows], args.batch_size, rng):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(*padded([rows[i] for i in batch], vocabulary.pad))
            loss = loss_of(logits.float(), targets[batch])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
            schedule.step()
            adam.zero_grad(set_to_none=True)
            step += 1
            if step % 100 == 0:
                logger.info(
                    "step %d of %d, loss %.3f, %.0f s",
                    step,
                    args.epochs * steps_an_epoch,
                    loss.item(),
                    time.monotonic() - started,
                )
    kept_rows = [vocabulary.encode([w.text for w in split_words(text)])[0] for text, _ in validation]
    recall = macro_recall([label for _, label in validation], predict(model, kept_rows, vocabulary.pad))
    torch.save(model.state_dict(), args.out)
    return {
        "task": "sentiment",
        "seed": args.seed,
        "params": {k: getattr(args, k) for k in ("epochs", "batch_size", "lr", "head_lr", "label_smoothing")},
        "train_posts": len(posts),
        "validation_posts": len(validation),
        "macro_recall": recall,
        "tfidf_macro_recall": tfidf_baseline(posts, validation),
        "seconds": round(time.monotonic() - started),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with semeval2017_task4a and tweeteval_sentiment"
    )
    parser.add_argument("--encoder", type=Path, required=True, help="BERT-family folder: config, weights, vocab.txt")
    parser.add_argument(
        "--out", type=Path, required=True, help="checkpoint to write; its report goes beside it as .json"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=8e-5)
    parser.add_argument("--head-lr", type=float, default=1e-3)
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="train on this many posts only, to try things out")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    report = train(args)
    args.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
