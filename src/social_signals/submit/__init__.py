"""How a job is started as `spark-submit`: the config becomes a command line, and what the workers lack travels with it.

`python -m social_signals.submit jobs/JOB.py [key=value ...]`. A platform's words are in `command`, what is shipped in `shipment` and
`environment`, the driver on a worker of a standalone cluster in `on_worker`. What a job does is none of this room's business.
"""

from social_signals.submit.command import command
from social_signals.submit.launch import main, prepared
from social_signals.submit.shipment import Shipment, pack

__all__ = ["Shipment", "command", "main", "pack", "prepared"]
