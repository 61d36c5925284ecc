"""The Content-Security-Policy. It is strict, and relaxed under /admin/ for its theme (settings.ADMIN_CSP_UPDATE)."""

from csp.middleware import CSPMiddleware as Base
from csp.middleware import PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class CSPMiddleware(Base):
    """Relaxes the policy by path. Decorators would not do: the admin has many views, and they are not ours."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(settings.ADMIN_PATH):
            parts.update = {**(parts.update or {}), **settings.ADMIN_CSP_UPDATE}
        return parts
