"""`./spark-submit.sh jobs/maintain.py [key=value ...]`: rings `social_signals.jobs.maintain`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["maintain", *sys.argv[1:]]))
