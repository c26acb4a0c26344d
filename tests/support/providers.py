"""The providers that ship, and folders of providers that differ from one of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import specs
from contracts.media.registry import image_operations
from specs.media.image import OPERATIONS

API_KEY_HEADER = {"type": "apiKey", "in": "header", "name": "api-key"}
API_KEY_QUERY = {"type": "apiKey", "in": "query", "name": "subscription"}
BEARER = {"type": "http", "scheme": "bearer"}
SHIPPED = Path(specs.__file__).parent

# The names of the providers whose responses hold images.
ALL_IMAGE_PROVIDERS = tuple(
    name for name in specs.names() if image_operations(specs.load(name))
)
# Those for which tests run one by one. They stand for the others, which have one
# cheap test each in tests/mockserver/media/image/test_filled_responses.py.
IMAGE_PROVIDERS = ("aihubmix", "llmapi", "openai", "tikhub", "tokenhub")
# The usual operations with such responses, with the names of their providers.
IMAGE_OPERATIONS = tuple(
    (name, operation)
    for name in IMAGE_PROVIDERS
    for operation in image_operations(specs.load(name)).values()
    if operation.id in OPERATIONS
)


def write_provider(
    folder: Path,
    name: str,
    *,
    like: str = "tokenhub",
    schemes: Sequence[dict[str, Any]] = (API_KEY_HEADER,),
    base_url: str | None = None,
    key_env: str | None = None,
) -> specs.Provider:
    """
    Write `folder/name`, a copy of a provider that takes the key in these ways.

    Returns it loaded. `base_url` and `key_env` replace those of the original.
    """
    document = yaml.safe_load((SHIPPED / like / "openapi.yaml").read_text("utf-8"))
    dialect = yaml.safe_load((SHIPPED / like / "dialect.yaml").read_text("utf-8"))
    (old,) = document["components"]["securitySchemes"].values()
    names = [f"scheme{number}" for number, _ in enumerate(schemes)]
    document["components"]["securitySchemes"] = {
        name: {**scheme, "x-source": old["x-source"]}
        for name, scheme in zip(names, schemes, strict=True)
    }
    document["security"] = [{name: []} for name in names]
    dialect["title"] = name
    dialect.pop("reference", None)
    if base_url is not None:
        document["servers"] = [{"url": base_url}]
        dialect["live"]["base_url"] = base_url
    if key_env is not None:
        dialect["live"]["key_env"] = key_env
    made = folder / name
    made.mkdir(parents=True)
    (made / "openapi.yaml").write_text(yaml.safe_dump(document), "utf-8")
    (made / "dialect.yaml").write_text(yaml.safe_dump(dialect), "utf-8")
    return specs.load(name, folder)
