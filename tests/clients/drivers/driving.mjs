/*
 * Orders come as lines of JSON, answers go as lines of JSON; several may be under way.
 *
 * An order names its `call` and carries an `id`, which its answer repeats. A call gives
 * the answer's members; what it throws becomes the member `error`.
 */
import { createInterface } from "node:readline";

export async function drive(calls, described) {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    const answer = calls[order.call](order).catch((error) => ({ error: described(error) }));
    answer.then((found) => process.stdout.write(JSON.stringify({ id: order.id, ...found }) + "\n"));
  }
}

/** The bytes of a picture that came as base64. */
export const bytes = (picture) => new Uint8Array(Buffer.from(picture, "base64"));

/** The picture at an address, `data:` or `http:`, in base64. */
export async function downloaded(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} at ${url}`);
  return Buffer.from(await answer.arrayBuffer()).toString("base64");
}
