"""
A server of long-running tasks in three dialects, written from the public pages.

    python tasks_server.py --port 0 [--polls N | --seconds S]

It shares nothing with the packages under test. `http://…/NAME` serves everything with
the defect NAME of tasks_defects.txt, `http://…/none` without one.
"""

import argparse
import io
import json
import math
import random
import re
import struct
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import av
from PIL import Image

KEY = "a-secret-key"
SIZES = {"16:9": (864, 496), "9:16": (496, 864), "1:1": (640, 640)}
KLING_SIZES = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (720, 720)}
LOCK = threading.Lock()
TASKS = {}
FILES = {}
OPTIONS = argparse.Namespace(polls=0, seconds=0.3)


# -- files


def png(width, height, shade):
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    row = b"\0" + bytes([shade, 120, 200]) * width
    data = zlib.compress(row * height)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def mp4(width, height, seconds, sound):
    key = (width, height, seconds, sound)
    if key not in FILES:
        FILES[key] = encoded(*key)
    return FILES[key]


def encoded(width, height, seconds, sound):
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        tone = file.add_stream("aac", rate=44100) if sound else None
        for number in range(24 * seconds):
            image = Image.new("RGB", (width, height), (number % 256, 80, 120))
            frame = av.VideoFrame.from_image(image)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if tone is not None:
            for at in range(44100 * seconds // 1024):
                frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
                wave = [math.sin(number / 20) / 4 for number in range(1024)]
                frame.planes[0].update(struct.pack("<1024f", *wave))
                frame.sample_rate, frame.pts = 44100, at * 1024
                file.mux(tone.encode(frame))
            file.mux(tone.encode(None))
    return out.getvalue()


# -- tasks


class Task:
    def __init__(self, dialect, request, failing):
        self.dialect, self.request, self.failing = dialect, request, failing
        letters = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=24))
        digits = "".join(random.choices("123456789", k=18))
        self.id = {
            "kling": digits,
            "ark": time.strftime("cgt-%Y%m%d%H%M%S-") + letters[:5],
            "aihubmix": f"task_{letters}",
        }[dialect]
        self.created = self.updated = time.time()
        self.reads, self.last, self.ended, self.cancelled = 0, 0, None, False

    def phase(self):
        """0 waiting, 1 running, 2 succeeded, 3 failed, 4 cancelled."""
        if self.cancelled:
            return 4
        if OPTIONS.polls:
            share = self.reads / OPTIONS.polls
        else:
            share = (time.time() - self.created) / OPTIONS.seconds
        found = 0 if share <= 1 / 3 else 1 if share < 1 else 3 if self.failing else 2
        if found != self.last:
            self.last, self.updated = found, time.time()
            self.ended = self.updated if found > 1 else None
        return found


class Problem(Exception):
    def __init__(self, status, name, message):
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


ARK_STATES = ("queued", "running", "succeeded", "failed", "cancelled")
KLING_STATES = ("submitted", "processing", "succeed", "failed")
HUB_STATES = ("pending", "in_progress", "completed", "failed")


def swapped(defect, state):
    words = {
        "state-success": {"succeeded": "success", "succeed": "success"},
        "state-upper-case": {"succeeded": "SUCCEEDED", "completed": "COMPLETED"},
        "state-canceled": {"cancelled": "canceled"},
        "state-undocumented-waiting": {"queued": "scheduling", "pending": "waiting"},
    }
    return words.get(defect, {}).get(state, state)


