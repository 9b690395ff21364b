import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import type { DiscoveryState } from '../../contract/discovery-schema.ts';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import { emptyState } from '../state/empty-state.ts';
import { StateBoard } from '../state/state-board.ts';
import { createSystemClock } from '../system-clock.ts';
import { DiscoveryDesk, type DiscoveryParts } from './discovery-desk.ts';
import { createListSearch, createMissingSearch } from './list-searches.ts';
import type { Search } from './search.ts';
import type { Found } from './sighting.ts';

const IDN = 'Keysight Technologies,34461A,MY1,A';
const row = (resource: string, change: Partial<Found> = {}): Found => ({
  resource,
  state: 'usable',
  idn: null,
  ...change,
});
const SERIAL = row('ASRL/dev/ttyUSB0::INSTR', { state: 'unknown' });
const USB = row('USB0::0x2A8D::0x1401::MY1::INSTR', { idn: IDN });
const LAN = row('TCPIP0::10.0.0.5::hislip0::INSTR', { idn: IDN });

let scope: Scope;
beforeEach(() => {
  scope = new Scope('desk test');
});
afterEach(() => scope[Symbol.asyncDispose]());

function deskOf(searches: Search[], change: Partial<DiscoveryParts> = {}) {
  const clock = new ManualClock();
  const board = new StateBoard(emptyState('/nowhere'));
  const published: { atMs: number; discovery: DiscoveryState }[] = [];
  board.onChange(({ event, data }) => {
    if (event === 'discovery.changed') published.push({ atMs: clock.monotonicMs(), discovery: data.discovery });
  });
  const desk = scope.use(new DiscoveryDesk({ clock, board, searches, isInUse: () => false, ...change }));
  const names = (): string[] => board.state.discovery.found.map(({ key, state }) => `${key} ${state}`);
  return { clock, board, desk, published, names };
}

