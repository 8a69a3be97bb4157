"""`./spark-submit.sh jobs/find_topics.py [key=value ...]`: rings `social_signals.jobs.find_topics`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["find_topics", *sys.argv[1:]]))
