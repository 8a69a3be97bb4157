"""`./spark-submit.sh jobs/train_influence.py [key=value ...]`: rings `social_signals.jobs.train_influence`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["train_influence", *sys.argv[1:]]))
