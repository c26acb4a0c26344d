import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import OpenAI from "openai";

import { ImageMock } from "./image-mock.ts";

/** The code under test; it knows nothing of the mock. */
async function poster(client: OpenAI, prompt: string): Promise<Buffer> {
  const answer = await client.images.generate({ model: "gpt-image-2", prompt, size: "1536x1024" });
  return Buffer.from(answer.data![0].b64_json!, "base64");
}

let mock: ImageMock;
let client: OpenAI;

before(async () => {
  mock = await ImageMock.start("openai");
  client = new OpenAI({ baseURL: mock.baseURL, apiKey: "anything" });
});
beforeEach(() => mock.reset());
after(() => mock.stop());

test("a poster is one request", async () => {
  const png = await poster(client, "A paper boat");

  assert.equal(png.readUInt32BE(16), 1536); // the width in the header of the PNG file
  const [request] = await mock.journal();
  assert.equal(request.payload.prompt, "A paper boat");
});

test("a rate limit is retried", async () => {
  await mock.script({ error: "rate_limited", retry_after: 0.1 });

  await poster(client, "A paper boat");

  const requests = await mock.journal();
  assert.deepEqual(requests.map((each) => each.status), [429, 200]);
});

test("a rejected request is an error that names the parameter", async () => {
  await assert.rejects(
    client.images.generate({ model: "gpt-image-2", prompt: "A boat", n: 11 }),
    (error: InstanceType<typeof OpenAI.APIError>) => error.status === 400 && error.param === "n",
  );
});
