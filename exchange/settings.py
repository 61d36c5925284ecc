"""The only settings file. Environment variables set it; the defaults run the exchange on this machine for its user.

Every variable that it reads is here with its default.
"""

import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.templatetags.static import static
from django.urls import reverse_lazy

from exchange.environment import (
    access_audience,
    cash_units,
    cookie_suffix,
    data_directory,
    email_verification,
    provider_origin,
    secret_key,
    signature_algorithms,
)
from realtime.addresses import LOCAL_HOSTS
from realtime.limits import INT64_MAX, RateClass

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# The exchange and its client share the version. It is in the client's file because the client is also built alone.
VERSION: str = tomllib.loads((BASE_DIR / "client/pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

# --- The machine ---------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
DEMO = env.bool("DEMO", default=False)  # one-click sign-in; runexchange refuses it except on a loopback address
HTTPS = env.bool("HTTPS", default=False)  # people reach the pages over TLS: secure cookies, HSTS
VAR_DIR = data_directory(Path(env.str("EXCHANGE_VAR", default=str(BASE_DIR / "var"))))
SECRET_KEY = env.str("SECRET_KEY", default="") or secret_key(VAR_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[*LOCAL_HOSTS])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)  # proxies whose X-Forwarded-For counts
# From one address: connections without a complete request or a sign-in. Not behind proxies, which have limits too.
WAITING_CONNECTIONS_MAX = env.int("WAITING_CONNECTIONS_MAX", default=1_000)

# --- Play money and rates ------------------------------------------------------------------------

CHIP_NAME = env.str("CHIP_NAME", default="chips")
# Categories that people may give their markets. Operators in sudo may use any.
PUBLIC_CATEGORIES: list[str] = env.list("PUBLIC_CATEGORIES", default=["Class", "Practice", "Just for fun"])
STARTING_CASH = cash_units(env.str("STARTING_CASH", default="10000"))  # variable in chips, setting in 1/10,000

# Token buckets (docs/rules.md section 9): RATES[class][mode] = (tokens a second, burst), per person. RATE_FACTOR
# raises all of them, for benchmarks.
RATE_FACTOR = env.int("RATE_FACTOR", default=1)
RATES: dict[RateClass, dict[str, tuple[int, int]]] = {
    "expensive": {"user": (3, 180), "sudo": (30, 1_800)},
    "mutate": {"user": (100, 1_000), "sudo": (1_000, 10_000)},
    "cancel": {"user": (200, 2_000), "sudo": (2_000, 20_000)},
    "read": {"user": (50, 500), "sudo": (500, 5_000)},
}
RATES = {
    rate_class: {mode: (per_second * RATE_FACTOR, burst * RATE_FACTOR) for mode, (per_second, burst) in modes.items()}
    for rate_class, modes in RATES.items()
}
# What a person may add to the journal in a day (docs/growth.md); 0: no limit. In bytes, the variable in megabytes.
JOURNAL_BYTES_A_DAY = int(env.float("JOURNAL_MEGABYTES_A_DAY", default=100) * 1_000_000) * RATE_FACTOR
SUDO_SECONDS = env.int("SUDO_SECONDS", default=30 * 60)  # how long a browser session keeps sudo
DANGER_SECONDS = env.int("DANGER_SECONDS", default=5 * 60)  # how long after authenticating it may do the irreversible
ALT_ACCOUNTS_MAX = env.int("ALT_ACCOUNTS_MAX", default=50)  # per person, like the next four
UNSETTLED_MARKETS_MAX = env.int("UNSETTLED_MARKETS_MAX", default=20)
SOCKETS_MAX = env.int("SOCKETS_MAX", default=20)
API_TOKENS_MAX = env.int("API_TOKENS_MAX", default=50)  # neither revoked nor expired
SUBSCRIPTIONS_MAX = env.int("SUBSCRIPTIONS_MAX", default=200)

# --- Applications --------------------------------------------------------------------------------

# Lets generic classes of the stubs, such as ModelAdmin[Market], be subscripted at run time.
django_stubs_ext.monkeypatch()

INSTALLED_APPS = [
    "markets",  # before daphne, so that the runserver command of markets wins
    "daphne",  # its import installs the asyncio reactor, so it precedes whatever imports Twisted
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces; Basic does not replace the site
    "accounts.console.apps.ConsoleConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "auctions",
    "accounts",
    "realtime",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",  # the static files of the API's page, so that none come from another host
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
]

MIDDLEWARE = [
    "exchange.compression.GZipMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "exchange.csp.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "exchange.errors.too_long",
]

# What a request to REST passes that carries no session cookie (exchange/rest.py). It is not for browsers' pages.
REST_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "exchange.csp.CSPMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "exchange.urls"
ASGI_APPLICATION = "exchange.asgi.application"

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
                "accounts.context.input_limits",
            ],
        },
    },
]

