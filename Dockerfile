# The image of driver and executors on Kubernetes: Spark's own, with the jars, a Python environment and the suite inside.
#   docker build -t social-signals:0.1.0 .        then: ./spark-submit.sh jobs/pipeline.py platform=kubernetes catalog.root=s3a://...
# conf/platform/kubernetes.yaml names this image and the folder below (installed_at), so nothing is shipped or resolved at start.
FROM apache/spark:3.5.9-scala2.12-java17-python3-ubuntu

USER root
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/social-signals
# What the environment is made of first: code changes more often, and then this layer is there already.
COPY setup.sh ./
COPY requirements/ requirements/
COPY src/social_signals/__init__.py src/social_signals/__init__.py
COPY src/social_signals/core/ src/social_signals/core/
# One environment from the lock and the jars of the one list, as on a laptop. pip's Spark resolves the jars and goes: the image has one.
RUN SOCIAL_SIGNALS_JARS=/opt/social-signals/.jars ./setup.sh runtime \
 && mkdir jars && mv .jars/*/*.jar jars/ && rm -rf .jars \
 && rm -rf .venv/lib/python3*/site-packages/pyspark /root/.cache

COPY conf/ conf/
COPY models/ models/
COPY jobs/ jobs/
COPY src/ src/

# The user of Spark's own image; nothing of the suite is writable to it.
USER 185
WORKDIR /opt/spark/work-dir
ENTRYPOINT ["/opt/entrypoint.sh"]
