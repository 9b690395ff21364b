import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { Handlers } from '../../contract/serve.ts';
import { canonicalResource } from '../../core/resource.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import { isQuery } from '../../protocol/scpi-line.ts';
import { identityText, instrumentId } from '../acquisition/instrument-id.ts';
import { foundRow } from '../discovery/found-row.ts';
import type { EngineParts } from '../engine-parts.ts';
import { openSession } from '../session/open-session.ts';
import { summarizeReply } from '../session/reply-summary.ts';
import type { Exchange } from '../session/session.ts';
import { listSerialPorts } from '../transport/serial-ports.ts';

type InstrumentCall =
  | 'instrument.find'
  | 'instrument.open'
  | 'instrument.close'
  | 'instrument.rename'
  | 'instrument.set'
  | 'instrument.refresh'
  | 'instrument.query'
  | 'resource.query'
  | 'instrument.exchanges'
  | 'trace.watch'
  | 'instrument.capture'
  | 'outputs.off'
  | 'channel.set';

/** Calls about instruments and their channels. */
export function createInstrumentCalls(parts: EngineParts): Pick<Handlers, InstrumentCall> {
  const { instruments, channels, clock, keeper, outputs, recording, traces } = parts;
  return {
    'instrument.find': async () => ({ found: await find(parts) }),
    'instrument.open': async ({ resource }) => {
      const attachment = await instruments.open(resource);
      await attachment.ready;
      return { instrument: attachment.id };
    },
    'instrument.close': async ({ instrument }) => {
      await instruments.close(instrument);
      return {};
    },
    'instrument.rename': ({ instrument, label }) => {
      instruments.rename(instrument, label);
      return {};
    },
    'instrument.set': async ({ instrument, control, value }, { screen }) => ({
      readBack: await instruments.find(instrument).setControl(control, value, screen.name),
    }),
    'instrument.refresh': async ({ instrument }) => {
      await instruments.find(instrument).refresh();
      return {};
    },
    'instrument.query': async ({ instrument, text, timeoutMs }) => {
      const startMs = clock.monotonicMs();
      const reply = await instruments.find(instrument).query(text, timeoutMs);
      return { reply, roundTripMs: clock.monotonicMs() - startMs };
    },
    'resource.query': async ({ resource, text, timeoutMs }, { signal }) => {
      const known = instruments.all.find((attachment) => attachment.resource === canonicalResource(resource));
      const startMs = clock.monotonicMs();
      if (known) return { reply: await known.query(text, timeoutMs), roundTripMs: clock.monotonicMs() - startMs };
      await using session = await openSession({ resource, clock, signal, limits: { timeoutMs: parts.timeoutMs() } });
      const sentMs = clock.monotonicMs();
      const options = { signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
      if (!isQuery(text)) {
        await session.write(text, options);
        return { reply: null, roundTripMs: clock.monotonicMs() - sentMs };
      }
      return { reply: summarizeReply(await session.query(text, options)), roundTripMs: clock.monotonicMs() - sentMs };
    },
    'instrument.exchanges': ({ instrument, limit }) => ({
      exchanges: instruments
        .find(instrument)
        .exchanges(limit)
        .map((exchange) => exchangeRecord(instrument, exchange)),
    }),
    'trace.watch': ({ on }, { screen }) => {
      traces.set(screen, on);
      return {};
    },
    'instrument.capture': async ({ instrument, channels: wanted }) => ({
      stream: await instruments.find(instrument).capture(wanted),
    }),
    'outputs.off': async (_input, { screen }) => ({ results: (await outputs.off(screen.name)).results }),
    'channel.set': (change) => {
      const before = channels.find(change.channel);
      const after = channels.change(change);
      keeper.touch();
      const attachment = instruments.find(after.instrument);
      if (change.rateHz !== undefined) {
        attachment.replan();
        const rate = attachment.shape.controls.find(({ id }) => id === 'rate');
        if (rate && attachment.shape.polled.length === 0)
          return attachment.setControl('rate', change.rateHz, 'channel').then(() => ({}));
      }
      if (before.recorded !== after.recorded || before.logIntervalS !== after.logIntervalS)
        recording.reconsider(after.stream);
      return {};
    },
  };
}

/** What is there: the simulated bench, what the bench remembers, serial ports by name (never probed). Attached ones say so. */
async function find({ instruments, simulator, clock }: EngineParts): Promise<FoundInstrument[]> {
  const attached = new Map(instruments.all.map((attachment) => [attachment.id, attachment]));
  const rows = simulator.instruments.map((row): FoundInstrument => {
    const id = row.idn === null ? undefined : instrumentId(parseIdentity(row.idn), row.resources[0] ?? '');
    const known = id !== undefined && attached.delete(id);
    return { ...row, state: known ? 'attached' : row.resources.length === 0 ? 'unusable' : 'available' };
  });
  for (const attachment of attached.values()) {
    const { label, shape, identity, resource } = attachment;
    rows.push(
      foundRow({
        nowNs: clock.nowNs(),
        name: label,
        role: shape.role,
        idn: identityText(identity),
        resources: [resource],
        state: 'attached',
        source: 'remembered',
      }),
    );
  }
  const known = new Set(rows.flatMap(({ resources }) => resources));
  for (const port of await listSerialPorts()) {
    if (known.has(port.resource)) continue;
    rows.push(
      foundRow({
        nowNs: clock.nowNs(),
        name: port.name,
        role: 'unknown',
        idn: null,
        resources: [port.resource],
        state: 'unknown',
        source: 'serial',
        reason: port.about,
      }),
    );
  }
  return rows;
}

export function exchangeRecord(instrument: string, exchange: Exchange): ExchangeRecord {
  return { ...exchange, at: String(exchange.at), instrument };
}
