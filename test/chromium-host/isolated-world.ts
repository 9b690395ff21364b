// Runs in the isolated world of every page: `require('electron')` of a sandboxed preload, and the preload itself.
// The host puts the preload, wrapped in a function, and its `process` in front of this text before it is injected.

import { decodeValue, encodeValue } from './wire-value.ts';
import type { CrossAnswer, CrossCall, FromWorld, ToWorld } from './world-messages.ts';
import { ANSWER_EVENT, BINDING, CALL_EVENT, EXPOSE_EVENT, RECEIVER } from './world-messages.ts';

declare const LABWIRE_PRELOAD: (require: unknown, module: unknown, exports: unknown, process: unknown) => void;
declare const LABWIRE_PROCESS: Record<string, unknown>;

type Listener = (event: { ports: MessagePort[] }, ...args: unknown[]) => void;
type Api = Record<string, unknown>;

const world = globalThis as unknown as Record<string, (text: string) => void>;
const listeners = new Map<string, Listener[]>();
const invocations = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
const ports = new Map<number, MessagePort>();
let lastInvocation = 0;

function tell(message: FromWorld): void {
  world[BINDING]?.(JSON.stringify(message));
}

/** A real port whose other end is relayed to the host under `id`. */
function openPort(id: number): MessagePort {
  const { port1, port2 } = new MessageChannel();
  ports.set(id, port1);
  port1.onmessage = (event) => tell({ kind: 'port', port: id, value: encodeValue(event.data) });
  return port2;
}

function receive(message: ToWorld): void {
  switch (message.kind) {
    case 'message': {
      const opened = message.ports.map(openPort);
      for (const listener of listeners.get(message.channel) ?? []) {
        listener({ ports: opened }, ...(decodeValue(message.value) as unknown[]));
      }
      break;
    }
    case 'result': {
      const waiting = invocations.get(message.id);
      invocations.delete(message.id);
      if (message.error === undefined) waiting?.resolve(decodeValue(message.value ?? 'jnull'));
      else waiting?.reject(new Error(message.error));
      break;
    }
    case 'port':
      ports.get(message.port)?.postMessage(decodeValue(message.value));
      break;
    case 'port-close':
      ports.get(message.port)?.close();
      ports.delete(message.port);
      break;
  }
}

const ipcRenderer = {
  on(channel: string, listener: Listener): void {
    listeners.set(channel, [...(listeners.get(channel) ?? []), listener]);
  },
  send(channel: string, ...args: unknown[]): void {
    tell({ kind: 'send', channel, value: encodeValue(args) });
  },
  invoke(channel: string, ...args: unknown[]): Promise<unknown> {
    const id = ++lastInvocation;
    return new Promise((resolve, reject) => {
      invocations.set(id, { resolve, reject });
      tell({ kind: 'invoke', id, channel, value: encodeValue(args) });
    });
  },
};

const exposed = new Map<string, Api>();

const contextBridge = {
  exposeInMainWorld(key: string, api: Api): void {
    if (exposed.has(key)) throw new Error(`Cannot bind an API on top of an existing property on the window object`);
    exposed.set(key, api);
    const functions = Object.keys(api).filter((name) => typeof api[name] === 'function');
    const values = Object.fromEntries(Object.entries(api).filter(([, value]) => typeof value !== 'function'));
    document.dispatchEvent(new CustomEvent(EXPOSE_EVENT, { detail: { key, values, functions } }));
  },
};

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

document.addEventListener(CALL_EVENT, (event) => {
  const { id, key, name, args } = (event as CustomEvent<CrossCall>).detail;
  const answer = (detail: CrossAnswer): void => {
    document.dispatchEvent(new CustomEvent(ANSWER_EVENT, { detail }));
  };
  try {
    const called = exposed.get(key)?.[name];
    if (typeof called !== 'function') throw new Error(`The preload exposes no ${key}.${name}.`);
    const value: unknown = called(...args);
    if (!(value instanceof Promise)) return answer({ id, value });
    answer({ id, pending: true });
    value.then(
      (settled) => answer({ id, value: settled }),
      (error) => answer({ id, error: textOf(error) }),
    );
  } catch (error) {
    answer({ id, error: textOf(error) });
  }
});

// Electron runs a preload in the top frame only.
if (window.top === window) {
  world[RECEIVER] = (text) => receive(JSON.parse(text) as ToWorld);
  const electron: Record<string, unknown> = { ipcRenderer, contextBridge };
  const require = (name: string): unknown => {
    if (name === 'electron') return electron;
    throw new Error(`module not found: ${name} (a sandboxed preload may require electron only)`);
  };
  const module = { exports: {} };
  LABWIRE_PRELOAD(require, module, module.exports, LABWIRE_PROCESS);
  tell({ kind: 'ready' });
}
