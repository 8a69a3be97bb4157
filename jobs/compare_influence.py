"""`./spark-submit.sh jobs/compare_influence.py [key=value ...]`: rings `social_signals.jobs.compare_influence`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["compare_influence", *sys.argv[1:]]))
