"""`./spark-submit.sh jobs/annotate.py [key=value ...]`: rings `social_signals.jobs.annotate`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["annotate", *sys.argv[1:]]))
