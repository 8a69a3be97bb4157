"""The image for Kubernetes agrees with the lock, the list of jars and the platform's config; nobody builds it here."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from social_signals import __version__
from social_signals.core import jars

REPOSITORY = Path(__file__).parents[3]
LINES = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
KUBERNETES = yaml.safe_load((REPOSITORY / "conf/platform/kubernetes.yaml").read_text(encoding="utf-8"))


def said(word: str) -> list[str]:
    """What the lines of an instruction say, in their order."""
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{word} ")]


def test_the_image_has_the_spark_of_the_lock_and_the_scala_of_the_jars() -> None:
    locked = re.search(r"^pyspark==(\S+)", (REPOSITORY / "requirements/runtime.lock").read_text(), re.MULTILINE)
    assert locked is not None
    (scala,) = {found.group(1) for p in jars.PACKAGES if (found := re.search(r"_(2\.\d+):", p))}
    assert said("FROM") == [f"apache/spark:{locked.group(1)}-scala{scala}-java17-python3-ubuntu"]


def test_the_image_is_where_the_platform_says_it_is() -> None:
    assert KUBERNETES["installed_at"] == said("WORKDIR")[0]
    assert KUBERNETES["conf"]["spark.kubernetes.container.image"] == f"social-signals:{__version__}"
    assert f"docker build -t social-signals:{__version__} ." in (REPOSITORY / "Dockerfile").read_text()
    (made,) = [line for line in said("RUN") if "setup.sh runtime" in line]
    assert "mkdir jars && mv .jars/*/*.jar jars/" in made
    assert made.startswith(f"SOCIAL_SIGNALS_JARS={KUBERNETES['installed_at']}/.jars ")


def test_it_runs_as_somebody_who_is_not_root_by_sparks_own_entrypoint() -> None:
    assert said("USER")[-1] == "185"
    assert said("ENTRYPOINT") == ['["/opt/entrypoint.sh"]']
    assert LINES.index("USER 185") > max(i for i, line in enumerate(LINES) if line.startswith(("RUN", "COPY")))


def test_everything_that_is_copied_is_here_and_let_in() -> None:
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in said("COPY"):
        source = line.split()[0].rstrip("/")
        assert (REPOSITORY / source).exists(), source
        assert source.split("/")[0] in let_in, source
    # setup.sh resolves the jars with the part of the package that is there by then.
    assert "from social_signals.core import jars" in (REPOSITORY / "setup.sh").read_text()
