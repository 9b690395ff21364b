import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { seededRandom } from '../../../core/seeded-random.ts';
import { createMemoryWire } from '../../transport/memory-transport.ts';
import { createBk1685Framer } from './bk-1685.ts';
import { frameTransport, type ReplyFramer } from './framed-transport.ts';
import { createKoradFramer } from './korad.ts';

/** A byte at a time, as a slow line gives them. */
function slowly(framer: ReplyFramer, text: string): string {
  return [...text].map((character) => framer.push(character)).join('');
}

describe('the Korad', () => {
  it('knows the length of each answer (libsigrok korad-kaxxxxp)', () => {
    for (const feed of [slowly, (framer: ReplyFramer, text: string) => framer.push(text)]) {
      const framer = createKoradFramer();
      framer.sent('VSET1?');
      expect(feed(framer, '12.00')).toBe('12.00\n');
      framer.sent('IOUT1?');
      expect(feed(framer, '0.256')).toBe('0.256\n');
      framer.sent('OUT1');
      expect(feed(framer, '')).toBe('');
      framer.sent('STATUS?');
      expect(feed(framer, '\x51')).toBe('81\n');
    }
  });

  it('takes any byte for a status, also a line feed, a space and one above 127', () => {
    const framer = createKoradFramer();
    for (let code = 0; code < 256; code++) {
      framer.sent('STATUS?');
      expect(framer.push(String.fromCharCode(code))).toBe(`${code}\n`);
    }
  });

  it('drops the sixth byte of ISET1?, with the answer and behind it, and no other', () => {
    const framer = createKoradFramer();
    framer.sent('ISET1?');
    expect(framer.push('1.000K')).toBe('1.000\n');
    framer.sent('ISET1?');
    expect(slowly(framer, '1.000K')).toBe('1.000\n');
    expect(framer.push('K')).toBe('K');
    framer.sent('VSET1?');
    expect(framer.push('05.00K')).toBe('05.00\nK');
  });

  it('ends an identity by silence, without what is no text behind it', () => {
    const framer = createKoradFramer();
    framer.sent('*IDN?');
    expect(framer.silenceMs).toBeUndefined();
    expect(slowly(framer, 'KORADKA3005PV2.0\x01')).toBe('');
    expect(framer.silenceMs).toBeGreaterThan(0);
    expect(framer.silence()).toBe('KORADKA3005PV2.0\n');
    expect(framer.silenceMs).toBeUndefined();
  });

  it('ends a flood', () => {
    const framer = createKoradFramer();
    framer.sent('*IDN?');
    expect(framer.push('x'.repeat(5000)).length).toBeGreaterThan(100);
    expect(framer.silenceMs).toBeUndefined();
  });
});

describe('the B&K 1685', () => {
  it('gives the data of a question when its OK has come, however it is cut (User Manual, “Command set”)', () => {
    for (const feed of [slowly, (framer: ReplyFramer, text: string) => framer.push(text)]) {
      const framer = createBk1685Framer();
      framer.sent('GETD');
      expect(feed(framer, '030201450\rOK\r')).toBe('030201450\n');
      framer.sent('GMAX');
      expect(feed(framer, '360100\rOK\r')).toBe('360100\n');
    }
  });

  it('takes a command for taken when its OK has come', async () => {
    const framer = createBk1685Framer();
    let isTaken = false;
    const taken = framer.sent('SOUT1')?.then(() => {
      isTaken = true;
    });
    expect(framer.push('O')).toBe('');
    await Promise.resolve();
    expect(isTaken).toBe(false);
    expect(framer.push('K\r')).toBe('');
    await taken;
    expect(isTaken).toBe(true);
  });

  it('does not take the OK of a command for that of the question behind it', () => {
    const framer = createBk1685Framer();
    framer.sent('VOLT050');
    framer.sent('GETS');
    expect(framer.push('OK\r050025\rOK\r')).toBe('050025\n');
  });

  it('gives on what belongs to nothing', () => {
    const framer = createBk1685Framer();
    expect(framer.push('030201450\r')).toBe('030201450\r');
    expect(framer.push('x'.repeat(1000)).length).toBeGreaterThan(900 - 200);
  });
});

it('framers neither throw nor hold more than a line, whatever comes', () => {
  const random = seededRandom(11);
  const messages = ['VSET1?', 'ISET1?', 'STATUS?', '*IDN?', 'GETD', 'OUT1'];
  for (const create of [createKoradFramer, createBk1685Framer]) {
    const framer = create();
    let given = 0;
    let taken = 0;
    for (let round = 0; round < 3000; round++) {
      if (random.next() < 0.2) framer.sent(messages[Math.floor(random.next() * messages.length)] ?? '');
      const text = Array.from({ length: Math.floor(random.next() * 12) }, () =>
        random.next() < 0.3 ? '\r' : String.fromCharCode(Math.floor(random.next() * 256)),
      ).join('');
      given += text.length;
      taken += framer.push(text).length;
      if (framer.silenceMs !== undefined && random.next() < 0.3) taken += framer.silence().length;
    }
    expect(taken).toBeGreaterThan(given / 20);
  }
});

describe('a framed way', () => {
  it('gives lines, ends by silence what has no length, and stops waiting when told', async () => {
    const clock = new ManualClock();
    const { transport, device } = createMemoryWire({ clock });
    const sent: string[] = [];
    device.onBytes((bytes) => sent.push(Buffer.from(bytes).toString('latin1')));
    await using framed = frameTransport(transport, createKoradFramer(), clock);
    await framed.write(Buffer.from('*IDN?'));
    expect(sent).toEqual(['*IDN?']);
    const line = framed.read();
    await device.send(Buffer.from('KORAD'));
    await clock.advance(30);
    await device.send(Buffer.from('KA3005P'));
    await clock.advance(59);
    await clock.advance(1);
    expect(Buffer.from((await line).bytes).toString('latin1')).toBe('KORADKA3005P\n');
    const controller = new AbortController();
    const nothing = framed.read({ signal: controller.signal });
    controller.abort();
    await expect(nothing).rejects.toMatchObject({ code: 'call.cancelled' });
    await framed.write(Buffer.from('VOUT1?'));
    await device.send(Buffer.from('12.34'));
    expect(Buffer.from((await framed.read({ max: 2 })).bytes).toString('latin1')).toBe('12');
    expect(Buffer.from((await framed.read({ termChar: 10 })).bytes).toString('latin1')).toBe('.34\n');
  });

  it('lets a command wait for its OK no longer than whoever sent it', async () => {
    const clock = new ManualClock();
    const { transport } = createMemoryWire({ clock });
    await using framed = frameTransport(transport, createBk1685Framer(), clock);
    const controller = new AbortController();
    const written = framed.write(Buffer.from('SOUT1\r'), { signal: controller.signal });
    controller.abort();
    await expect(written).rejects.toMatchObject({ code: 'call.cancelled' });
  });
});