def ark(task, base, defect):
    phase = task.phase()
    if defect == "finished-starts-again" and task.reads > 3:
        phase = 1
    if defect == "state-back" and phase < 2:
        phase = task.reads % 2
    body = {
        "id": task.id,
        "model": task.request["model"],
        "status": swapped(defect, ARK_STATES[phase]),
        "error": None,
        "created_at": int(task.created),
        "updated_at": int(task.updated),
        "service_tier": "default",
        "execution_expires_after": 172800,
    }
    if defect == "id-differs":
        body["id"] += "x"
    if defect == "created-is-now":
        body["created_at"] = int(task.created) + task.reads
    if defect == "created-in-milliseconds":
        body["created_at"] = int(task.created * 1000)
    if phase == 2 and defect != "success-without-result":
        body["content"] = {"video_url": f"{base}/files/{task.id}.mp4"}
        if task.request.get("return_last_frame") and defect != "last-frame-missing":
            body["content"]["last_frame_url"] = f"{base}/files/{task.id}.png"
        tokens = 40594 + (task.reads if defect == "usage-differs" else 0)
        body["usage"] = {"completion_tokens": tokens, "total_tokens": tokens}
        body |= {"seed": 7, "resolution": "480p", "framespersecond": 24}
        for name in ("ratio", "duration", "generate_audio"):
            body[name] = task.request.get(name)
    if phase < 2 and defect == "result-early":
        body["content"] = {"video_url": f"{base}/files/{task.id}.mp4"}
    if phase == 3 and defect != "failed-without-reason":
        body["error"] = {"code": "InternalServiceError", "message": "It failed."}
    return body


def kling(task, base, defect):
    phase = task.phase()
    data = {
        "task_id": int(task.id) if defect == "id-as-number" else task.id,
        "task_status": swapped(defect, KLING_STATES[phase]),
        "task_info": {},
        "created_at": int(task.created * 1000),
        "updated_at": int(task.updated * 1000),
    }
    if defect == "created-in-seconds":
        data["created_at"] = int(task.created)
    if defect == "updated-back":
        data["updated_at"] -= 5000 * task.reads
    if phase == 2 and defect != "success-without-result":
        url = f"{base}/files/{task.id}.mp4"
        seconds = task.request.get("duration", "5")
        data["task_result"] = {"videos": [{"id": "v1", "url": url, "duration": seconds}]}
        data["final_unit_deduction"] = "1"
    if phase == 3:
        data["task_status_msg"] = "" if defect == "failed-without-reason" else "Failed"
    return data


def aihubmix(task, base, defect):
    phase = task.phase()
    count = task.request.get("n", 1)
    if defect == "one-result-too-few":
        count -= 1
    if defect == "results-vanish" and task.reads > 3:
        count = 1
    output = [
        {
            "index": at,
            "type": "file",
            "b64_json": None,
            "content_url": f"{base}/ai/v1/images/{task.id}/content/{at}",
        }
        for at in range(count if phase == 2 else 0)
    ]
    ended = int(task.ended) if task.ended else None
    lifetime = 60 if defect == "expires-soon" else 7200
    failure = {"code": "image_not_generated", "message": "No image was generated."}
    return {
        "id": task.id,
        "object": "image",
        "model": task.request["model"],
        "status": swapped(defect, HUB_STATES[phase]),
        "output": output,
        "error": failure if phase == 3 and defect != "failed-without-reason" else None,
        "created_at": int(task.created),
        "completed_at": ended,
        "expires_at": ended + lifetime if ended and phase == 2 else None,
    }


