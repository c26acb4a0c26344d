"""google-genai: images of Gemini, and videos of Veo by both of their interfaces."""

import base64
import tempfile
import time
from pathlib import Path

from driving import Order, drive
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials


def client(order: Order) -> genai.Client:
    if order.get("vertex"):
        options = types.HttpOptions(base_url=order["base_url"], api_version="v1")
        place = {"project": "my-project", "location": "us-central1"}
        own = Credentials(token=order["api_key"])
        return genai.Client(
            vertexai=True, credentials=own, http_options=options, **place
        )
    options = types.HttpOptions(base_url=order["base_url"], api_version="v1beta")
    return genai.Client(api_key=order["api_key"], http_options=options)


def frame(data: str | None) -> types.Image | None:
    if data is None:
        return None
    return types.Image(image_bytes=base64.b64decode(data), mime_type="image/png")


def generate(order: Order) -> dict:
    """Create an operation, poll it to its end, and save its videos."""
    with client(order) as own:
        config = types.GenerateVideosConfig(
            last_frame=frame(order.get("last_frame")), **order.get("config", {})
        )
        source = types.GenerateVideosSource(
            prompt=order["prompt"], image=frame(order.get("image"))
        )
        operation = own.models.generate_videos(
            model=order["model"], source=source, config=config
        )
        names, polls = {operation.name}, 0
        while not operation.done:
            time.sleep(0.01)
            operation = own.operations.get(operation)
            names.add(operation.name)
            polls += 1
        result = operation.response
        videos = [each.video for each in (result and result.generated_videos) or []]
        return {
            "names": sorted(names),
            "polls": polls,
            "failure": operation.error,
            "videos": [saved(own, each) for each in videos],
            "uris": [each.uri for each in videos],
        }


def saved(own: genai.Client, video: types.Video) -> str:
    if video.uri:
        own.files.download(file=video)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        video.save(str(path))
        return base64.b64encode(path.read_bytes()).decode()


def look_up(order: Order) -> dict:
    with client(order) as own:
        operation = types.GenerateVideosOperation(name=order["name"])
        return {"done": own.operations.get(operation).done}


def content(order: Order) -> dict:
    """The texts, images and counts of a response, whole or as a stream of parts."""
    contents = [order["prompt"]]
    if image := order.get("image"):
        data = base64.b64decode(image)
        contents.append(types.Part.from_bytes(data=data, mime_type="image/png"))
    config = types.GenerateContentConfig(**order.get("config", {}))
    with client(order) as own:
        ask = own.models.generate_content
        if order.get("stream"):
            ask = own.models.generate_content_stream
        given = ask(model=order["model"], contents=contents, config=config)
        chunks = list(given) if order.get("stream") else [given]
    candidates = [each for chunk in chunks for each in chunk.candidates or ()]
    parts = [part for each in candidates for part in each.content.parts or ()]
    blobs = [each.inline_data for each in parts if each.inline_data]
    feedback = chunks[-1].prompt_feedback
    return {
        "texts": [each.text for each in parts if each.text],
        "images": [base64.b64encode(each.data).decode() for each in blobs],
        "types": [each.mime_type for each in blobs],
        "finish": [str(e.finish_reason.name) for e in candidates if e.finish_reason],
        "blocked": feedback and feedback.block_reason.name,
        "tokens": chunks[-1].usage_metadata.total_token_count,
        "chunks": len(chunks),
    }


drive(generate=generate, look_up=look_up, content=content)
