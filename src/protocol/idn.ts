import type { Identity } from '../core/instrument.ts';

/** Longest field kept; a longer one is noise. */
const MAX_FIELD = 128;

/** An echo of the question, or the header of the answer where headers are on (`*IDN SIGLENT,…` with CHDR SHORT). */
const HEADER = /^\*IDN(?:\?|\b)\s*/i;

/**
 * Reads the answer of `*IDN?` (IEEE 488.2 10.14: maker, model, serial, firmware). Fewer fields are tolerated (missing ones are ''),
 * commas in the firmware stay with it, quotes around the whole are dropped, `0` as serial means none. A single field without comma
 * (`KORADKA3005PV2.0`) is maker and model in one: it becomes the model. Echoes of the question and response headers are dropped.
 */
export function parseIdentity(text: string): Identity {
  const cleaned = text
    .trim()
    .replace(HEADER, '')
    .replace(/^"(.*)"$/, '$1');
  const fields = cleaned.split(',').map((field) => field.trim().slice(0, MAX_FIELD));
  if (fields.length === 1) return { maker: '', model: fields[0] ?? '', serial: '', firmware: '' };
  const [maker = '', model = '', serial = '', ...firmware] = fields;
  return { maker, model, serial: serial === '0' ? '' : serial, firmware: firmware.join(',') };
}

/** Whether a line can be the answer of `*IDN?` and not a line of measured values: it begins with a letter, is readable text and not the greeting of a web or shell server. */
export function looksLikeIdentity(text: string): boolean {
  const line = text.trim().replace(HEADER, '').replace(/^"/, '');
  if (/^(HTTP|RTSP|SIP|SSH)[/-]\d/.test(line)) return false;
  return /^[A-Za-z][\x20-\x7e]{2,255}$/.test(line) && /\d|,/.test(line) && !/^[A-Za-z_]\w*:\s*[+-]?\d/.test(line);
}
