"""`./spark-submit.sh jobs/assess_creators.py [key=value ...]`: rings `social_signals.jobs.assess_creators`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["assess_creators", *sys.argv[1:]]))
