/* Vercel's AI SDK, with both of its providers that speak this API. */
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateImage, RetryError } from "ai";

import { bytes, drive } from "./driving.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

function model(order) {
  const settings = { baseURL: order.base_url, apiKey: order.api_key, headers: order.headers };
  return order.package === "openai"
    ? createOpenAI(settings).image(order.model)
    : createOpenAICompatible({ ...settings, name: "gateway" }).imageModel(order.model);
}

async function generate(order) {
  const prompt = order.images
    ? { text: order.prompt, images: order.images.map(bytes), ...(order.mask && { mask: bytes(order.mask) }) }
    : order.prompt;
  const { images, usage, warnings } = await generateImage({
    model: model(order),
    prompt,
    maxRetries: order.max_retries ?? 0,
    ...order.params,
  });
  return {
    images: images.map((each) => each.base64),
    types: images.map((each) => each.mediaType),
    usage,
    warnings,
  };
}

await drive({ generate }, (error) => {
  const last = RetryError.isInstance(error) ? error.lastError : error;
  return {
    class: error.name,
    last: last.name,
    message: last.message,
    status_code: APICallError.isInstance(last) ? last.statusCode : null,
    retryable: APICallError.isInstance(last) ? last.isRetryable : null,
    body: last.responseBody ?? null,
  };
});
