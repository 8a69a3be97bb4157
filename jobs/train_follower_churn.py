"""`./spark-submit.sh jobs/train_follower_churn.py [key=value ...]`: rings `social_signals.jobs.train_follower_churn`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["train_follower_churn", *sys.argv[1:]]))
