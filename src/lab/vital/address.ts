import { LabError } from '../../core/errors.ts';

export interface VitalAddress {
  base: string;
  /** Sockets tried in this order: the documents contradict each other. */
  sockets: readonly string[];
  /** Named in the address; others are found when their data come. */
  patients: readonly string[];
}

/** Reads `ws://host:8000/api/v1/ws/ecg/ID`, `http://host:8000?patient=ID,ID`, `host:8000`. Throws call.invalid. */
export function vitalAddress(text: string): VitalAddress {
  let url: URL | undefined;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    // Said below.
  }
  if (!url || !/^(https?|wss?):$/.test(url.protocol) || url.hostname === '') {
    throw new LabError(
      'call.invalid',
      `${text} is no address of a VITAL server. Nothing was connected. Write it like ws://192.168.1.20:8000/ws/ecg.`,
    );
  }
  const secure = url.protocol === 'https:' || url.protocol === 'wss:' ? 's' : '';
  const named = /[?&]patient=([^&]*)/.exec(url.search)?.[1] ?? '';
  const inPath = /\/ecg\/([^/]+)\/?$/.exec(url.pathname)?.[1];
  const patients = [...named.split(/,|%2c/i), inPath ?? ''].map(decoded).filter((part) => part !== '');
  const one = patients[0];
  const paths = [
    ...(url.pathname === '' || url.pathname === '/' ? [] : [url.pathname]),
    ...(one === undefined ? [] : [`/api/v1/ws/ecg/${encodeURIComponent(one)}`]),
    '/ws/ecg',
    '/ws/connect',
    '/ws',
  ];
  return {
    base: `http${secure}://${url.host}`,
    sockets: [...new Set(paths)].map((path) => `ws${secure}://${url.host}${path}`),
    patients: [...new Set(patients)],
  };
}

/** Of a query or path; as it stands where it cannot be decoded. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '));
  } catch {
    return part;
  }
}
