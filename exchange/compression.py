"""Compresses pages. Static files are compressed when they are collected, and REST answers for itself.

The length of a compressed page may betray a secret in it to somebody who makes a browser ask for guesses and sees how
long the answers are (BREACH). Pages hold none that stays: CSRF tokens are masked anew in each page, the keys of forms
are new, and a token's secret is shown once. For what is only private, such as amounts, Django adds a random length.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import gzip


class GZipMiddleware(gzip.GZipMiddleware):
    """Django's, for HTML only."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_html = response.headers.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_html else response
