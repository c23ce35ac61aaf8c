"""The installed version of this package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("saleor-loyalty")
except PackageNotFoundError:  # run from a source tree that was not installed
    VERSION = "0"
