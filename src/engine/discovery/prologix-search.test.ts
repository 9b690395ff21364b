import dgram from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { createPrologixSearch } from './prologix-search.ts';

it('asks by broadcast and lists each adapter with what to type; strangers and echoes are none', async () => {
  const adapter = dgram.createSocket('udp4');
  adapter.bind(0, '0.0.0.0');
  await once(adapter, 'listening');
  const questions: string[] = [];
  adapter.on('message', (question, from) => {
    questions.push(question.toString('hex'));
    const reply = Buffer.alloc(64);
    reply.set([0x5a, 1, question[2] ?? 0, question[3] ?? 0, 0, 0x21, 0x69, 1, 2, 3]);
    reply.set([10, 0, 0, 7], 20);
    for (const datagram of [question, Buffer.from('noise'), reply, reply])
      adapter.send(datagram, from.port, from.address);
  });
  const found: string[] = [];
  const over = new AbortController();
  const search = createPrologixSearch({
    waitMs: 60_000,
    port: adapter.address().port,
    interfaces: () => [{ name: 'lo', address: '127.0.0.1', broadcast: '127.255.255.255' }],
  });
  await search.look({
    signal: over.signal,
    found: ({ resource, state, fix }) => {
      found.push(`${resource} ${state} ${fix}`);
      // Behind what is none.
      over.abort();
    },
    lost: () => {},
    progress: () => {},
  });
  adapter.close();
  expect(questions).toEqual([expect.stringMatching(/^5a00....ffffffffffff0000$/)]);
  expect(new Set(found)).toEqual(
    new Set([
      expect.stringMatching(
        /^PRLGX-TCPIP0::10\.0\.0\.7::1234::INTFC unusable .*::9::INSTR for address 9\. The attach doctor lists/,
      ),
    ]),
  );
  const nowhere = createPrologixSearch({ interfaces: () => [] });
  await expect(nowhere.look({ signal: new AbortController().signal } as never)).rejects.toMatchObject({
    code: 'discovery.unavailable',
  });
});
