"""`./spark-submit.sh jobs/shortlist_creators.py [key=value ...]`: rings `social_signals.jobs.shortlist_creators`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["shortlist_creators", *sys.argv[1:]]))
