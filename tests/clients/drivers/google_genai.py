"""google-genai: videos of Veo, by the Gemini API and by Vertex AI."""

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


drive(generate=generate, look_up=look_up)
