import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";

import { ImageMock } from "./image-mock.ts";

const TOKEN = "any-text"; // of the control API: the mock listens beyond its container
let container: StartedTestContainer;
let mock: ImageMock;

before(async () => {
  container = await new GenericContainer("imageparity")
    .withCommand(["serve", "openai", "--token", TOKEN])
    .withExposedPorts(8080)
    .withWaitStrategy(Wait.forHttp("/__mock__/health", 8080))
    .start();
  const url = `http://${container.getHost()}:${container.getMappedPort(8080)}`;
  mock = await ImageMock.at(url, "openai", TOKEN);
});
after(() => container.stop());

test("nothing was requested yet", async () => {
  assert.deepEqual(await mock.journal(), []);
});
