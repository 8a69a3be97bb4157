"""`./spark-submit.sh jobs/score_influence.py [key=value ...]`: rings `social_signals.jobs.score_influence`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["score_influence", *sys.argv[1:]]))