UNFOLD = {
    "SITE_TITLE": "Exchange",
    "SITE_HEADER": "Exchange",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")}],
}

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "accounts.rest.schema.ExchangeSchema", "URL_FORMAT_OVERRIDE": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "Exchange REST",  # generators name their package by it: exchange_client is the shipped client's name
    "VERSION": VERSION,
    "DESCRIPTION": "Everything that the socket can do, and reads. docs/api.md tells the story.",
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_REQUEST": False,
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "integer", "format": "int64", "minimum": 0, "maximum": INT64_MAX}},
    "ENUM_NAME_OVERRIDES": {
        "AccountKind": "accounts.rest.fields.ACCOUNT_KINDS",
        "AuctionStatus": "accounts.rest.fields.AUCTION_STATUSES",
        "CancelCause": "accounts.rest.fields.CANCEL_CAUSES",
        "MarketStatus": "accounts.rest.fields.MARKET_STATUSES",
        "NewMarketStatus": "markets.rest.serializers.STATUSES",
        "Reason": "accounts.rest.fields.REASONS",
        "SelfTrade": "accounts.rest.fields.SELF_TRADES",
        "Side": "accounts.rest.fields.SIDES",
        "StatementKind": "markets.rest.serializers.STATEMENT_KINDS",
        "TimeInForce": "accounts.rest.fields.TIMES_IN_FORCE",
        "TransferKind": "accounts.rest.fields.TRANSFER_KINDS",
    },
}

# --- Database, cache, channel layer --------------------------------------------------------------

DATABASE_WAIT_SECONDS = 30  # how long a writer waits for a locked database, and a request for a connection
DATABASE_POOL_MAX = env.int("DATABASE_POOL_MAX", default=20)  # connections per process
# How long the pool tries to connect, waiting longer each time, before it begins anew (exchange/postgresql/base.py).
DATABASE_RECONNECT_SECONDS = 2

# FULL: a commit is on disk before it is acknowledged. `timeout` sets every connection's busy handler.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": DATABASE_WAIT_SECONDS,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456;"
        "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-32000"
    ),
}


def database(url: str) -> dict[str, Any]:
    """Django's settings for a database URL.

    Tests use a file, because an in-memory database answers "table is locked" at once to a reader during a write. The
    process id in its name separates overlapping runs.
    """
    config: dict[str, Any] = {**env.db_url_config(url), "ATOMIC_REQUESTS": False}
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = SQLITE_OPTIONS
        config["TEST"] = {"NAME": f"{tempfile.gettempdir()}/exchange-test-{os.getpid()}.sqlite3"}
        return config
    seconds = {"timeout": DATABASE_RECONNECT_SECONDS, "reconnect_timeout": DATABASE_RECONNECT_SECONDS}
    pool = {"min_size": 1, "max_size": DATABASE_POOL_MAX, **seconds}
    config["ENGINE"] = "exchange.postgresql"
    config["OPTIONS"] = {**config.get("OPTIONS", {}), "pool": pool}
    return config


DATABASES = {"default": database(env.str("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'exchange.sqlite3'}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One process needs no Redis. Several need it for the channel layer and the rate limits of the sign-in.
REDIS_URL = env.str("REDIS_URL", default="")
LAYER_CAPACITY = 10_000  # messages per channel; only the matching queue may fill
REDIS_TIMEOUT_SECONDS = 15  # redis-py 8 defaults to 5, which ends idle readers (channels_redis #422)
CACHE_TIMEOUT_SECONDS = 1  # the status waits for the cache, also while Redis hangs

if REDIS_URL:
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "realtime.redis_layer.RedisLayer",
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": REDIS_TIMEOUT_SECONDS}]},
        }
    }
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": dict.fromkeys(("socket_timeout", "socket_connect_timeout"), CACHE_TIMEOUT_SECONDS),
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "realtime.layers.LocalLayer", "CONFIG": {"capacity": LAYER_CAPACITY}}}
    # The cache counts failed sign-ins and keeps the keys of forms. It is large, so that one person cannot evict them.
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
    }

# --- Sign-in -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = "markets:list"
SIGN_IN_AFRESH_URL = "sign_in_afresh"  # asks a person without a password to sign in again
SIGN_UP_OPEN = env.bool("SIGN_UP_OPEN", default=False)  # False: operators create the users

