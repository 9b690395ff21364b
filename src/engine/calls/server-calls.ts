import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { benchCodecs } from '../lab/codec-bench.ts';

type ServerCall =
  | 'server.add'
  | 'server.remove'
  | 'server.set'
  | 'server.reconnect'
  | 'server.disconnect'
  | 'server.refresh'
  | 'server.login'
  | 'server.logout'
  | 'server.lock'
  | 'server.emergencyStop'
  | 'server.command'
  | 'server.acknowledge'
  | 'server.stats'
  | 'server.trend'
  | 'server.benchmark'
  | 'server.inspect';

/** A server that looks for instruments may take its time. */
const COMMAND_MS = 120_000;
const MAX_REPLY = 200_000;
/** Commands that move no output, whatever the server. */
const HARMLESS = /^\s*(help|discover|connect|profiles|jobs|health|release_stop)\b|^\s*GET\s/i;

const RELEASE = /^\s*release_stop\b/;

/** Lab servers of the bench. */
export function createServerCalls({
  servers,
  safety,
  emergency,
  events,
  instruments,
}: EngineParts): Pick<Handlers, ServerCall> {
  let isMeasuring = false;
  return {
    'server.add': async ({ url, label, token, dialect }) => {
      const added = await servers.add({
        url,
        ...(label === undefined ? {} : { label }),
        ...(token === undefined ? {} : { token }),
        ...(dialect === undefined ? {} : { dialect }),
      });
      return { server: added.id };
    },
    'server.remove': async ({ server }) => {
      await servers.remove(server);
      return {};
    },
    'server.set': ({ server, label, webSocket }) => servers.set(server, { label, webSocket }),
    'server.reconnect': ({ server }) => {
      servers.reconnect(server);
      return {};
    },
    'server.disconnect': ({ server }) => {
      servers.disconnect(server);
      return {};
    },
    'server.refresh': async ({ server }, { signal }) => {
      const found = servers.find(server);
      await found.open.refreshEquipment(signal);
      return servers.show(found);
    },
    'server.login': ({ server, user, password, mfaToken }) => servers.login(server, { user, password, mfaToken }),
    'server.logout': ({ server }) => servers.logout(server),
    'server.lock': async ({ server, equipment, on, force }, { signal, rights }) => {
      const { lock } = servers.find(server).open;
      if (!lock) throw lacks('locks');
      if (force && !rights.includes('manage'))
        throw new LabError(
          'call.denied',
          'A lock is taken from somebody by who may “manage” this bench. Nothing was changed. Ask whoever holds it.',
          { right: 'manage' },
        );
      const { owner, isOurs, expiresInS } = await lock.call(servers.find(server).open, equipment, on, force, signal);
      return { owner, isOurs, expiresInS: expiresInS ?? null };
    },
    'server.emergencyStop': async ({ server }, { who }) => {
      const found = servers.find(server);
      const { open } = found;
      const text = `Emergency stop of ${found.state.label} by ${who}`;
      events.add({ kind: 'safety', severity: 'critical', text, data: { who, server } });
      const results = open.emergencyStop
        ? await open.emergencyStop()
        : (await Promise.all(open.equipment.map(({ id }) => open.outputsOff(id)))).flat();
      return {
        results: results.map(({ equipment, group, confirmed, reason }) => ({
          instrument: equipment,
          group,
          confirmed,
          ...(reason === undefined ? {} : { reason }),
        })),
      };
    },
    'server.command': async ({ server, equipment, text }, by) => {
      const found = servers.find(server);
      const attached = found.state.equipment.find(({ id }) => id === equipment)?.instrument ?? undefined;
      // As every text to that instrument: its limits judge it.
      if (attached !== undefined)
        return replyOf((await instruments.find(attached).query(text, COMMAND_MS, by)).text ?? '');
      const { features } = found.open;
      if (equipment === undefined && !features.console) throw lacksConsole(features.commands);
      const { signal } = by;
      const isHarmless = HARMLESS.test(text);
      if (!isHarmless && found.state.equipment.some(({ instrument }) => instrument !== null))
        emergency.refuse(`“${text.slice(0, 40)}” may switch an output of the lab server on`);
      const limited = found.state.equipment.find(
        ({ instrument }) => instrument !== null && safety.isLimited(instrument),
      );
      if (limited && !isHarmless) {
        throw new LabError(
          'safety.refused',
          `${limited.label} of this server feeds a device with limits, and what “${text.slice(0, 40)}” does cannot be judged. Nothing was sent. Use its card, or remove its limits (Limits, beside Outputs off).`,
        );
      }
      const reply = await found.open.command(equipment ?? '', text, { signal, timeoutMs: COMMAND_MS });
      if (RELEASE.test(text)) {
        const { who } = by;
        const released = `${who} released the emergency stop of ${found.state.label}. Outputs there stay off until they are switched on.`;
        events.add({ kind: 'safety', severity: 'warning', text: released, data: { who, server } });
      }
      return replyOf(reply);
    },
    'server.acknowledge': async ({ server, alarm }, { who, signal }) => {
      const { open } = servers.find(server);
      if (!open.acknowledge) throw lacks('alarms to acknowledge');
      await open.acknowledge(alarm, who, signal);
      return {};
    },
    'server.stats': ({ server }) => servers.find(server).stats.read(),
    'server.trend': ({ server, span, after }) => servers.find(server).trend.read(span, after),
    'server.benchmark': async ({ iterations }, { signal }) => {
      if (isMeasuring)
        throw new LabError(
          'server.busy',
          'The codecs are being measured already. Wait for the result, or two would spoil each other.',
        );
      isMeasuring = true;
      try {
        return { results: await benchCodecs(iterations, signal) };
      } finally {
        isMeasuring = false;
      }
    },
    'server.inspect': async ({ url, token }) => {
      await using lab = await servers.inspect(url, token);
      return {
        dialect: lab.dialect,
        name: lab.about.name,
        version: lab.about.version,
        features: Object.fromEntries(
          Object.entries(lab.features).map(([name, value]) => [name, typeof value === 'boolean' ? value : [...value]]),
        ),
        findings: [...lab.about.findings],
        equipment: lab.equipment.map(({ id, label, shape, streams }) => ({
          id,
          label,
          role: shape.role,
          streams: streams.map(({ name }) => name),
        })),
      };
    },
  };
}

function replyOf(text: string): { reply: string } {
  return { reply: text.slice(0, MAX_REPLY) };
}

function lacksConsole(hasCommands: boolean): LabError {
  const text = hasCommands ? 'Name the equipment it is for.' : 'Nor does its equipment.';
  return new LabError('server.unsupported', `This lab server takes no commands itself. Nothing was sent. ${text}`);
}

function lacks(what: string): LabError {
  return new LabError('server.unsupported', `This lab server offers no ${what}. Nothing was sent.`);
}
