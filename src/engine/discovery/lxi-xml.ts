/** What an LXI device says of itself: LXI Device Specification 10, `/lxi/identification`. Missing fields are ''. */
export interface LxiIdentification {
  maker: string;
  model: string;
  serial: string;
  firmware: string;
  /** Its `InstrumentAddressString`s: VISA resource strings, as it writes them. */
  addresses: string[];
}

const MAX_FIELD = 200;
const MAX_ADDRESSES = 20;

/**
 * Reads an LXI identification document, tolerantly: any prefix, any order, CDATA, unknown elements passed over. No document type, no entity beyond the five of XML
 * and numbers is expanded. Undefined for what names no device.
 */
export function parseLxiIdentification(xml: string): LxiIdentification | undefined {
  if (!/<(?:[\w.-]+:)?LXIDevice[\s>]/.test(xml)) return undefined;
  const plain = withoutSections(xml);
  const [maker = ''] = textsOf(plain, 'Manufacturer');
  const [model = ''] = textsOf(plain, 'Model');
  const [serial = ''] = textsOf(plain, 'SerialNumber');
  const [firmware = ''] = [...textsOf(plain, 'FirmwareRevision'), ...textsOf(plain, 'FirmwareVersion')];
  if (maker === '' && model === '') return undefined;
  const addresses = [...new Set(textsOf(plain, 'InstrumentAddressString'))].filter(Boolean).slice(0, MAX_ADDRESSES);
  return { maker, model, serial, firmware, addresses };
}

/** Without comments, CDATA as plain text. One pass: a document of a stranger must not make it look twice at anything. */
function withoutSections(xml: string): string {
  const parts: string[] = [];
  for (let at = 0; ; ) {
    const start = xml.indexOf('<!', at);
    const [open, close] = xml.startsWith('<!--', start) ? ['<!--', '-->'] : ['<![CDATA[', ']]>'];
    if (start < 0) return parts.join('') + xml.slice(at);
    parts.push(xml.slice(at, start));
    at = start + 2;
    if (!xml.startsWith(open, start)) continue;
    const end = xml.indexOf(close, start + open.length);
    // Not closed: nothing behind it is text.
    if (end < 0) return parts.join('');
    if (open !== '<!--')
      parts.push(
        xml
          .slice(start + open.length, end)
          .replaceAll('&', '&amp;')
          .replaceAll('<', '&lt;'),
      );
    at = end + close.length;
  }
}

/** Texts of the elements of a local name, in order; of elements that hold only text. */
function textsOf(xml: string, name: string): string[] {
  const pattern = new RegExp(`<(?:[\\w.-]+:)?${name}(?:\\s[^<>]*)?>([^<]*)</`, 'g');
  return [...xml.matchAll(pattern)].map(([, text = '']) => decodeText(text).trim().slice(0, MAX_FIELD));
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decodeText(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, decodeEntity);
}

function decodeEntity(whole: string, name: string): string {
  if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}