/** Looks until the signal aborts or `end` is called; tells what it is given. */
function slowSearch(source: Search['source']): Search & { tell(found: Found): void; end(): void } {
  let place: Parameters<Search['look']>[0] | undefined;
  let end = (): void => {};
  return {
    source,
    look: (given) => {
      place = given;
      return new Promise((resolve) => {
        end = resolve;
        given.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    tell: (found) => place?.found(found),
    end: () => end(),
  };
}

const KEY = 'keysight|34461a|MY1';

describe('the desk', () => {
  it('says nothing before anybody looks', async () => {
    const { clock, desk, published } = deskOf([createListSearch('serial', async () => [SERIAL], 2000)]);
    desk.refresh('serial');
    await clock.advance(10_000);
    expect(published).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('shows what is fast at once, and merges what comes later into its row', async () => {
    const slow = slowSearch('mdns');
    const { clock, desk, names, board } = deskOf([createListSearch('usb', async () => [USB]), slow]);
    void desk.search();
    await clock.advance(0);
    expect(names()).toEqual([`${KEY} available`]);
    expect(board.state.discovery).toMatchObject({
      isSearching: true,
      searches: [
        { source: 'usb', state: 'done', found: 1 },
        { source: 'mdns', state: 'searching', found: 0 },
      ],
    });
    slow.tell(LAN);
    slow.end();
    await clock.advance(200);
    expect(board.state.discovery).toMatchObject({
      isSearching: false,
      found: [{ resources: [USB.resource, LAN.resource] }],
    });
  });

  it('a flood of what is known already does not make the list anew each time', async () => {
    const slow = slowSearch('mdns');
    const { clock, desk, published } = deskOf([slow]);
    void desk.search();
    slow.tell(LAN);
    await clock.advance(1000);
    const before = published.length;
    slow.tell(LAN);
    await clock.advance(0);
    for (let count = 0; count < 100; count++) {
      slow.tell(LAN);
      await clock.advance(1);
      expect(clock.pending, 'the limit of the look, and the next list').toBe(2);
    }
    expect(published).toHaveLength(before);
  });

  it('one way that fails or is missing takes nothing along, and says why', async () => {
    const { clock, desk, board } = deskOf([
      createMissingSearch('mdns', 'no network'),
      createListSearch('usb', () => Promise.reject(new Error('boom'))),
      createListSearch('serial', async () => [SERIAL]),
    ]);
    void desk.search();
    await clock.advance(0);
    expect(board.state.discovery.searches).toMatchObject([
      { state: 'unavailable', reason: 'no network' },
      { state: 'failed', reason: expect.stringContaining('boom') },
      { state: 'done', found: 1 },
    ]);
  });

  it('what is plugged in or out is seen at once, also while a look is under way; nobody is told anything afterwards', async () => {
    let plugged: Found[] = [];
    let tell: (() => void) | undefined;
    let looking: Promise<void> = Promise.resolve();
    let looks = 0;
    const search: Search = {
      source: 'usb',
      againMs: 60_000,
      async look({ found }) {
        looks++;
        const seen = plugged;
        await looking;
        for (const one of seen) found(one);
      },
      onChange(listener) {
        tell = listener;
        return { [Symbol.dispose]: () => (tell = undefined) };
      },
    };
    const { clock, desk, names } = deskOf([search]);
    const screen = {};
    desk.watch(screen, true);
    await clock.advance(300);
    expect(names()).toEqual([]);
    plugged = [USB];
    tell?.();
    await clock.advance(300);
    expect(names()).toEqual([`${KEY} available`]);

    let end = (): void => {};
    looking = new Promise((resolve) => (end = resolve));
    tell?.();
    await clock.advance(10);
    plugged = [];
    tell?.();
    end();
    await clock.advance(300);
    expect(names()).toEqual([`${KEY} gone`]);
    expect(looks).toBe(4);
    desk.watch(screen, false);
    expect(tell).toBeUndefined();
  });

  it('while watched devices appear and vanish; gone ones are shown as gone, then dropped; nothing runs afterwards', async () => {
    let ports: Found[] = [];
    const { clock, desk, names, board } = deskOf([createListSearch('serial', async () => ports, 2000)]);
    const [one, other] = [{}, {}];
    desk.watch(one, true);
    desk.watch(other, true);
    await clock.advance(100);
    expect(names()).toEqual([]);
    ports = [SERIAL];
    await clock.advance(2100);
    expect(names()).toEqual([`${SERIAL.resource} unknown`]);
    expect(board.state.discovery.searches[0]?.state).toBe('watching');
    desk.watch(other, false);
    ports = [];
    await clock.advance(2300);
    expect(names()).toEqual([`${SERIAL.resource} gone`]);
    expect(board.state.discovery.found[0]).toMatchObject({ resources: [], reason: expect.stringContaining('no more') });
    ports = [SERIAL];
    await clock.advance(2300);
    expect(names(), 'back under its key').toEqual([`${SERIAL.resource} unknown`]);
    ports = [];
    await clock.advance(33_000);
    expect(names()).toEqual([]);
    desk.watch(one, false);
    await clock.advance(300);
    expect(clock.pending, 'no timer is left').toBe(0);
    expect(board.state.discovery.searches[0]?.state).toBe('done');
  });

  it('what was not there, or is heard no more, is looked at again while watched; what looks only when asked is not', async () => {
    const gone = new LabError('discovery.unavailable', 'no network');
    let isThere = false;
    let fail: ((error: LabError) => void) | undefined;
    let looks = 0;
    const announced: Search = {
      source: 'mdns',
      async look({ found }) {
        looks++;
        if (!isThere) throw gone;
        found(LAN);
      },
      watch(_place, failed) {
        fail = failed;
        return { [Symbol.dispose]: () => (fail = undefined) };
      },
    };
    let asked = 0;
    const onlyAsked: Search = {
      source: 'vxi11',
      async look() {
        asked++;
        throw gone;
      },
    };
    const { clock, desk, names, board } = deskOf([announced, onlyAsked], { limits: { retryMs: 20_000 } });
    const screen = {};
    const said = () => board.state.discovery.searches.map(({ state }) => state);
    desk.watch(screen, true);
    await clock.advance(300);
    expect(said()).toEqual(['unavailable', 'unavailable']);
    await clock.advance(20_000);
    expect(looks).toBe(2);
    isThere = true;
    await clock.advance(20_300);
    expect(said()).toEqual(['watching', 'unavailable']);
    expect(names()).toEqual([`${KEY} available`]);
    isThere = false;
    fail?.(gone);
    await clock.advance(300);
    expect(fail, 'put away').toBeUndefined();
    expect(said()[0]).toBe('unavailable');
    expect(names()).toEqual([`${KEY} gone`]);
    // A person's search is none that is left out.
    isThere = true;
    await desk.search();
    await clock.advance(300);
    expect(said()[0]).toBe('watching');
    expect(asked).toBe(2);
    desk.watch(screen, false);
    await clock.advance(60_000);
    expect(clock.pending, 'no timer is left').toBe(0);
  });

  it('publishes at most five times a second, and only changes', async () => {
    const slow = slowSearch('scan');
    const { clock, desk, published } = deskOf([
      { ...slow, source: 'vxi11' },
      createListSearch('serial', async () => [SERIAL], 100),
    ]);
    desk.watch({}, true);
    for (let index = 0; index < 100; index++) {
      slow.tell(row(`TCPIP0::10.0.0.${index + 1}::5025::SOCKET`));
      await clock.advance(10);
    }
    expect(published.length).toBeLessThanOrEqual(7);
    const pauses = published.slice(1).map(({ atMs }, index) => atMs - (published[index]?.atMs ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(200);
    await clock.advance(400);
    const before = published.length;
    expect(published.at(-1)?.discovery.found).toHaveLength(101);
    await clock.advance(5000);
    expect(published.length, 'looking again at the same list is no change').toBe(before);
  });

  it('a search that hears no signal holds the end for a moment only, and is heard no more', async () => {
    let tell: ((found: Found) => void) | undefined;
    const look: Search['look'] = (place) => {
      tell = place.found;
      return new Promise(() => {});
    };
    const { clock, desk, published } = deskOf([{ source: 'vxi11', look }]);
    void desk.search();
    const ended = desk[Symbol.asyncDispose]();
    await clock.advance(2000);
    await ended;
    tell?.(LAN);
    expect(published).toEqual([]);
  });

  it('find waits for the slow no longer than asked, and filters by expression', async () => {
    const { clock, desk } = deskOf([createListSearch('usb', async () => [USB, SERIAL]), slowSearch('mdns')]);
    const found = desk.find(1500, undefined, new AbortController().signal);
    await clock.advance(1500);
    expect((await found).map(({ resources }) => resources)).toEqual([[USB.resource], [SERIAL.resource]]);
    const filtered = desk.find(0, 'usb?*', new AbortController().signal);
    await clock.advance(0);
    expect((await filtered).map(({ resources }) => resources)).toEqual([[USB.resource]]);
    await expect(desk.find(0, '*', new AbortController().signal)).rejects.toMatchObject({ code: 'call.invalid' });
    const abort = new AbortController();
    const cancelled = desk.find(1500, undefined, abort.signal);
    abort.abort(new Error('gone'));
    await expect(cancelled).rejects.toThrow('gone');
  });

  it('cancel ends what searches and keeps what was found', async () => {
    const slow = slowSearch('mdns');
    const { clock, desk, board, names } = deskOf([slow]);
    void desk.search();
    slow.tell(LAN);
    await clock.advance(0);
    desk.cancel();
    await clock.advance(300);
    expect(board.state.discovery).toMatchObject({ isSearching: false, searches: [{ state: 'cancelled', found: 1 }] });
    expect(names()).toEqual([`${KEY} available`]);
  });

  it('scans only when asked, with progress, and can be cancelled', async () => {
    const knocked: string[] = [];
    let isStuck = false;
    const { clock, desk, board } = deskOf([], {
      isInUse: (host, port) => host === '10.0.0.1' && port === 5025,
      scan: {
        width: 12,
        knock: async (host, port, _timeout, signal) => {
          knocked.push(`${host}:${port}`);
          if (isStuck) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          return port === 4880 || port === 1234 ? 'open' : 'refused';
        },
      },
      scout: { fetchLxi: async () => ({ maker: 'Rigol', model: 'DP832', serial: 'X1', firmware: '1', addresses: [] }) },
    });
    expect(() => desk.scan('10.0.0.0/8')).toThrow(/4,096/);
    desk.scan('10.0.0.0/30');
    await clock.advance(300);
    expect(knocked).toHaveLength(2 * 6 - 1);
    expect(knocked, 'an attached instrument is left alone').not.toContain('10.0.0.1:5025');
    expect(board.state.discovery.searches).toMatchObject([{ source: 'scan', state: 'done', found: 4 }]);
    expect(board.state.discovery.found).toMatchObject([
      {
        idn: 'Rigol,DP832,X1,1',
        state: 'available',
        resources: ['TCPIP0::10.0.0.1::hislip0::INSTR', 'TCPIP0::10.0.0.2::hislip0::INSTR'],
      },
      {
        state: 'unusable',
        paths: [{ resource: 'PRLGX-TCPIP0::10.0.0.1::1234::INTFC', fix: expect.stringContaining('GPIB address') }],
      },
      { state: 'unusable' },
    ]);
    isStuck = true;
    desk.scan('10.0.1.0/24');
    await clock.advance(300);
    desk.cancel();
    await clock.advance(300);
    expect(board.state.discovery).toMatchObject({
      isSearching: false,
      searches: [{ source: 'scan', state: 'cancelled' }],
    });
  });
});

describe('who is behind a way', () => {
  /** A desk on the real clock: what it asks is real. */
  function realDesk(found: Found[], { isInUse = false, timeoutMs = 10_000 } = {}) {
    const board = new StateBoard(emptyState('/nowhere'));
    const desk = scope.use(
      new DiscoveryDesk({
        clock: createSystemClock(),
        board,
        searches: [createListSearch('mdns', async () => found)],
        isInUse: () => isInUse,
        scout: { limits: { timeoutMs } },
      }),
    );
    return desk;
  }
  const find = (desk: DiscoveryDesk) => desk.find(60_000, undefined, new AbortController().signal);

  it('is asked by *IDN? where it announced itself, once', async () => {
    await using instrument = await ScriptedInstrument.open({ '*IDN?': IDN });
    const desk = realDesk([row(instrument.resource, { mayAsk: true })]);
    expect(await find(desk)).toMatchObject([{ idn: IDN, name: '34461A', state: 'available' }]);
    instrument.answers['*IDN?'] = 'Other,M,2,3';
    expect(await find(desk), 'known already').toMatchObject([{ idn: IDN }]);
  });

  it('is not asked where it did not, nor where one at that host is attached', async () => {
    await using instrument = await ScriptedInstrument.open({ '*IDN?': IDN });
    expect(await find(realDesk([row(instrument.resource)]))).toMatchObject([{ idn: null }]);
    const busy = await find(
      realDesk([row(instrument.resource, { mayAsk: true, state: 'unknown' })], { isInUse: true }),
    );
    expect(busy).toMatchObject([{ idn: null, reason: expect.stringContaining('is attached') }]);
  });

  it('stays unknown with the reason when it does not answer', async () => {
    await using instrument = await ScriptedInstrument.open({});
    const rows = await find(
      realDesk([row(instrument.resource, { mayAsk: true, state: 'unknown', about: 'port open' })], { timeoutMs: 1000 }),
    );
    expect(rows).toMatchObject([{ idn: null, state: 'unknown', reason: 'port open; it does not answer *IDN?' }]);
  });

  it('is learned from the LXI identification, without a word to the instrument', async () => {
    const asked: string[] = [];
    const server = http.createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/lxi/identification') response.writeHead(302, { location: '/lxi/id.xml' }).end();
      else
        response.end(
          '<LXIDevice><Manufacturer>Siglent</Manufacturer><Model>SPD3303X</Model><SerialNumber>S1</SerialNumber></LXIDevice>',
        );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    await using instrument = await ScriptedInstrument.open({ '*IDN?': 'Not,asked,1,2' });
    const { port } = server.address() as AddressInfo;
    const rows = await find(realDesk([row(instrument.resource, { mayAsk: true, httpPort: port })]));
    expect(rows).toMatchObject([{ idn: 'Siglent,SPD3303X,S1,' }]);
    expect(asked).toEqual(['/lxi/identification', '/lxi/id.xml']);
  });

  it('a web page without end, or none that is LXI, is no identification', async () => {
    const server = http.createServer((_request, response) => {
      const timer = setInterval(() => response.write('x'.repeat(65_536)), 1);
      response.on('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    await using instrument = await ScriptedInstrument.open({ '*IDN?': IDN });
    const { port } = server.address() as AddressInfo;
    expect(await find(realDesk([row(instrument.resource, { mayAsk: true, httpPort: port })]))).toMatchObject([
      { idn: IDN },
    ]);
  });
});
