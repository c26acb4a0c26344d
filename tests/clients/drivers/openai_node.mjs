/* openai-node. */
import OpenAI, { toFile } from "openai";

import { bytes, downloaded, drive } from "./driving.mjs";

const client = (order) =>
  new OpenAI({
    baseURL: order.base_url,
    apiKey: order.api_key,
    maxRetries: order.max_retries ?? 0,
    defaultHeaders: order.headers,
  });

const common = (order) => ({ model: order.model, prompt: order.prompt, ...order.params });

async function pictures(answer) {
  return {
    given: answer.data.map((each) => (each.b64_json ? "b64_json" : "url")),
    images: await Promise.all(answer.data.map((each) => each.b64_json ?? downloaded(each.url))),
    usage: answer.usage,
    request_id: answer._request_id,
  };
}

async function generate(order) {
  return pictures(await client(order).images.generate(common(order)));
}

async function edit(order) {
  return pictures(await client(order).images.edit(await withPictures(order)));
}

async function withPictures(order) {
  const type = { type: "image/png" };
  const images = await Promise.all(
    order.images.map((each, n) => toFile(bytes(each), `${n}.png`, type)),
  );
  const image = images.length === 1 ? images[0] : images;
  const mask = order.mask && (await toFile(bytes(order.mask), "mask.png", type));
  return { ...common(order), image, ...(mask && { mask }) };
}

async function stream(order) {
  const images = client(order).images;
  const events = order.images
    ? await images.edit({ ...(await withPictures(order)), stream: true })
    : await images.generate({ ...common(order), stream: true });
  const found = [];
  for await (const each of events) found.push(each);
  return { types: found.map((each) => each.type), images: found.map((each) => each.b64_json) };
}

async function models(order) {
  const found = [];
  for await (const each of client(order).models.list()) found.push(each.id);
  return { models: found };
}

await drive({ generate, edit, stream, models }, (error) => ({
  class: error.constructor.name,
  message: error.message,
  status_code: error.status ?? null,
  code: error.code ?? null,
  param: error.param ?? null,
  type: error.type ?? null,
  request_id: error.requestID ?? null,
}));
