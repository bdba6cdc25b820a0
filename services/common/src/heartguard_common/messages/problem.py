"""Problem details (RFC 9457), the other form of an error; its XML has the namespace of the RFC's appendix B.

Made by schemas/build.py from schemas/problem.schema.json: change that, not this file.
"""

from typing import NotRequired, TypedDict


class ProblemDetailDocument(TypedDict):
    """One thing wrong with a document: a text, and a JSON Pointer (RFC 6901) as the fragment of a URI."""

    detail: str
    pointer: str


class Problem(TypedDict):
    """A refusal as problem details (RFC 9457), where Accept names application/problem+json or
    application/problem+xml.
    """

    type: str
    title: str
    status: int
    detail: NotRequired[str]
    instance: NotRequired[str]
    code: str
    request_id: NotRequired[str]
    errors: NotRequired[list[ProblemDetailDocument]]
