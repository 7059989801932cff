"""Settings: everything from the environment, in boot order. Names and defaults: `.env.example`.

A bare clone needs two values, SECRET_KEY and FIELD_ENCRYPTION_KEYS; `python -m config.env > .env` writes both. What can
be wrong with the rest is found by the checks in `config/checks.py`, each with an id and a hint.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from config import logs, navigation
from config.env import (
    BASE_DIR,
    NEW_FERNET_KEY,
    NEW_SECRET_KEY,
    flag,
    names,
    names_after,
    number,
    required_secret,
    secret,
    text,
    whole,
)

# -- Secrets and address ---------------------------------------------------------------------------------------------

SECRET_KEY = required_secret("SECRET_KEY", NEW_SECRET_KEY)
FIELD_ENCRYPTION_KEYS = names(required_secret("FIELD_ENCRYPTION_KEYS", NEW_FERNET_KEY))
DEBUG = flag("DEBUG")
PUBLIC_URL = text("PUBLIC_URL", "http://localhost:8000").rstrip("/")
_address = urlsplit(PUBLIC_URL)
IS_HTTPS = _address.scheme == "https"
ALLOWED_HOSTS = names(text("ALLOWED_HOSTS")) or [_address.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"]

# -- Logs ------------------------------------------------------------------------------------------------------------

LOG_FORMAT = text("LOG_FORMAT", "json")
LOGGING = logs.logging_config(LOG_FORMAT)
logs.configure_structlog()

# -- Applications ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "anymail",
    "stores",
    "tracking",
    "analytics",
]
MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "config.correlation.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.security.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.people.Sessions",
    "config.people.Language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.people.Login",
    "config.people.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"console_rows": "tracking.admin.list_rows"},
        },
    }
]

# -- Database: measured settings, docs/decisions/database.md ---------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_database = environ.Env.db_url_config(secret("DATABASE_URL", "sqlite:///db.sqlite3"))
IS_SQLITE = "sqlite" in _database["ENGINE"]
if IS_SQLITE:
    _path = BASE_DIR / Path(_database["NAME"])
    _database |= {
        "ENGINE": "config.sqlite",  # Django's own, but for how it waits for the lock
        "NAME": str(_path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000;"
            " PRAGMA journal_size_limit=67108864;",
        },
        "TEST": {"NAME": f"{_path}.test"},
    }
else:
    if _database["ENGINE"] == "django.db.backends.postgresql":
        _database["ENGINE"] = "config.postgresql"
    _database = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True} | _database
    _database["OPTIONS"] = {
        "connect_timeout": 5,
        "application_name": "trackbridge",
        "options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"
        " -c jit=off -c max_parallel_workers_per_gather=0 -c random_page_cost=1.1",
    } | _database.get("OPTIONS", {})
DATABASES = {"default": _database}

# -- Jobs: our own rows decide when, docs/decisions/queue.md ---------------------------------------------------------

JOB_THREADS = whole("JOB_THREADS", 8)
JOB_DEBOUNCE_SECONDS = number("JOB_DEBOUNCE_SECONDS", 1.0)
JOB_MAX_ATTEMPTS = whole("JOB_MAX_ATTEMPTS", 96)
JOB_LEASE_SECONDS = whole("JOB_LEASE_SECONDS", 45)
JOB_DEADLINE_SECONDS = whole("JOB_DEADLINE_SECONDS", 35)
JOB_BACKOFF_BASE_SECONDS = number("JOB_BACKOFF_BASE_SECONDS", 1.0)
JOB_BACKOFF_CAP_SECONDS = number("JOB_BACKOFF_CAP_SECONDS", 900.0)
CARRIER_DOUBT_HOURS = number("CARRIER_DOUBT_HOURS", 24.0)
TRACK_LINK_DAYS = whole("TRACK_LINK_DAYS", 180)
POLL_START_HOURS = number("POLL_START_HOURS", 1.0)
PUMP_SECONDS = whole("PUMP_SECONDS", 20)

# django-q2 is the clock and the executor: its queue holds hints, its tries and its results are not used.
REDIS_URL = secret("REDIS_URL")
Q_CLUSTER = {
    "name": "trackbridge",
    "label": "Queue",
    "workers": 2,
    "bulk": 1,
    "queue_limit": 2,
    "poll": 0.2 if IS_SQLITE else 0.05,
    "timeout": 60,
    "retry": 150,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "recycle": 500,
    "max_rss": 300_000,
    "guard_cycle": 0.5,
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}

# -- Web -------------------------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
TRUST_PROXY = flag("TRUST_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"
METRICS_TOKEN = secret("METRICS_TOKEN")
WEBHOOK_MAX_BYTES = whole("WEBHOOK_MAX_BYTES", 1_048_576)
DATA_UPLOAD_MAX_MEMORY_SIZE = max(2_621_440, WEBHOOK_MAX_BYTES)

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# Until collectstatic has run, files are served from where they lie: a clone needs no build step.
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
warnings.filterwarnings("ignore", message="No directory at")

# -- People ----------------------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LANGUAGE_CODE = "en"
# Shoppers are spoken to in these; the console speaks English. Adding one: docs/languages.md.
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("sv", "Svenska"),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

_email_url = secret("EMAIL_URL", "consolemail://")
MAIL_PROVIDER = _email_url.removeprefix("anymail+").partition(":")[0] if _email_url.startswith("anymail+") else ""
_email = environ.Env.email_url_config("consolemail://" if MAIL_PROVIDER else _email_url)
EMAIL_BACKEND = f"anymail.backends.{MAIL_PROVIDER}.EmailBackend" if MAIL_PROVIDER else _email["EMAIL_BACKEND"]
EMAIL_HOST = _email["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = text("EMAIL_FROM", f"no-reply@{_address.hostname or 'localhost'}")

# What a mail provider asks for (docs/notifications.md): ANYMAIL_POSTMARK_SERVER_TOKEN becomes POSTMARK_SERVER_TOKEN.
ANYMAIL = {name: secret(f"ANYMAIL_{name}") for name in names_after("ANYMAIL_")} | {
    "REQUESTS_TIMEOUT": (3.05, EMAIL_TIMEOUT),
    "IGNORE_UNSUPPORTED_FEATURES": True,  # not every provider lets opens and clicks be left untracked per mail
}

UNFOLD = {
    "SITE_TITLE": "Trackbridge",
    "SITE_HEADER": "Trackbridge",
    "SITE_SUBHEADER": _("commercetools ⇄ AfterShip"),
    "SITE_SYMBOL": "local_shipping",
    "SITE_URL": None,
    "SHOW_LANGUAGES": False,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("tracking/favicon.svg")}],
    "COLORS": {"primary": navigation.BLUE},
    "STYLES": [lambda request: static("tracking/console.css")],
    "SCRIPTS": [lambda request: static("tracking/console.js"), lambda request: static("tracking/keys.js")],
    "DASHBOARD_CALLBACK": "tracking.admin.dashboard.add_overview",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": navigation.SIDEBAR},
}

# -- API -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tracking.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_TTL": None, "TOKEN_PREFIX": "tb_"}  # each token's end is given when it is made
SPECTACULAR_SETTINGS = {
    "TITLE": "Trackbridge",
    "DESCRIPTION": "The bridge between commercetools and AfterShip.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
