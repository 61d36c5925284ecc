"""The version of the installed package, which is the exchange's: pyproject.toml beside the package states it."""

from importlib.metadata import version

VERSION = version("exchange-client")