SHOWN = {"ark": ark, "kling": kling, "aihubmix": aihubmix}
ERRORS = {
    "ark": {
        "key": (401, {"code": "AuthenticationError", "type": "Unauthorized"}),
        "task": (404, {"code": "NotFound.Task", "type": "NotFound"}),
        "request": (400, {"code": "InvalidParameter", "type": "BadRequest"}),
        "running": (409, {"code": "InvalidAction.RunningTaskDeletion", "type": "Conflict"}),
    },
    "kling": {
        "key": (401, {"code": 1001}),
        "task": (404, {"code": 1203}),
        "request": (400, {"code": 1201}),
    },
    "aihubmix": {
        "key": (401, {"type": "authentication_error", "code": "authentication_failed"}),
        "task": (404, {"type": "not_found_error", "code": "task_not_found"}),
        "request": (400, {"type": "invalid_request_error", "code": "invalid_request"}),
        "early": (409, {"type": "invalid_request_error", "code": "result_not_ready"}),
    },
}
ROUTES = [
    ("ark", r"/api/v3/contents/generations/tasks(?:/(?P<id>[^/]+))?"),
    ("kling", r"/v1/videos/text2video(?:/(?P<id>[^/]+))?"),
    ("aihubmix", r"/ai/v1/images/generations"),
    ("aihubmix", r"/ai/v1/(?:images|tasks)(?:/(?P<id>[^/]+)(?:/content/(?P<result>[^/]+))?)?"),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve()

    do_POST = do_DELETE = do_GET

    def send(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        _, self.defect, *rest = parts.path.split("/")
        path = "/" + "/".join(rest)
        self.base = f"http://{self.headers['Host']}/{self.defect}"
        self.query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        if path.startswith("/files/"):
            return self.file(path.removeprefix("/files/"))
        for dialect, pattern in ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                break
        else:
            return self.send(404, {"error": {"message": "no such path"}})
        self.dialect = dialect
        try:
            with LOCK:
                answer = self.answer(match.groupdict())
        except Problem as problem:
            return self.problem(problem)
        return self.send(*answer)

    def problem(self, problem):
        status, members = ERRORS[self.dialect][problem.name]
        if problem.name == "task" and self.defect.startswith("unknown-"):
            return self.send(*UNKNOWN[self.defect])
        if self.dialect == "kling":
            body = {**members, "message": problem.message, "request_id": "req_1"}
        else:
            body = {"error": {"message": problem.message, **members}}
            if self.dialect == "ark":
                body["error"]["param"] = ""
                body["error"]["message"] += " Request ID: 0217"
            else:
                body["error"]["tid"] = "req_1"
        return self.send(status, body)

    def answer(self, groups):
        id_, result = groups.get("id"), groups.get("result")
        is_open = self.defect == "content-without-key" and result is not None
        if self.headers.get("Authorization") != f"Bearer {KEY}" and not is_open:
            raise Problem(401, "key", "The key is wrong.")
        if self.command == "POST":
            return self.create()
        if id_ is None:
            return self.listing()
        task = TASKS.get(id_)
        if task is None or task.dialect != self.dialect:
            raise Problem(404, "task", "There is no such task.")
        if self.command == "DELETE":
            return self.delete(task)
        if result is not None:
            return self.result(task)
        if self.defect == "reads-fail-at-the-end" and task.phase() > 1:
            return 500, {"error": {"message": "internal"}}
        task.reads += 1
        return 200, self.shown(task)

    def shown(self, task):
        body = SHOWN[self.dialect](task, self.base, self.defect)
        if self.dialect == "kling":
            body = {"code": 0, "message": "SUCCEED", "request_id": "r", "data": body}
        if "/ai/v1/tasks/" in self.path:
            for each in body["output"]:
                each |= {"result_id": str(each["index"]), "content_type": "image/png"}
        return body

    def create(self):
        request = json.loads(self.content)
        text = json.dumps(request)
        task = Task(self.dialect, request, "[[mock:task=failed]]" in text)
        TASKS[task.id] = task
        if self.defect == "create-without-id":
            return 200, {"status": "queued"}
        if self.defect == "create-is-final":
            return 200, {"created": int(time.time()), "data": [{"url": "http://x/y.png"}]}
        if self.defect == "task-is-lost":
            del TASKS[task.id]
        return 200, {"id": task.id} if self.dialect == "ark" else self.shown(task)

    def listing(self):
        names = {"ark": "page_size", "kling": "pageSize", "aihubmix": "limit"}
        text = self.query.get(names[self.dialect], "10")
        page = self.query.get("page_num") or self.query.get("pageNum") or "1"
        order = self.query.get("order", "desc")
        tier = self.query.get("filter.service_tier", "default")
        state = self.query.get("filter.status", "queued")
        states = {"queued", "running", "succeeded", "failed", "cancelled", "expired"}
        is_known = order in {"asc", "desc"} and tier in {"default", "flex"}
        is_known = is_known and state in states and (text + page).isdigit()
        if not is_known:
            raise Problem(400, "request", "A parameter is of another kind.")
        most = 500 if self.dialect == "ark" else 1000
        if not 1 <= int(text) <= 500 or not 1 <= int(page) <= most:
            raise Problem(400, "request", "A parameter is out of range.")
        found = [each for each in TASKS.values() if each.dialect == self.dialect]
        shown = [SHOWN[self.dialect](each, self.base, "none") for each in found[::-1]]
        items = shown[: int(text)]
        if self.defect == "page-size-ignored":
            items = (shown * 2)[: int(text) + 1]
        if self.defect == "list-empty":
            items = []
        if self.defect == "list-no-array":
            items = {"tasks": items}
        if self.dialect == "ark":
            return 200, {"items": items, "total": len(shown)}
        if self.dialect == "kling":
            return 200, {"code": 0, "message": "SUCCEED", "request_id": "r", "data": items}
        # The page shows no error in the rows of a list.
        rows = [{k: v for k, v in each.items() if k != "error"} for each in items]
        more = len(shown) > len(items)
        return 200, {"object": "list", "data": rows, "has_more": more, "next_after": None}

    def delete(self, task):
        if self.dialect != "ark":
            raise Problem(405, "request", "No such method.")
        phase = task.phase()
        if self.defect == "cancel-does-nothing" and phase < 2:
            return 200, b""
        if phase == 0 or (phase == 1 and self.defect == "cancels-running"):
            task.cancelled, task.updated = True, time.time()
            return 200, b""
        if phase == 1 or self.defect == "delete-refused":
            raise Problem(409, "running", "The task is running.")
        if self.defect != "deleted-is-readable":
            del TASKS[task.id]
        return 200, b""

    def result(self, task):
        if task.phase() != 2:
            raise Problem(409, "early", "There is no result yet.")
        width, height = 1024, 1024
        if task.request.get("size"):
            width, height = map(int, task.request["size"].split("x"))
        return 200, png(width, height, int(time.time()) % 200), "image/png"

    def file(self, name):
        task, is_video = TASKS.get(name.rpartition(".")[0]), name.endswith(".mp4")
        if task is None or self.defect == "url-404":
            return self.send(404, b"gone", "text/plain")
        if self.defect == "url-html":
            return self.send(200, b"<html>Log in</html>", "text/html")
        asked = task.request
        table = SIZES if task.dialect == "ark" else KLING_SIZES
        width, height = table[asked.get("aspect_ratio") or asked.get("ratio", "16:9")]
        if self.defect == "video-turned":
            width, height = height, width
        if self.defect == "video-small":
            width, height = width // 4 * 2, height // 4 * 2
        if not is_video:
            return self.send(200, png(width, height, 9), "image/png")
        seconds = int(asked.get("duration", 5)) + (self.defect == "video-longer")
        sound = bool(asked.get("generate_audio")) and self.defect != "video-silent"
        data = mp4(width, height, seconds, sound)
        if self.defect == "video-cut":
            data = data[: len(data) // 2]
        if self.defect == "video-is-picture":
            data = png(width, height, 9)
        kind = "text/plain" if self.defect == "video-as-text" else "video/mp4"
        return self.send(200, data, kind)


UNKNOWN = {
    "unknown-200-empty": (200, b"", "application/json"),
    "unknown-500": (500, {"error": {"message": "nil pointer"}}),
    "unknown-html": (404, b"<html>Not found</html>", "text/html"),
    "unknown-envelope": (404, {"detail": "Not found"}),
    "unknown-400": (
        400,
        {
            "error": {
                "message": "No such task. Request ID: 0217",
                "code": "NotFound.Task",
                "type": "NotFound",
                "param": "",
            }
        },
    ),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--polls", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.parse_args(namespace=OPTIONS)
    server = ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Handler)
    server.daemon_threads = True
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
