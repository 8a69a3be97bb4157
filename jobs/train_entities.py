"""`./spark-submit.sh jobs/train_entities.py [key=value ...]`: rings `social_signals.jobs.train_entities`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["train_entities", *sys.argv[1:]]))
