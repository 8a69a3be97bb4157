"""Labelled texts in, a packaged text model out.

`labelled` reads and parts the texts, `launch` trains through Spark's TorchDistributor what `loop` and `encoder` define,
`package` makes the folder that serves, `baselines` and `convolution` are what it must beat. Only `params`, `labelled`, `pieces`,
`baselines` and `launch` load without the extra `finetune` (PyTorch, transformers, ONNX); import the others where they are used.

To train another task, add a learner to `loop` and its measure to `package`. Tables and files are read in `jobs`.
"""

from social_signals.nlp.finetune.launch import fine_tune, require_finetune
from social_signals.nlp.finetune.params import BaselineParams, CardParams, FineTuneParams, LabelledParams

__all__ = [
    "BaselineParams",
    "CardParams",
    "FineTuneParams",
    "LabelledParams",
    "fine_tune",
    "require_finetune",
]
