"""`python -m social_signals.submit`."""

from social_signals.submit.launch import main

raise SystemExit(main())
