"""The claims of a document about the list of its models."""

from collections.abc import Iterator

from specs.documents.claims.tasks import TaskClaim
from specs.documents.model import Operation
from specs.documents.models import ModelsAction
from specs.validation.evidence import Basis, Evidence

MODELS = "models"  # the second part of the id of a claim
NAMED, DECLARED, ID, LISTED = "named", "declared", "id", "listed"


def model_claims(operation: Operation) -> Iterator[TaskClaim]:
    """Yield the claims that the responses of an operation on models test."""
    role, evidence, place = operation.models, operation.evidence, operation.pointer
    if role is None:
        return
    if role.action is ModelsAction.READ:
        yield ID, "the model has the id of the request", evidence, place
        yield LISTED, "each model of the list can be read", evidence, place
        return
    # No page says that a list is complete, or the same for each key.
    assumed = Evidence(evidence.source, Basis.ASSUMED)
    yield NAMED, "the list has the models that the document names", assumed, place
    if role.parameters is not None:
        sentence = "a model honours the request fields that it declares"
        yield DECLARED, sentence, evidence, place
