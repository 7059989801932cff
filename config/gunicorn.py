"""How gunicorn runs: `gunicorn -c config/gunicorn.py`. Two processes with four threads each hold eight connections.

Measured in docs/decisions/database.md. Query strings and addresses of shoppers stay out of the logs: there is no access
log; what matters is logged by us.
"""

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from config import logs
from config.env import text


class LineLogger(Logger):
    """gunicorn's messages in the form of all other lines."""

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        logs.use(text("LOG_FORMAT", "json"))


wsgi_app = "config.wsgi:application"
bind = text("BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = 2
threads = 4
timeout = 30
graceful_timeout = 30
max_requests = 20_000
max_requests_jitter = 2_000
preload_app = False  # connections must not be shared over a fork
control_socket_disable = True
accesslog = None
logger_class = LineLogger
