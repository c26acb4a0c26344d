/** The last states of a task; each provider has words of its own. */
const SUCCEEDED = ["succeed", "succeeded", "completed"];
const FAILED = ["failed", "cancelled", "canceled", "expired", "timeout"];

export class TaskError extends Error {
  readonly task: unknown;

  constructor(task: unknown) {
    super(`the task has ended without a result: ${JSON.stringify(task)}`);
    this.task = task;
  }
}

type Waiting = { every?: number; within?: number };

const sleep = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));

export async function create(url: string, key: string, body: unknown): Promise<any> {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}

/** Read a task, each time after `every` seconds, until it has succeeded. */
export async function waitFor(
  url: string,
  key: string,
  state: (task: any) => string,
  { every = 5, within = 900 }: Waiting = {},
): Promise<any> {
  const deadline = Date.now() + within * 1000;
  for (;;) {
    let pause = every;
    const response = await fetch(url, { headers: { Authorization: `Bearer ${key}` } });
    if (response.ok) {
      const task = await response.json();
      if (SUCCEEDED.includes(state(task))) return task;
      if (FAILED.includes(state(task))) throw new TaskError(task);
    } else if (response.status === 429 || response.status >= 500) {
      // A read may be repeated: it costs nothing. A creation may not.
      pause = Number(response.headers.get("Retry-After") ?? every);
      await response.body?.cancel();
    } else {
      throw new Error(`${response.status}: ${await response.text()}`);
    }
    if (Date.now() + pause * 1000 > deadline) throw new Error(`${url} has not ended`);
    await sleep(pause);
  }
}

/** The data of server-sent events, as they come. */
export async function* events(url: string, key: string, signal?: AbortSignal): AsyncGenerator<any> {
  const headers = { Authorization: `Bearer ${key}`, Accept: "text/event-stream" };
  const response = await fetch(url, { headers, signal });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  let text = "";
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    const found = (text + part).split(/\r?\n\r?\n/);
    text = found.pop()!;
    for (const event of found) {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length > 0) yield JSON.parse(lines.map((line) => line.slice(5)).join("\n"));
    }
  }
}

/** Wait for a task with the events of all tasks of the key; if they end, read the task. */
export async function waitForEvent(
  tasks: string,
  key: string,
  id: string,
  { within = 900 }: Waiting = {},
): Promise<any> {
  const ended = [...SUCCEEDED, ...FAILED];
  for await (const task of events(`${tasks}/events`, key, AbortSignal.timeout(within * 1000))) {
    if (task.task_id === id && ended.includes(task.status)) break;
  }
  return waitFor(`${tasks}/${id}`, key, (task) => task.status, { within });
}
