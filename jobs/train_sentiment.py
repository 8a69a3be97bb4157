"""`./spark-submit.sh jobs/train_sentiment.py [key=value ...]`: rings `social_signals.jobs.train_sentiment`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["train_sentiment", *sys.argv[1:]]))
