import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import { AdapterReply, EOT, type ReplyVerdict } from './prologix-reply.ts';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const eot = String.fromCharCode(EOT);

function taken(reply: AdapterReply): string {
  return String.fromCharCode(...(reply.data.take(reply.data.length) ?? []));
}

function push(reply: AdapterReply, ...chunks: string[]): ReplyVerdict[] {
  return chunks.map((chunk) => reply.push(ascii(chunk)));
}

describe('the end of an answer that comes through an adapter', () => {
  it('of text: LF and the end byte', () => {
    const reply = new AdapterReply();
    expect(push(reply, '+4.98', `7E+00\n${eot}`)).toEqual(['more', 'ended']);
    expect(taken(reply)).toBe('+4.987E+00\n');
  });

  it('of text without LF: the adapter is asked', () => {
    const reply = new AdapterReply();
    expect(push(reply, `4.987${eot}`)).toEqual(['maybe']);
    expect(reply.isText).toBe(true);
    reply.expect('300');
    expect(push(reply, '30', '0\r\n')).toEqual(['more', 'ended']);
    expect(taken(reply)).toBe('4.987');
  });

  it('of a block: its length, whatever it holds', () => {
    const reply = new AdapterReply();
    const data = `a\n${eot}b\n${eot}`;
    expect(push(reply, '#2', '06', data.slice(0, 3), data.slice(3), '\n', eot)).toEqual([
      'more',
      'more',
      'more',
      'more',
      'more',
      'ended',
    ]);
    expect(taken(reply)).toBe(`#206${data}\n`);
    const bare = new AdapterReply();
    expect(push(bare, `#13ab${eot}`, eot)).toEqual(['more', 'ended']);
    expect(taken(bare)).toBe(`#13ab${eot}`);
    const empty = new AdapterReply();
    expect(push(empty, `#10${eot}`)).toEqual(['ended']);
  });

  it('of a block with a second answer behind: that one is text again', () => {
    const reply = new AdapterReply();
    expect(push(reply, `#12ab;4.9${eot}`)).toEqual(['maybe']);
    // The end byte was data after all, so this is no text: the adapter is asked again.
    expect(push(reply, `\n${eot}`)).toEqual(['maybe']);
    expect(taken(reply)).toBe(`#12ab;4.9${eot}\n`);
  });

  it('of anything else: asked, and data if more comes first', () => {
    const reply = new AdapterReply();
    expect(push(reply, `\x00\xff${eot}`)).toEqual(['maybe']);
    reply.expect('301');
    expect(push(reply, 'more', `\x01${eot}301`, '\r', '\n')).toEqual(['more', 'more', 'more', 'ended']);
    expect(taken(reply)).toBe(`\x00\xff${eot}more\x01`);
  });

  it('a read that expired goes on with the next one', () => {
    const reply = new AdapterReply();
    reply.expect('302');
    expect(push(reply, '1.2', '302\r\n')).toEqual(['more', 'expired']);
    expect(push(reply, `5\n${eot}`)).toEqual(['ended']);
    expect(taken(reply)).toBe('1.25\n');
    const inBlock = new AdapterReply();
    inBlock.expect('303');
    expect(push(inBlock, `#15ab${eot}303\r\n`)).toEqual(['expired']);
    expect(push(inBlock, `cd\n${eot}`)).toEqual(['ended']);
    expect(taken(inBlock)).toBe(`#15ab${eot}cd\n`);
  });

  it('an AR488 prints the end byte as a number', () => {
    const reply = new AdapterReply({ isDigitEot: true });
    reply.expect('304');
    expect(push(reply, `1.5\n${EOT}304\r\n`)).toEqual(['ended']);
    expect(taken(reply)).toBe('1.5\n');
    const character = new AdapterReply({ isDigitEot: true });
    character.expect('305');
    expect(push(character, `1.5\n${eot}305\r\n`)).toEqual(['ended']);
    expect(taken(character)).toBe('1.5\n');
  });

  it.each(['#0ab', '#Hff', '#', '#a', '#2x5'])('%s is no block of known length', (start) => {
    const reply = new AdapterReply();
    expect(push(reply, `${start}${eot}`)[0]).toBe('maybe');
  });

  it('3000 seeded answers in seeded chunks: every byte is given, none too many', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 3000; round++) {
      const kind = random.below(4);
      const body = Array.from({ length: 1 + random.below(60) }, () =>
        random.below(4) === 0 ? EOT : random.below(8) === 0 ? 10 : random.below(256),
      );
      const text = String.fromCharCode(...body);
      const message =
        kind === 0
          ? `${text.replace(/[^ -~]/g, '7')}7\n`
          : kind === 1
            ? `#2${String(text.length).padStart(2, '0')}${text}\n`
            : kind === 2
              ? `\x80${text}`
              : `${text}\n`;
      const sent = ascii(message + eot);
      const reply = new AdapterReply();
      let verdict: ReplyVerdict = 'more';
      let at = 0;
      while (at < sent.length) {
        const size = 1 + random.below(7);
        verdict = reply.push(sent.subarray(at, at + size));
        at += size;
        // Text that is none further on is what only asking tells; here it is asked as soon as it may be over.
        if (verdict === 'ended') break;
        if (verdict === 'maybe' && random.below(2) === 0 && at < sent.length) continue;
        if (verdict === 'maybe' && at >= sent.length) {
          reply.expect('310');
          verdict = reply.push(ascii('310\r\n'));
        }
      }
      const given = taken(reply);
      // The one case that is not asked about: printable text up to LF and the end byte, as the last of a chunk.
      const isTextSoFar = verdict === 'ended' && /^[\t\n\r -~]*\n$/.test(given);
      if (!(isTextSoFar && at < sent.length)) {
        expect(verdict).toBe('ended');
        expect(given).toBe(message);
      }
    }
  });
});
