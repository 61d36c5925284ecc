"""The OpenAPI description. drf-spectacular makes it of views and serializers; this adds what every operation shares."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer

from accounts.rest.fields import ID_PATTERN, KEY_PATTERN, REASONS, Strict
from realtime.limits import REQUEST_ID_CHARACTERS_MAX

BLANK = {"type": "string", "maxLength": 0}  # how drf-spectacular describes allow_blank

F = TypeVar("F", bound=Callable[..., Any])


class ErrorSerializer(serializers.Serializer[Any]):
    """The request changed nothing. With OUTCOME_UNKNOWN it may have."""

    code = serializers.ChoiceField(choices=REASONS, help_text="Stable, and the same as on sockets.")
    message = serializers.CharField(help_text="A sentence for people, with the figures.")
    field = serializers.CharField(
        allow_null=True, help_text="The field of the body, the query or the headers that is wrong."
    )
    details = serializers.DictField(help_text="retry_after_ms, or a sentence for every field that is wrong.")
    request_id = serializers.CharField()


# The refusals of every operation, by status; those of changes below.
ALWAYS = {
    400: "The request is malformed: a field, a parameter or a header is unknown, missing or wrong.",
    401: "The request has no valid token or session.",
    403: "You may not do this, or you need an operator's rights.",
    404: "It does not exist, or you may not see it.",
    406: "The Accept header does not allow JSON.",
    429: "Too many requests: wait as long as Retry-After says.",
    500: "The server failed; nothing changed.",
    503: "The exchange does not answer or is overloaded: try again after Retry-After.",
}
CHANGES = {
    409: "The exchange refused the request in its present state.",
    415: "The body must be application/json, or a type that the operation names.",
    504: "The outcome is unknown: send the request again with the same Idempotency-Key.",
}
EXAMPLE = OpenApiExample(
    "refused",
    {
        "code": "INSUFFICIENT_FUNDS",
        "message": "Needs 400, has 250 available.",
        "field": None,
        "details": {},
        "request_id": "b81fb1ac5b5c4a6d8f6e2e0cbb6a4a3f",
    },
    response_only=True,
)


def refusals(change: bool) -> dict[int, OpenApiResponse]:
    """The refusals of a read or a change, by status."""
    texts = {**ALWAYS, **(CHANGES if change else {})}
    return {
        status: OpenApiResponse(ErrorSerializer, text, examples=[EXAMPLE] if status == 409 else [])
        for status, text in sorted(texts.items())
    }


def operation(
    name: str,
    summary: str,
    answer: type[BaseSerializer[Any]] | Any,
    *,
    status: int = 200,
    body: Any = None,
    examples: Sequence[OpenApiExample] = (),
    tag: str,
) -> Callable[[F], F]:
    """Describes a method of a view; its docstring is the description. `name` becomes a generated client's method."""
    described: Callable[[F], F] = extend_schema(
        operation_id=name,
        summary=summary,
        tags=[tag],
        request=body,
        responses={status: answer},
        examples=list(examples),
    )
    return described


def header(name: str, text: str, responses: bool | Sequence[int] = False, **schema: Any) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "string", **schema} if schema else OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description=text,
        response=responses if isinstance(responses, bool) else list(responses),
    )


REQUEST_HEADERS = (
    header(
        "X-Act-As",
        "The id of the account to act as. Without it you act as the token's account, or as your own.",
        pattern=f"^{ID_PATTERN}$",
    ),
    header("X-Sudo", "true: use an operator's rights.", pattern="^(true|false)$"),
)
CHANGE_HEADERS = (
    header(
        "Idempotency-Key",
        "Choose it before you send. The same request with the same key happens once and gets the same answer.",
        pattern=f"^{KEY_PATTERN}$",
    ),
)
NUMBER = {"type": "integer", "minimum": 0}
ANSWER_HEADERS = (
    header(
        "X-Request-Id",
        f"The request's id. Yours, if it has at most {REQUEST_ID_CHARACTERS_MAX} characters of A-Z a-z 0-9 . _ : -; "
        "else one that we chose.",
        True,
    ),
    header("X-RateLimit-Limit", "Tokens of the full bucket that paid for this request.", True, **NUMBER),
    header("X-RateLimit-Remaining", "Tokens left in it.", True, **NUMBER),
    header("X-RateLimit-Reset", "Seconds until it is full again.", True, **NUMBER),
)
READ_ANSWER_HEADERS = (header("ETag", "Send it as If-None-Match: a 304 says that nothing changed.", [200]),)
KEYED_ANSWER_HEADERS = (
    header("X-Replayed", "true: the key was used before, and this repeats the first answer.", [200, 201]),
)
CREATED_HEADERS = (header("Location", "The address of the new object.", [201]),)
RETRY_HEADERS = (header("Retry-After", "Seconds to wait.", [429, 503, 504], **NUMBER),)


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.rest.authentication.Bearer"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API token."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.rest.authentication.Session"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        cookie = {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
        return {**cookie, "description": "The session of a signed-in browser. Changes also need X-CSRFToken."}


class TextField(OpenApiSerializerFieldExtension):
    """Describes that Django refuses NUL, which drf-spectacular leaves out."""

    target_class = "accounts.rest.fields.Text"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        least = {} if self.target.allow_blank else {"minLength": 1}
        most = {"maxLength": self.target.max_length} if self.target.max_length else {}
        return {"type": "string", "pattern": r"^[^\u0000]*$", **least, **most}


class ExchangeSchema(AutoSchema):
    def _is_open(self) -> bool:
        return bool(getattr(self.view, "open", False))

    def _changes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def get_override_parameters(self) -> list[Any]:
        """The query's serializer and the headers."""
        query = getattr(self.view, "queries", {}).get(self.method)
        keyed = self._changes() and getattr(self.view, "keyed", True)
        request = () if self._is_open() else REQUEST_HEADERS + (CHANGE_HEADERS if keyed else ())
        change = (KEYED_ANSWER_HEADERS if keyed else ()) + CREATED_HEADERS
        answer = ANSWER_HEADERS + RETRY_HEADERS + (change if self._changes() else READ_ANSWER_HEADERS)
        return [*([query] if query else []), *request, *answer]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [] if self._is_open() else super().get_auth()

    def _get_request_body(self, direction: Any = "request") -> Any:
        """Marks a file that is sent as the whole body as required, which drf-spectacular does not."""
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if body and "application/octet-stream" in body["content"]:
            body["required"] = True
        return body

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        """The success that the view describes, and the refusals that every operation may answer."""
        bodies = super()._get_response_bodies(direction)
        if direction != "response":
            return bodies
        known = refusals(self._changes())
        if self._is_open():
            known = {status: known[status] for status in (400, 401, 403, 404, 406, 429, 500, 503)}
        for status, response in known.items():
            bodies.setdefault(str(status), self._get_response_for_code(response, str(status), direction=direction))  # type: ignore[no-untyped-call]
        if not self._changes():
            bodies["304"] = {
                "description": "Nothing changed since the ETag in If-None-Match.",
                "headers": bodies["200"]["headers"],
            }
        return bodies

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """Describes a serializer by its own docstring, not its base's. A Strict one allows no other fields."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if not type(serializer).__doc__ or "__doc__" not in vars(type(serializer)):
            schema.pop("description", None)
        if not isinstance(serializer, Strict):
            return schema
        for one in schema.get("properties", {}).values():
            if one.get("oneOf", [{}])[-1] == BLANK:  # redundant: the pattern allows blank too
                one |= one.pop("oneOf")[0]
        examples = {"examples": [serializer.example]} if serializer.example else {}
        return {**schema, "additionalProperties": False, **examples}
