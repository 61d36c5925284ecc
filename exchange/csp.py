"""The Content-Security-Policy: strict everywhere, relaxed under the admin for its theme (settings.ADMIN_CSP_UPDATE)."""

from csp.middleware import CSPMiddleware as Base
from csp.middleware import PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class CSPMiddleware(Base):
    """A path decides, not a decorator: the admin's views are many and not ours."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(settings.ADMIN_PATH):
            parts.update = {**(parts.update or {}), **settings.ADMIN_CSP_UPDATE}
        return parts
