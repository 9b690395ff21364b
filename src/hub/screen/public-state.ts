import type { BenchState, Settings } from '../../contract/bench-schema.ts';
import { CALLS } from '../../contract/calls.ts';
import { EVENTS } from '../../contract/events.ts';
import type { ServerState } from '../../contract/server-schema.ts';
import type { ShareState } from '../../contract/share-schema.ts';
import type { Upload, UploadState } from '../../contract/upload-schema.ts';

/**
 * The bench as people without the right `manage` are told it: where things lie on the disk of the bench, who logs in elsewhere and from which address
 * somebody looks is the business of those who run it. Fields stay, empty, because the contract has them; docs/hub-screen.md lists them.
 */
type Hide = (value: unknown) => unknown;

/** Stands for a path that is set and not told. */
const HIDDEN = '(not told)';

const ANSWERS: Readonly<Record<string, Hide>> = {
  'engine.hello': (output) => ({ ...CALLS['engine.hello'].output.parse(output), dataFolder: '' }),
  'bench.read': (output) => hideState(CALLS['bench.read'].output.parse(output)),
  'server.refresh': (output) => hideServer(CALLS['server.refresh'].output.parse(output)),
};

const NEWS: Readonly<Record<string, Hide>> = {
  'bench.changed': (data) => ({ bench: hideBench(EVENTS['bench.changed'].parse(data).bench) }),
  'settings.changed': (data) => ({ settings: hideSettings(EVENTS['settings.changed'].parse(data).settings) }),
  'share.changed': (data) => ({ share: hideShare(EVENTS['share.changed'].parse(data).share) }),
  'upload.changed': (data) => ({ upload: hideUpload(EVENTS['upload.changed'].parse(data).upload) }),
  'upload.progressed': (data) => {
    const { link, part } = EVENTS['upload.progressed'].parse(data);
    return { link, part: part && hidePart(part) };
  },
  'server.changed': (data) => ({ server: hideServer(EVENTS['server.changed'].parse(data).server) }),
};

/** What of an answer is told. Throws if it breaks the contract: then nothing is. */
export function publicAnswer(call: string, output: unknown): unknown {
  return Object.hasOwn(ANSWERS, call) ? ANSWERS[call]?.(output) : output;
}

/** What of an event is told; undefined: all of it. Throws if it breaks the contract. */
export function publicEvent(event: string, data: unknown): unknown {
  return Object.hasOwn(NEWS, event) ? NEWS[event]?.(data) : undefined;
}

function hideState(state: BenchState): BenchState {
  return {
    ...state,
    bench: hideBench(state.bench),
    settings: hideSettings(state.settings),
    share: hideShare(state.share),
    upload: hideUpload(state.upload),
    servers: state.servers.map(hideServer),
  };
}

function hideBench(bench: BenchState['bench']): BenchState['bench'] {
  return { ...bench, path: bench.path === null ? null : (bench.path.split(/[/\\]/).at(-1) ?? '') };
}

function hideSettings(settings: Settings): Settings {
  const { share } = settings;
  return {
    ...settings,
    recordingsFolder: '',
    fallbackFolder: '',
    share: { ...share, tls: share.tls && { cert: HIDDEN, key: HIDDEN } },
  };
}

function hideShare(share: ShareState): ShareState {
  return { ...share, connections: share.connections.map((connection) => ({ ...connection, address: '' })) };
}

function hideUpload(upload: UploadState): UploadState {
  const { target, uploads } = upload;
  return {
    ...upload,
    target: target && { ...target, url: withoutLogin(target.url), user: '' },
    uploads: uploads.map(hidePart),
  };
}

function hidePart(part: Upload): Upload {
  return { ...part, path: '' };
}

function hideServer(server: ServerState): ServerState {
  return { ...server, url: withoutLogin(server.url), login: { ...server.login, user: '' } };
}

/** An address without the name and password that may stand in it. */
function withoutLogin(text: string): string {
  if (!URL.canParse(text)) return '';
  const url = new URL(text);
  if (url.username === '' && url.password === '') return text;
  url.username = '';
  url.password = '';
  return url.href;
}
