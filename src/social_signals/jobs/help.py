"""`JOB --help`: what the job does, every setting with its default, and the groups to choose from."""

from __future__ import annotations

import inspect

from social_signals.core.errors import SocialSignalsError
from social_signals.jobs import JOBS
from social_signals.jobs.compose import groups_of, register, settings_of
from social_signals.jobs.runner import load
from social_signals.jobs.schemas import GROUP_SCHEMAS


def help_of(name: str) -> str:
    """The help text of a job; for an unknown one the sentence that lists the known."""
    try:
        schema, run = load(name)
        register({name: schema}, group_schemas=GROUP_SCHEMAS)
        settings = settings_of(name, schema=schema)
    except SocialSignalsError as error:
        return str(error)
    choices = "\n".join(f"  {group}={'|'.join(options)}" for group, options in groups_of(name).items())
    doc = inspect.cleandoc(run.__doc__ or "")
    return f"{name}: {JOBS[name]}\n\n{doc}\n\ngroups (choose with group=option):\n{choices}\n\nsettings:\n{settings}"
