"""`./spark-submit.sh jobs/ingest.py [key=value ...]`: rings `social_signals.jobs.ingest`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["ingest", *sys.argv[1:]]))
