"""LiteLLM as a library, from outside our own environment."""

import base64
import io

import litellm
from driving import Order, drive, pictures

litellm.telemetry = False
litellm.suppress_debug_info = True


def _common(order):
    return {
        "model": f"openai/{order['model']}",
        "prompt": order["prompt"],
        "api_base": order["base_url"],
        "api_key": order["api_key"],
        **order.get("params", {}),
    }


def generate(order: Order):
    answer = litellm.image_generation(**_common(order))
    return {**pictures(answer.data), "usage": answer.usage.model_dump()}


def edit(order: Order):
    more = {}
    if "mask" in order:
        more["mask"] = _file(order["mask"], "mask.png")
    images = [_file(each, f"{n}.png") for n, each in enumerate(order["images"])]
    answer = litellm.image_edit(image=images, **more, **_common(order))
    return pictures(answer.data)


def _file(picture, name):
    file = io.BytesIO(base64.b64decode(picture))
    file.name = name
    return file


if __name__ == "__main__":
    drive(generate=generate, edit=edit)
