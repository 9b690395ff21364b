import { z } from 'zod';
import { outputOff } from './instrument-schema.ts';
import { labDialect, serverFinding, serverLock, serverRecording, serverState } from './server-schema.ts';
import { codecResult, serverStats, serverTrend, trendSpan } from './server-stats-schema.ts';
import { id, nothing, shortText } from './value-schema.ts';

const url = z.string().min(1).max(2000);
const secret = z.string().max(8000);

/** The part of the list about lab servers. Their instruments are attached and driven like all others, by `instrument.*`. */
export const SERVER_CALLS = {
  /** Puts a server on the bench and connects; known already: the same. What it speaks is found out (`server.changed`). Throws server.* when nothing answers: it is not added. */
  'server.add': {
    right: 'control',
    input: z.object({
      url,
      label: shortText.optional(),
      token: secret.optional(),
      /** Only for servers that do not say what they are. */
      dialect: labDialect.optional(),
    }),
    output: z.object({ server: id }),
  },
  /** Detaches its instruments and forgets it, its token, too. */
  'server.remove': { right: 'control', input: z.object({ server: id }), output: nothing },
  'server.set': {
    right: 'control',
    input: z.object({ server: id, label: shortText.optional(), webSocket: z.boolean().optional() }),
    output: serverState,
  },
  /** Tries at once. */
  'server.reconnect': { right: 'control', input: z.object({ server: id }), output: nothing },
  'server.disconnect': { right: 'control', input: z.object({ server: id }), output: nothing },
  'server.refresh': { right: 'view', input: z.object({ server: id }), output: serverState },
  /** Throws server.unauthorized, server.mfa-required, server.busy (too many tries). The password is never kept. */
  'server.login': {
    right: 'control',
    input: z.object({ server: id, user: shortText, password: secret, mfaToken: z.string().max(20).optional() }),
    output: serverState,
  },
  'server.logout': { right: 'control', input: z.object({ server: id }), output: serverState },
  /** Lock of one instrument at the server. `force` takes it from its owner: it needs the right `manage` here, and what the server wants for it there. Throws server.busy, server.denied. */
  'server.lock': {
    right: 'control',
    input: z.object({ server: id, equipment: id, on: z.boolean(), force: z.boolean().default(false) }),
    output: serverLock,
  },
  /** The server's own emergency stop and every channel by itself, at once, each read back. */
  'server.emergencyStop': {
    right: 'control',
    input: z.object({ server: id }),
    output: z.object({ results: z.array(outputOff) }),
  },
  /**
   * A command of the server itself (`help` lists them: connect an instrument to it, let it look, jobs, profiles), or of one `equipment` of it, attached or not.
   * Throws safety.refused where limits hold and it cannot be judged, server.unsupported where the server itself takes none.
   */
  'server.command': {
    right: 'control',
    input: z.object({ server: id, equipment: id.optional(), text: z.string().min(1).max(4000) }),
    output: z.object({ reply: z.string() }),
  },
  /** Recordings of messages that run at the server; null where it tells this login of none. Throws server.unsupported where it takes none, server.closed. */
  'server.recordings': {
    right: 'view',
    input: z.object({ server: id }),
    output: z.object({ recordings: z.array(serverRecording).max(1000).nullable() }),
  },
  /** The server records all it has, at its own place. `name`, `format`: else as the server likes it. Throws server.denied, server.unsupported, server.rejected. */
  'server.startRecording': {
    right: 'control',
    input: z.object({ server: id, name: shortText.min(1).optional(), format: shortText.optional() }),
    output: z.object({ name: z.string(), file: z.string() }),
  },
  'server.stopRecording': {
    right: 'control',
    input: z.object({ server: id, name: shortText.min(1) }),
    output: serverRecording,
  },
  'server.acknowledge': { right: 'control', input: z.object({ server: id, alarm: id }), output: nothing },
  /** What the server counts of its own sending, asked at most once a second for all screens. Throws server.unsupported where it has no such answer, server.closed, server.timeout. */
  'server.stats': { right: 'view', input: z.object({ server: id }), output: serverStats },
  /** How the server did over time; `after` (ms since 1970): only points later than that. */
  'server.trend': {
    right: 'view',
    input: z.object({ server: id, span: trendSpan, after: z.number().optional() }),
    output: serverTrend,
  },
  /** How the codecs do on this machine. Takes seconds; the engine goes on meanwhile. Throws server.busy while another one runs. */
  'server.benchmark': {
    right: 'view',
    input: z.object({ iterations: z.int().min(1).max(10_000).default(1000) }),
    output: z.object({ results: z.array(codecResult) }),
  },
  /** What an address speaks, what works and what is broken, without putting it on the bench. */
  'server.inspect': {
    right: 'view',
    input: z.object({ url, token: secret.optional() }),
    output: z.object({
      dialect: labDialect,
      name: z.string(),
      version: z.string(),
      features: z.record(z.string(), z.union([z.boolean(), z.array(z.string())])),
      findings: z.array(serverFinding),
      equipment: z.array(z.object({ id, label: z.string(), role: z.string(), streams: z.array(z.string()) })),
    }),
  },
} as const;
