import { describe, expect, it } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import { openScopes } from '../core/scope.ts';
import type { SeededRandom } from '../core/seeded-random.ts';
import { seededRandom } from '../core/seeded-random.ts';
import { AnswerTable } from './answer-table.ts';
import type { CallName } from './calls.ts';
import { CALLS, CONTRACT_VERSION } from './calls.ts';
import { connect } from './client.ts';
import { encodeFromEngine, encodeFromScreen, parseFromEngine, parseFromScreen } from './envelope.ts';
import { createMemoryLinks } from './memory-link.ts';
import type { Handlers } from './serve.ts';
import { serve } from './serve.ts';

const NAMES = Object.keys(CALLS) as CallName[];

/** A JSON value of random shape, with the words of the envelope among its keys and texts. */
function randomJson(random: SeededRandom, depth = 4): unknown {
  const words = ['type', 'request', 'tell', 'cancel', 'id', 'call', 'input', '__proto__', 'constructor', ...NAMES];
  const word = (): string => words[random.below(words.length)] ?? '';
  switch (random.below(depth > 0 ? 9 : 6)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
      return random.below(10) - 5;
    case 3:
      return (random.next() - 0.5) * 10 ** random.below(300);
    case 4:
      return word();
    case 5:
      return 'x'.repeat(random.below(400));
    case 6:
      return Array.from({ length: random.below(5) }, () => randomJson(random, depth - 1));
    default:
      return Object.fromEntries(Array.from({ length: random.below(5) }, () => [word(), randomJson(random, depth - 1)]));
  }
}

function randomAsker(random: SeededRandom): unknown {
  if (random.below(3) === 0) return randomJson(random);
  return { user: 'a', client: 'b', role: ['admin', 'bot', 'x'][random.below(3)], rights: ['view'] };
}

/** A message that may fit the envelope, its parts random; one part in `rare` is of no kind that fits. */
function randomMessage(random: SeededRandom, rare: number): string {
  const call = random.below(rare) === 0 ? randomJson(random, 0) : NAMES[random.below(NAMES.length)];
  const id = random.below(rare) === 0 ? randomJson(random, 0) : random.below(1000);
  const type = random.below(rare) === 0 ? 'answer' : ['request', 'request', 'tell', 'cancel'][random.below(4)];
  const more = random.below(4) === 0 ? { as: randomAsker(random), deadlineMs: random.below(50) - 2, idem: 'k' } : {};
  return JSON.stringify(
    random.below(rare * 3) === 0 ? randomJson(random) : { type, id, call, input: randomJson(random), ...more },
  );
}

/** Flips, drops, doubles or inserts characters. */
function damage(text: string, random: SeededRandom): string {
  const characters = [...text];
  for (let times = random.below(3); times > 0; times--) {
    const at = random.below(characters.length + 1);
    const piece = ['"', '{', '}', '[', ',', '\\', '\u0000', '1e999', '￿'][random.below(9)] ?? '';
    characters.splice(at, random.below(3), ...(random.below(2) === 0 ? [piece] : []));
  }
  return characters.join('');
}

