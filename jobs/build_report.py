"""`./spark-submit.sh jobs/build_report.py [key=value ...]`: rings `social_signals.jobs.build_report`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["build_report", *sys.argv[1:]]))
