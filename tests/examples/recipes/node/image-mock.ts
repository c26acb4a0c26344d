import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

// IMAGEPARITY="uvx --from git+https://github.com/OWNER/imageparity imageparity" installs nothing.
const [program, ...words] = (process.env.IMAGEPARITY ?? "imageparity").split(" ");

/** One response of the script; the schema `Script` of /__mock__/openapi.json has all fields. */
export type ScriptItem = {
  error?: string;
  fault?: string;
  latency_ms?: number;
  retry_after?: number;
  times?: number;
};
/** A request as the journal keeps it. */
export type Entry = {
  status: number | null;
  outcome: string;
  payload: Record<string, unknown>;
  decision: { because: string | null };
};
type Options = { token?: string; child?: ChildProcess };

export class ImageMock {
  readonly provider: string;
  /** The base URL for clients. */
  readonly baseURL: string;
  readonly #control: string;
  readonly #options: Options;

  constructor(url: string, provider: string, baseURL: string, options: Options) {
    this.provider = provider;
    this.baseURL = baseURL;
    this.#control = `${url}/__mock__`;
    this.#options = options;
  }

  /** Start a mock on a free port. */
  static async start(provider: string): Promise<ImageMock> {
    const serve = [...words, "serve", provider, "--port", "0", "--json"];
    const child = spawn(program, serve, { stdio: ["ignore", "pipe", "inherit"] });
    const failed = once(child, "exit").then(() => {
      throw new Error(`${program} ended before it was ready`);
    });
    const lines = createInterface({ input: child.stdout });
    const [line] = await Promise.race([once(lines, "line"), failed]);
    const ready = JSON.parse(line);
    return new ImageMock(ready.url, provider, ready.providers[provider], { child });
  }

  /** Use a mock that runs already, for example in a container. */
  static async at(url: string, provider: string, token?: string): Promise<ImageMock> {
    const found = new ImageMock(url, provider, "", { token });
    const { providers } = await found.#send("GET", "providers");
    const served = providers.find((each: { id: string }) => each.id === provider);
    return new ImageMock(url, provider, served.base_url, { token });
  }

  /** Append responses for the next requests. */
  async script(...items: ScriptItem[]): Promise<void> {
    await this.#send("POST", `script/${this.provider}`, items);
  }

  /** The requests so far, oldest first. */
  async journal(): Promise<Entry[]> {
    return (await this.#send("GET", `journal?provider=${this.provider}`)).entries;
  }

  /** Forget journal, script, quotas and clock. */
  async reset(): Promise<void> {
    await this.#send("POST", "reset");
  }

  async stop(): Promise<void> {
    const { child } = this.#options;
    if (child?.kill()) await once(child, "exit");
  }

  async #send(method: string, path: string, body?: unknown): Promise<any> {
    const headers = { "X-Mock-Token": this.#options.token ?? "" };
    const response = await fetch(`${this.#control}/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  }
}
