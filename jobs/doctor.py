"""`./spark-submit.sh jobs/doctor.py [key=value ...]`: rings `social_signals.jobs.doctor`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["doctor", *sys.argv[1:]]))
