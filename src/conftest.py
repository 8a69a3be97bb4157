"""Doctests of modules that need the extra `finetune` are collected where it is installed."""

from importlib.util import find_spec

_NEEDS_TORCH = ("convolution", "encoder", "export", "loop", "package")
collect_ignore = [] if find_spec("torch") else [f"social_signals/nlp/finetune/{name}.py" for name in _NEEDS_TORCH]
