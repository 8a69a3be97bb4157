"""`./spark-submit.sh jobs/pipeline.py [key=value ...]`: rings `social_signals.jobs.pipeline`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["pipeline", *sys.argv[1:]]))
