"""What the environment says in tests, whatever stands in somebody's `.env`. Importing it starts nothing."""

from __future__ import annotations

import os

ENVIRONMENT = {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "FIELD_ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "PUBLIC_URL": "http://localhost:8000",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "LOG_FORMAT": "json",
    "EMAIL_URL": "memorymail://",
    "JOB_THREADS": "1",
}
