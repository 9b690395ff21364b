import { afterAll, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { createMdnsSearch } from '../../src/engine/discovery/mdns-search.ts';
import type { SearchPlace } from '../../src/engine/discovery/search.ts';
import { openBench } from '../../src/simulator/bench.ts';

afterAll(() => expect(openScopes()).toEqual([]));

it('a bench that announces itself is found on this machine, every way at its real port', async () => {
  await using bench = await openBench({ ways: 'all', usePtys: false, announce: true });
  const wanted = bench.instruments.slice(0, 3).flatMap(({ resources }) => resources.slice(1));
  expect(wanted).toContain('TCPIP0::127.0.0.12::hislip0::INSTR');
  expect(wanted).toContain('TCPIP0::127.0.0.11::inst0::INSTR');
  const seen = new Map<string, string | null>();
  const heard = new AbortController();
  const place: SearchPlace = {
    signal: heard.signal,
    found({ resource, idn }) {
      seen.set(resource, idn);
      if (wanted.every((one) => seen.has(one))) heard.abort();
    },
    lost() {},
    progress() {},
  };
  const watching = createMdnsSearch({ askMs: 500 }).watch?.(place, () => {});
  await new Promise((resolve) => heard.signal.addEventListener('abort', resolve, { once: true }));
  watching?.[Symbol.dispose]();
  for (const { idn, resources } of bench.instruments.slice(0, 3))
    for (const resource of resources.slice(1)) expect(seen.get(resource), resource).toBe(idn);
});
