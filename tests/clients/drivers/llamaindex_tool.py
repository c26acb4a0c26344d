"""LlamaIndex's tool for an agent that draws, from outside our own environment."""

import base64
import os
import threading
from pathlib import Path

from driving import Order, downloaded, drive
from llama_index.tools.openai import OpenAIImageGenerationToolSpec

_environment = threading.Lock()


def generate(order: Order):
    # The tool takes its base URL from the environment alone.
    with _environment:
        os.environ["OPENAI_BASE_URL"] = order["base_url"]
        tool = OpenAIImageGenerationToolSpec(
            api_key=order["api_key"], cache_dir=order.get("folder")
        )
    found = tool.image_generation(order["prompt"], **order.get("params", {}))
    if isinstance(found, tuple):
        file = Path(found[0])
        picture = base64.b64encode(file.read_bytes()).decode()
        return {"file": file.name, "images": [picture]}
    return {"url": found, "images": [downloaded(found)] if found else []}


if __name__ == "__main__":
    drive(generate=generate)
