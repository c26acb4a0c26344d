/* Vercel's AI SDK: pictures of a model that writes, by chat and by Responses. */
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { APICallError, generateText, RetryError, streamText } from "ai";

import { bytes, drive } from "./driving.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

function settings(order) {
  const server = { baseURL: order.base_url, apiKey: order.api_key, headers: order.headers };
  if (order.package === "openai") {
    const openai = createOpenAI(server);
    return {
      model: openai.responses(order.model),
      tools: { image_generation: openai.tools.imageGeneration(order.tool) },
      toolChoice: { type: "tool", toolName: "image_generation" },
    };
  }
  return { model: createOpenRouter(server).chat(order.model, { extraBody: order.body }) };
}

async function draw(order) {
  const images = (order.images ?? []).map((each) => ({ type: "image", image: bytes(each) }));
  const call = {
    ...settings(order),
    maxRetries: 0,
    messages: [{ role: "user", content: [{ type: "text", text: order.prompt }, ...images] }],
  };
  const result = order.stream ? streamText({ ...call, onError: () => {} }) : await generateText(call);
  const files = await result.files;
  const tools = (await result.staticToolResults) ?? [];
  const drawn = tools.map((each) => each.output?.result).filter(Boolean);
  return { images: [...files.map((each) => each.base64), ...drawn], text: await result.text };
}

await drive({ draw }, (error) => {
  const last = RetryError.isInstance(error) ? error.lastError : error;
  return {
    class: error.name,
    message: last.message,
    status_code: APICallError.isInstance(last) ? last.statusCode : null,
  };
});
