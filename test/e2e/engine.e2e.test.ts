import { afterAll, beforeAll, expect, test } from 'vitest';
import { enginePid, greetEngine, showBlankPage } from './blank-page.ts';
import type { App } from './launch.ts';
import { launch } from './launch.ts';

let app: App;
beforeAll(async () => {
  app = await launch();
});
afterAll(async () => {
  expect(await app.close()).toBe(0);
});

test('a page gets a port and the engine answers on it', async () => {
  await showBlankPage(app);
  const answer = JSON.parse(await greetEngine(app));
  expect(answer).toMatchObject({ type: 'answer', id: 1, output: { contract: 1, host: 'electron' } });
  expect(answer.output.dataFolder).toBe(app.dataFolder);
});

test('an engine that is killed says so, comes back, and answers on a new port', async () => {
  await showBlankPage(app);
  await greetEngine(app);
  const pid = await enginePid(app);
  await app.page.evaluate(() => {
    const gone = new Promise((done) =>
      addEventListener('message', ({ data }) => data.labwire === 'engine-gone' && done(data.retryMs)),
    );
    Object.assign(globalThis, { gone });
  });
  expect(pid).toBeGreaterThan(0);
  process.kill(pid!, 'SIGKILL');
  expect(await app.page.evaluate(() => (globalThis as unknown as { gone: Promise<number> }).gone)).toBe(0);
  const answer = JSON.parse(await greetEngine(app));
  expect(answer).toMatchObject({ type: 'answer', id: 1 });
  expect(await enginePid(app)).not.toBe(pid);
});
