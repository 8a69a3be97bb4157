"""`./spark-submit.sh jobs/build_features.py [key=value ...]`: rings `social_signals.jobs.build_features`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["build_features", *sys.argv[1:]]))
