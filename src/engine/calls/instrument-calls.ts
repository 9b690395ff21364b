import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { Handlers } from '../../contract/serve.ts';
import { canonicalResource } from '../../core/resource.ts';
import { isQuery } from '../../protocol/scpi-line.ts';
import { linkSettings } from '../acquisition/link-settings.ts';
import { familyNamed } from '../driver/driver-table.ts';
import type { EngineParts } from '../engine-parts.ts';
import { refuseProtected } from '../safety/unattached-query.ts';
import { openSession } from '../session/open-session.ts';
import { summarizeReply } from '../session/reply-summary.ts';
import type { Exchange } from '../session/session.ts';

type InstrumentCall =
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
  | 'outputs.release'
  | 'channel.set';

/** Calls about instruments and their channels. */
export function createInstrumentCalls(parts: EngineParts): Pick<Handlers, InstrumentCall> {
  const { instruments, channels, clock, keeper, outputs, recording, traces } = parts;
  return {
    'instrument.open': async ({ resource, options }) => {
      const attachment = await instruments.open(resource, { options });
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
    'instrument.set': async ({ instrument, control, value }, by) => ({
      readBack: await instruments.find(instrument).setControl(control, value, by),
    }),
    'instrument.refresh': async ({ instrument }) => {
      await instruments.find(instrument).refresh();
      return {};
    },
    'instrument.query': async ({ instrument, text, timeoutMs, bytes }, by) => {
      const startMs = clock.monotonicMs();
      const { text: reply, raw, sizeBytes } = await instruments.find(instrument).query(text, timeoutMs, by);
      const roundTripMs = clock.monotonicMs() - startMs;
      if (!bytes || !raw) return { reply, roundTripMs };
      return { reply, roundTripMs, base64: Buffer.from(raw).toString('base64'), sizeBytes };
    },
    'resource.query': async ({ resource, text, timeoutMs, options: attach }, by) => {
      const { signal } = by;
      const known = instruments.all.find((attachment) => attachment.resource === canonicalResource(resource));
      const startMs = clock.monotonicMs();
      if (known) {
        const { text: reply } = await known.query(text, timeoutMs, by);
        return { reply, roundTripMs: clock.monotonicMs() - startMs };
      }
      const family = attach?.as === undefined ? undefined : familyNamed(attach.as);
      const { limits, ...settings } = linkSettings(attach, family?.line);
      await using session = await openSession({
        resource,
        clock,
        signal,
        ...settings,
        limits: { ...limits, timeoutMs: parts.timeoutMs() },
      });
      await refuseProtected(session, text, parts);
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
    'instrument.capture': async ({ instrument, channels: wanted }, { signal }) => ({
      stream: await instruments.find(instrument).capture(wanted, signal),
    }),
    'outputs.off': async ({ instruments: wanted }, { who }) => {
      if (!wanted) return { results: (await outputs.off(who)).results };
      const { results } = await outputs.offOf(wanted, who);
      return { results: results.filter(({ instrument }) => wanted.includes(instrument)) };
    },
    'outputs.release': (_input, { who }) => {
      outputs.release(who);
      return {};
    },
    'channel.set': (change, by) => {
      const before = channels.find(change.channel);
      const after = channels.change(change);
      keeper.touch();
      const attachment = instruments.find(after.instrument);
      if (change.rateHz !== undefined) {
        attachment.replan();
        const rate = attachment.shape.controls.find(({ id }) => id === 'rate');
        if (rate && attachment.shape.polled.length === 0)
          return attachment.setControl('rate', change.rateHz, by).then(() => ({}));
      }
      if (before.recorded !== after.recorded || before.logIntervalS !== after.logIntervalS)
        recording.reconsider(after.stream);
      return {};
    },
  };
}

export function exchangeRecord(instrument: string, exchange: Exchange): ExchangeRecord {
  return { ...exchange, at: String(exchange.at), instrument };
}
