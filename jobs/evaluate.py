"""`./spark-submit.sh jobs/evaluate.py [key=value ...]`: rings `social_signals.jobs.evaluate`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
