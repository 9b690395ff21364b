import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { LABWIRE_LIMITS } from '../../src/hub/labwire/greeting.ts';
import { type Greeter, GreetingBook } from '../../src/hub/labwire/greeting-book.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { LabwireProbe } from './labwire-probe.ts';

const scope = new Scope('greetings');
let lab: HubLab;
beforeAll(async () => {
  lab = scope.use(await openHubLab({ attach: [], anonymous: false }));
});
afterAll(() => scope[Symbol.asyncDispose]());

test('silent sockets of an address keep a client of it out as little as any other: the oldest gives way', async () => {
  const silent: LabwireProbe[] = [];
  for (let count = 0; count < LABWIRE_LIMITS.maxGreetingPerNetwork; count++) {
    const probe = await new LabwireProbe(lab.socketUrl('/ws')).open();
    scope.defer(() => probe.socket.terminate());
    silent.push(probe);
  }
  const client = new LabwireProbe(lab.socketUrl('/ws'), { token: await lab.token('viewer') });
  scope.defer(() => client.socket.terminate());
  expect(await client.hello()).toMatchObject({ role: 'viewer' });
  await silent[0]?.until('the end of the oldest', () => silent[0]?.closed);
  expect(silent[0]?.closed).toEqual({ code: 1013, reason: expect.stringContaining('retry_after=2') });
  expect(silent.slice(1).filter(({ closed }) => closed)).toEqual([]);
});

/** Sockets of these addresses, of which each says whether it was closed. */
function crowd(book: GreetingBook, addresses: readonly string[]): (Greeter & { isOver: boolean })[] {
  return addresses.map((address) => {
    const greeter = {
      address,
      isGreeting: true,
      isOver: false,
      end: () => {
        greeter.isOver = true;
      },
    };
    book.enter(greeter);
    return greeter;
  });
}

test('at the total the oldest of the network with the most goes, and a /64 is one network', () => {
  const book = new GreetingBook({ maxGreeting: 6, maxGreetingPerNetwork: 4 });
  const [early] = crowd(book, ['192.168.1.2']);
  const flood = crowd(book, ['2001:db8::1', '2001:db8::2', '2001:db8::3']);
  crowd(book, ['192.168.1.3', '192.168.1.4']);
  const [late] = crowd(book, ['192.168.1.5']);
  expect(flood.map(({ isOver }) => isOver)).toEqual([true, false, false]);
  expect([early?.isOver, late?.isOver, book.size]).toEqual([false, false, 6]);
});

test('of one network no more than its share, and who has greeted takes no place', () => {
  const book = new GreetingBook({ maxGreeting: 10, maxGreetingPerNetwork: 2 });
  const [first, second] = crowd(book, ['10.0.0.1', '10.0.0.1']);
  Object.assign(first ?? {}, { isGreeting: false });
  const [third] = crowd(book, ['10.0.0.1']);
  expect([first, second, third].map((one) => one?.isOver)).toEqual([false, false, false]);
  const [fourth] = crowd(book, ['10.0.0.1']);
  expect([second, third, fourth].map((one) => one?.isOver)).toEqual([true, false, false]);
});
