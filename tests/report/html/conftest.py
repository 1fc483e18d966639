"""The browser, for the tests of pages."""

from tests.browser_support import browser, page_of

__all__ = ["browser", "page_of"]
