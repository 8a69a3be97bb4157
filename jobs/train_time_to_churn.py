"""`./spark-submit.sh jobs/train_time_to_churn.py [key=value ...]`: rings `social_signals.jobs.train_time_to_churn`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["train_time_to_churn", *sys.argv[1:]]))