describe('envelope', () => {
  it('says what it was told', () => {
    const request = { type: 'request', id: 3, call: 'bench.read', input: { a: [1, null, 'µ'] } } as const;
    expect(parseFromScreen(encodeFromScreen(request))).toEqual(request);
    const named = {
      ...request,
      as: { user: 'anna', client: '7f', role: 'developer' as const, rights: ['view' as const] },
      deadlineMs: 100,
      idem: 'k',
    };
    expect(parseFromScreen(encodeFromScreen(named))).toEqual(named);
    const event = { type: 'event', event: 'library.changed', data: {}, revision: 7 } as const;
    expect(parseFromEngine(encodeFromEngine(event))).toEqual(event);
  });

  it('reads or refuses 20,000 damaged messages, nothing else', () => {
    const random = seededRandom(1);
    const outcomes = { read: 0, refused: 0 };
    for (let run = 0; run < 20_000; run++) {
      const text = damage(randomMessage(random, 8), random);
      for (const parse of [parseFromScreen, parseFromEngine]) {
        try {
          const message = parse(text);
          expect(message.type).toMatch(/^(request|tell|cancel|answer|error|event)$/);
          outcomes.read++;
        } catch (error) {
          if (!(error instanceof LabError) || error.code !== 'link.malformed') throw error;
          outcomes.refused++;
        }
      }
    }
    expect(outcomes.read).toBeGreaterThan(2_000);
    expect(outcomes.refused).toBeGreaterThan(2_000);
  });

  it('is not led astray by deep nesting', () => {
    const deep = `{"type":"tell","call":"bench.read","input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(parseFromScreen(deep).type).toBe('tell');
    expect(() => parseFromScreen('['.repeat(1_000_000))).toThrow(expect.objectContaining({ code: 'link.malformed' }));
  });
});

describe('serve under fuzz', () => {
  /** Every handler counts, and answers what its schema will refuse or throws. */
  function countingHandlers(seen: Map<string, number>): Handlers {
    return Object.fromEntries(
      NAMES.map((name) => [
        name,
        (input: unknown) => {
          expect(CALLS[name].input.safeParse(input).success).toBe(true);
          seen.set(name, (seen.get(name) ?? 0) + 1);
          if (name === 'engine.hello') return HELLO;
          throw new LabError('call.unknown', 'fuzz');
        },
      ]),
    ) as unknown as Handlers;
  }

  const LAST = 2000;
  const hello = (id: number): string =>
    encodeFromScreen({
      type: 'request',
      id,
      call: 'engine.hello',
      input: { contract: CONTRACT_VERSION, screen: '' },
    });
  const HELLO = {
    contract: CONTRACT_VERSION,
    version: '0',
    engine: 'e',
    startedNs: '0',
    nowNs: '0',
    dataFolder: '/',
    host: 'node',
    rights: ['view'],
  };

  it('answers every request once or ends the link, and leaves nothing behind', async () => {
    const seen = new Map<string, number>();
    let answered = 0;
    let ended = 0;
    for (let seed = 1; seed <= 150; seed++) {
      const random = seededRandom(seed);
      const [screen, engine] = createMemoryLinks();
      const clock = new ManualClock();
      const served = serve(engine, countingHandlers(seen), {
        id: seed,
        rights: ['view', 'control', 'manage'],
        onFault: (error) => {
          throw error;
        },
        trusted: seed % 2 === 0,
        orders: seed % 3 === 0 ? undefined : { clock, answers: new AnswerTable(clock) },
      });
      const open = new Map<number, number>();
      let hasLastWord = false;
      let finish = (): void => {};
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      screen.onMessage((text) => {
        const message = parseFromEngine(String(text));
        if (message.type === 'event') throw new Error('no event was emitted');
        if (message.id === null) hasLastWord = true;
        else if (message.id === LAST) finish();
        else {
          const left = open.get(message.id) ?? 0;
          expect(left).toBeGreaterThan(0);
          open.set(message.id, left - 1);
          answered++;
        }
      });
      const send = (text: string): void => {
        screen.send(text);
        try {
          const message = parseFromScreen(text);
          if (message.type === 'request') open.set(message.id, (open.get(message.id) ?? 0) + 1);
        } catch {
          // Refused: the link ends at it.
        }
      };
      send(hello(1000));
      for (let run = 0; run < 40; run++) {
        const text = randomMessage(random, 80);
        send(random.below(60) === 0 ? damage(text, random) : text);
      }
      screen.send(hello(LAST));
      await Promise.race([screen.closed, finished]);
      if (hasLastWord) ended++;
      else expect([...open.values()].every((left) => left === 0)).toBe(true);
      screen.end('');
      await served.closed;
      expect(clock.pending).toBe(0);
    }
    expect(openScopes()).toEqual([]);
    expect(answered).toBeGreaterThan(500);
    expect(ended).toBeGreaterThan(20);
    expect(seen.size).toBeGreaterThan(10);
  });

  it('leaves a client whole whatever an engine says', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed);
      const [screen, engine] = createMemoryLinks();
      const client = connect(screen);
      const heard: unknown[] = [];
      client.onState((change) => heard.push(change));
      const calls = NAMES.slice(0, 8).map((name) =>
        client.call(name, {} as never).then(
          () => 'answered',
          (error: unknown) => (error instanceof LabError ? error.code : String(error)),
        ),
      );
      for (let run = 0; run < 20; run++) {
        const id = random.below(10);
        const text = JSON.stringify(
          [
            { type: 'answer', id, output: randomJson(random) },
            { type: 'error', id, error: { code: randomJson(random, 0), message: 'm' } },
            { type: 'event', event: 'stream.closed', data: randomJson(random), revision: id },
            randomJson(random),
          ][random.below(random.below(10) === 0 ? 4 : 3)],
        );
        engine.send(text);
      }
      engine.end('done');
      await client.closed;
      for (const outcome of await Promise.all(calls)) {
        expect(outcome).toMatch(/^(answered|call\.\w+|link\.\w+|internal\.failed)$/);
      }
      expect(heard).toEqual([]);
    }
  });
});
