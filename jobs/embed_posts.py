"""`./spark-submit.sh jobs/embed_posts.py [key=value ...]`: rings `social_signals.jobs.embed_posts`."""

import sys

from social_signals.cli import main

if __name__ == "__main__":
    sys.exit(main(["embed_posts", *sys.argv[1:]]))
