"""`./spark-submit.sh jobs/score_time_to_churn.py [key=value ...]`: rings `social_signals.jobs.score_time_to_churn`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["score_time_to_churn", *sys.argv[1:]]))
