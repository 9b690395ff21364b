import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import type { LabError } from '../../core/errors.ts';
import type { Identity } from '../../core/instrument.ts';
import { wayOf } from '../../core/resource-way.ts';
import type { KeptError } from '../diagnostics/error-history.ts';
import type { Totals } from '../diagnostics/session-totals.ts';
import type { AttachmentParts } from './attachment-parts.ts';
import type { InstrumentOrders } from './instrument-orders.ts';
import type { Measuring } from './measuring.ts';

/** What diagnostics are made of. */
export interface AttachmentRecord {
  nowNs: bigint;
  /** Over all connections. */
  totals: Totals;
  errors: readonly KeptError[];
  state: InstrumentState['state'];
  rateAskedHz: number;
  rateGotHz: number;
  lost: number;
  malformed: number;
  lastError: LabError | undefined;
}

export interface StateParts {
  parts: AttachmentParts;
  identity: Identity;
  options: AttachOptions;
  measuring: Measuring;
  orders: InstrumentOrders;
  record: AttachmentRecord;
  retry: InstrumentState['retry'];
  stranger: InstrumentState['stranger'];
}

/** An attachment as screens see it. */
export function instrumentState(place: StateParts): InstrumentState {
  const { parts, measuring, orders, record, retry, stranger } = place;
  const { driver, session, family } = parts.link;
  const { shape } = driver;
  const { clear, trigger, statusByte, lock, remoteLocal } = session.can;
  const { lastRoundTripMs } = session.stats;
  return {
    id: parts.id,
    role: shape.role,
    label: parts.label,
    identity: place.identity,
    resource: session.resource,
    way: wayOf(session.resource),
    family,
    options: place.options,
    can: {
      screenshot: driver.screenshot !== undefined,
      clear,
      trigger,
      statusByte,
      lock,
      local: remoteLocal || driver.toLocal !== undefined,
    },
    queries: [...measuring.queries],
    isLocked: orders.isLocked,
    state: record.state,
    ...(retry ? { retry } : {}),
    ...(stranger ? { stranger } : {}),
    controls: shape.controls,
    values: parts.panel.values,
    status: parts.panel.status,
    commands: shape.commands,
    waveforms: shape.waveforms.map(({ channel }) => channel),
    rateAskedHz: record.rateAskedHz,
    rateGotHz: Math.round(record.rateGotHz * 1000) / 1000,
    lost: record.lost,
    malformed: record.malformed,
    timeouts: record.totals.timeouts,
    roundTripMs: lastRoundTripMs > 0 ? Math.round(lastRoundTripMs * 100) / 100 : null,
    lastError: record.lastError?.toJSON() ?? null,
  };
}
