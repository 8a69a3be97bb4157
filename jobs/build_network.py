"""`./spark-submit.sh jobs/build_network.py [key=value ...]`: rings `social_signals.jobs.build_network`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["build_network", *sys.argv[1:]]))