ACCOUNT_ADAPTER = "exchange.sign_in.Adapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
SENDS_MAIL = bool(env.str("EMAIL_URL", default=""))
ACCOUNT_EMAIL_VERIFICATION = email_verification(env.str("EMAIL_VERIFICATION", default="none"), SENDS_MAIL)
# What fails or is asked for in SIGN_IN_FAILURES_SECONDS (accounts/throttle.py). A class sits behind one address.
SIGN_IN_FAILURES_SECONDS = env.int("SIGN_IN_FAILURES_SECONDS", default=5 * 60)
SIGN_IN_FAILURES_PER_NAME_MAX = env.int("SIGN_IN_FAILURES_PER_NAME_MAX", default=10)  # from one address
SIGN_IN_FAILURES_PER_ADDRESS_MAX = env.int("SIGN_IN_FAILURES_PER_ADDRESS_MAX", default=300)
SIGN_UPS_PER_ADDRESS_MAX = env.int("SIGN_UPS_PER_ADDRESS_MAX", default=300)  # forms sent
PASSWORD_RESETS_PER_ADDRESS_MAX = env.int("PASSWORD_RESETS_PER_ADDRESS_MAX", default=100)  # forms sent
# allauth's own limits: none by address. The others hold for one signed-in person, or for one mailbox.
ACCOUNT_RATE_LIMITS: dict[str, str | None] = {
    "login": None,
    "login_failed": None,
    "signup": None,
    "reset_password": "5/m/key",
    "reset_password_from_key": None,
    "reauthenticate": None,  # counts as a failed sign-in
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "confirm_email": "1/3m/key",
}
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = DANGER_SECONDS
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
# EMAIL_BACKEND, EMAIL_HOST ... Without EMAIL_URL nothing is sent: a link that resets a password must not be in the log.
vars().update(env.email_url("EMAIL_URL", default="dummymail://"))

# --- Names that packages use from packages to their right, and may not spell out (tests/tidy/test_names.py) ----------

OPERATOR_PERMISSION = "markets.operate_exchange"  # to send commands with sudo, for staff
VIEW_PERMISSION = "markets.view_exchange"  # to see everything in the console, for staff
PORTFOLIO_PAGE = "markets:portfolio"
ENTRY_PAGE = "admin:markets_journalentry_change"  # a journal entry in the console, by its seq
AUCTION_PAGE = "admin:auctions_auction_change"  # an auction in the console, by its id

# --- Sign-in with an OpenID Connect provider, beside the password -----------------------------------

OIDC_ISSUER = env.str("EXCHANGE_OIDC_ISSUER", default="")  # exactly as the provider spells it; "": no such sign-in
OIDC_ID = env.str("EXCHANGE_OIDC_ID", default="provider")  # in the callback's address and the social accounts
OIDC_NAME = env.str("EXCHANGE_OIDC_NAME", default="your organisation")  # "Continue with ..."
OIDC_CLIENT_ID = env.str("EXCHANGE_OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("EXCHANGE_OIDC_CLIENT_SECRET", default="")
# Access tokens for this audience open sockets and REST. "": access tokens open nothing.
OIDC_AUDIENCE = access_audience(env.str("EXCHANGE_OIDC_AUDIENCE", default=""), OIDC_CLIENT_ID)
OIDC_ALGORITHMS = signature_algorithms(env.list("EXCHANGE_OIDC_ALGORITHMS", default=["RS256"]))
OIDC_ROLES_CLAIM = env.str("EXCHANGE_OIDC_ROLES_CLAIM", default="roles")
OIDC_OPERATOR_ROLE = env.str("EXCHANGE_OIDC_OPERATOR_ROLE", default="")  # "": the provider names no operators
OIDC_ORIGINS = env.list("EXCHANGE_OIDC_ORIGINS", default=[provider_origin(OIDC_ISSUER)] if OIDC_ISSUER else [])

ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
SOCIALACCOUNT_ADAPTER = "exchange.sign_in.ProviderAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"  # the provider vouches for its people
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5  # seconds
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": []}}
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"].append(
        {
            "provider_id": OIDC_ID,
            "name": OIDC_NAME,
            "client_id": OIDC_CLIENT_ID,
            "secret": OIDC_CLIENT_SECRET,
            "settings": {
                "server_url": f"{OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration",
                "auth_params": {"audience": OIDC_AUDIENCE} if OIDC_AUDIENCE else {},
            },
        }
    )

# --- Sessions and cookies --------------------------------------------------------------------------

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_SAVE_EVERY_REQUEST = False  # a page must not wait for the matcher's commit
COOKIE_SUFFIX = env.str("COOKIE_SUFFIX", default="") or cookie_suffix(SECRET_KEY)
SESSION_COOKIE_NAME = f"session_{COOKIE_SUFFIX}"
CSRF_COOKIE_NAME = f"csrf_{COOKIE_SUFFIX}"
MESSAGES_COOKIE_NAME = f"messages_{COOKIE_SUFFIX}"
MESSAGE_STORAGE = "exchange.messages.Storage"
CSRF_FAILURE_VIEW = "exchange.errors.form_expired"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS

# --- Headers -------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],  # covers the WebSocket of the same origin
        "form-action": [SELF, *OIDC_ORIGINS],  # browsers also check the redirect that answers a form
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Only under /admin/: its theme writes inline styles and uses Alpine, which evaluates attributes.
ADMIN_PATH = "/admin/"
ADMIN_CSP_UPDATE = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}

# --- Static files --------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [directory for directory in (BASE_DIR / "frontend" / "dist",) if directory.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Language, time, log -------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"outsiders": {"()": "exchange.logs.OutsidersInOneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["outsiders"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # No handlers of Django's own: they would mail administrators or print a line twice.
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
