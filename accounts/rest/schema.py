"""The OpenAPI description: what drf-spectacular finds in views and serializers, and what holds for every operation."""

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

BLANK = {"type": "string", "maxLength": 0}  # how drf-spectacular says allow_blank

F = TypeVar("F", bound=Callable[..., Any])


class Error(serializers.Serializer[Any]):
    """Nothing happened, or (OUTCOME_UNKNOWN) we cannot say."""

    code = serializers.ChoiceField(choices=REASONS, help_text="Stable, and the same at every door.")
    message = serializers.CharField(help_text="For people, with the numbers.")
    field = serializers.CharField(allow_null=True, help_text="Of the body, the query or the headers: what is wrong.")
    details = serializers.DictField(help_text="retry_after_ms, or every field that is wrong with a sentence.")
    request_id = serializers.CharField()


# What every operation may answer, by status.
ALWAYS = {
    400: "It cannot be read: a field, a parameter or a header is unknown, missing or malformed.",
    401: "Nobody is signed in, or the token is not good.",
    403: "You may see it but not do it, or an operator's rights are needed.",
    404: "There is none, or none for you.",
    406: "JSON is all there is.",
    429: "Too fast: wait for Retry-After.",
    500: "A fault of ours; nothing changed.",
    503: "The exchange does not answer, or too much waits: ask again after Retry-After.",
}
CHANGES = {
    409: "The exchange refused it as things stand.",
    415: "A body is application/json, or what the operation says.",
    504: "No answer in time: ask again with the same Idempotency-Key.",
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
    said = {**ALWAYS, **(CHANGES if change else {})}
    return {
        status: OpenApiResponse(Error, text, examples=[EXAMPLE] if status == 409 else [])
        for status, text in sorted(said.items())
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
    """Describes a method of a view, whose docstring is the description. `name`: of the generated client's method."""
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


ASKED = (
    header(
        "X-Act-As",
        "The id of the account acted as; without it your own, or the token's.",
        pattern=f"^{ID_PATTERN}$",
    ),
    header("X-Sudo", "true: with an operator's rights.", pattern="^(true|false)$"),
)
ASKED_OF_CHANGES = (
    header(
        "Idempotency-Key",
        "Chosen before you send: the same request with the same key happens once, and gets the same answer.",
        pattern=f"^{KEY_PATTERN}$",
    ),
)
NUMBER = {"type": "integer", "minimum": 0}
TOLD = (
    header(
        "X-Request-Id",
        f"Yours, if it has at most {REQUEST_ID_CHARACTERS_MAX} characters of A-Z a-z 0-9 . _ : -; else ours.",
        True,
    ),
    header("X-RateLimit-Limit", "Tokens of the full bucket that this was charged to.", True, **NUMBER),
    header("X-RateLimit-Remaining", "Tokens left.", True, **NUMBER),
    header("X-RateLimit-Reset", "Seconds until it is full again.", True, **NUMBER),
)
TOLD_BY_READS = (header("ETag", "For If-None-Match, which a 304 answers.", [200]),)
TOLD_BY_CHANGES = (
    header("X-Replayed", "true: the key was used before, and this is the first answer again.", [200, 201]),
)
TOLD_BY_NEW_THINGS = (header("Location", "Where what was made can be read.", [201]),)
TOLD_WHEN_LATE = (header("Retry-After", "Seconds.", [429, 503, 504], **NUMBER),)


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
        return {**cookie, "description": "A browser that is signed in; changes carry X-CSRFToken as well."}


class TextField(OpenApiSerializerFieldExtension):
    """Also what Django refuses without saying so in the description: NUL."""

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
        asked = () if self._is_open() else ASKED + (ASKED_OF_CHANGES if keyed else ())
        made = (TOLD_BY_CHANGES if keyed else ()) + TOLD_BY_NEW_THINGS
        told = TOLD + TOLD_WHEN_LATE + (made if self._changes() else TOLD_BY_READS)
        return [*([query] if query else []), *asked, *told]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [] if self._is_open() else super().get_auth()

    def _get_request_body(self, direction: Any = "request") -> Any:
        """A file that is sent as it is has to be there too."""
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if body and "application/octet-stream" in body["content"]:
            body["required"] = True
        return body

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        """What was said of the success, and the refusals that hold everywhere."""
        bodies = super()._get_response_bodies(direction)
        if direction != "response":
            return bodies
        known = refusals(self._changes())
        if self._is_open():
            known = {status: known[status] for status in (400, 401, 403, 404, 406, 429, 500, 503)}
        for status, response in known.items():
            bodies.setdefault(str(status), self._get_response_for_code(response, str(status), direction=direction))  # type: ignore[no-untyped-call]
        if not self._changes():
            bodies["304"] = {"description": "It is what you have (If-None-Match).", "headers": bodies["200"]["headers"]}
        return bodies

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """With its own docstring, not its base's. What is read strictly has no other fields."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if not type(serializer).__doc__ or "__doc__" not in vars(type(serializer)):
            schema.pop("description", None)
        if not isinstance(serializer, Strict):
            return schema
        for one in schema.get("properties", {}).values():
            if one.get("oneOf", [{}])[-1] == BLANK:  # beside a pattern that blank matches too
                one |= one.pop("oneOf")[0]
        examples = {"examples": [serializer.example]} if serializer.example else {}
        return {**schema, "additionalProperties": False, **examples}
