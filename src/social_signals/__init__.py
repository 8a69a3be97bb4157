"""social-signals: Spark jobs that turn social interactions into decisions about people, content and campaigns."""

__version__ = "0.1.0"
