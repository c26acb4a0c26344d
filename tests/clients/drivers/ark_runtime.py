"""Volcengine's library for Ark: videos of Seedance."""

import time

from driving import Order, downloaded, drive
from volcenginesdkarkruntime import Ark


def tasks(order: Order):
    client = Ark(base_url=order["base_url"], api_key=order["api_key"], max_retries=0)
    return client.content_generation.tasks


def content(order: Order) -> list[dict]:
    found = [{"type": "text", "text": order["prompt"]}]
    for role in ("first_frame", "last_frame"):
        if data := order.get(role):
            url = {"url": f"data:image/png;base64,{data}"}
            found.append({"type": "image_url", "image_url": url, "role": role})
    return found


def create(order: Order) -> dict:
    options = order.get("options", {})
    task = tasks(order).create(model=order["model"], content=content(order), **options)
    return {"task": task.id}


def generate(order: Order) -> dict:
    """Create a task, poll it to its end, and download what it made."""
    own, id_ = tasks(order), create(order)["task"]
    states = []
    while not states or states[-1] in {"queued", "running"}:
        task = own.get(task_id=id_)
        states.append(task.status)
        time.sleep(0.01)
    made = task.content
    return {
        "task": task.to_dict(),
        "states": states,
        "video": downloaded(made.video_url) if made else None,
        "last_frame": downloaded(made.last_frame_url)
        if made and made.last_frame_url
        else None,
    }


def get(order: Order) -> dict:
    return {"task": tasks(order).get(task_id=order["task"]).to_dict()}


def listed(order: Order) -> dict:
    found = tasks(order).list(**order.get("query", {}))
    return {"total": found.total, "ids": [each.id for each in found.items]}


def delete(order: Order) -> dict:
    tasks(order).delete(task_id=order["task"])
    return {}


drive(create=create, generate=generate, get=get, list=listed, delete=delete)
