"""`./spark-submit.sh jobs/backfill.py [key=value ...]`: rings `social_signals.jobs.backfill`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["backfill", *sys.argv[1:]]))
