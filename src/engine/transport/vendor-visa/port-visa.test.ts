import { setImmediate as turn } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { LabError } from '../../../core/errors.ts';
import { portVisaChild, type VisaPort } from './port-visa.ts';
import type { VisaCall, VisaRequest } from './visa-messages.ts';
import { VisaProcess } from './visa-process.ts';

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** A channel of Node, its ends with Electron's members. */
function channel(): [VisaPort, VisaPort] {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  return [electronPort(port1), electronPort(port2)];
}

function electronPort(port: MessagePort): VisaPort {
  return {
    postMessage: (message) => port.postMessage(message),
    start: () => port.start(),
    close: () => port.close(),
    on(event, listener) {
      if (event === 'message') port.on('message', (data: unknown) => listener({ data } as never));
      else port.on('close', () => listener(undefined as never));
    },
  };
}

const LOAD: VisaCall = { call: 'load', libraries: [] };

it('what is asked before the channel is there is asked when it comes; its end is told once', async () => {
  const [engine, far] = channel();
  let hand: (port: VisaPort) => void = () => {};
  const child = portVisaChild(new Promise((resolve) => (hand = resolve)));
  const running = new VisaProcess(child);
  const loading = running.ask(LOAD, 'Cannot load', 'X');
  far.on('message', ({ data }) => {
    const { id } = data as VisaRequest;
    if (id === 1) far.postMessage({ kind: 'done', id, value: { library: 'x' } });
    else far.close();
  });
  far.start();
  hand(engine);
  expect(await loading).toEqual({ library: 'x' });

  await expect(running.ask(LOAD, 'Cannot load', 'X')).rejects.toMatchObject({ code: 'transport.failed' });
  expect(await running.ended).toMatchObject({
    code: 'transport.failed',
    message: expect.stringMatching(/its process ended/),
  });
});

it('a host that cannot start it is the end, with its reason', async () => {
  const refusal = new LabError('resource.unsupported', 'no such file');
  const running = new VisaProcess(portVisaChild(Promise.reject(refusal)));
  await expect(running.ask(LOAD, 'Cannot load', 'X')).rejects.toThrow(/no such file/);
});

it('ended before the channel came, it is closed when it comes', async () => {
  const [engine, far] = channel();
  let hand: (port: VisaPort) => void = () => {};
  const child = portVisaChild(new Promise((resolve) => (hand = resolve)));
  const ends: string[] = [];
  child.onExit((how) => ends.push(how));
  const closed = new Promise<void>((resolve) => far.on('close', resolve));
  child.kill();
  hand(engine);
  await closed;
  child.send({ id: 1, request: LOAD });
  await turn();
  expect(ends, 'who ends it need not be told').toEqual([]);
});
