import type { Diagnostics } from '../../contract/discovery-schema.ts';
import type { Attachment } from '../acquisition/attachment.ts';
import { LATENCY_EDGES_MS, quantileMs } from '../session/latency-histogram.ts';
import { healthOf } from './health.ts';

/** Errors older than this say nothing about how it is now; ns. */
const RECENT_NS = 600_000_000_000n;

/** Everything about how an instrument is, since it was attached. */
export function diagnose(attachment: Pick<Attachment, 'id' | 'resource' | 'record'>): Diagnostics {
  const { record } = attachment;
  const { totals, errors } = record;
  const { latency: counts, sinceNs, ...counters } = totals;
  const p95Ms = quantileMs(counts, 0.95);
  const recentErrors = errors.filter(({ t }) => record.nowNs - BigInt(t) < RECENT_NS).length;
  return {
    instrument: attachment.id,
    resource: attachment.resource,
    sinceNs: String(sinceNs),
    rateAskedHz: record.rateAskedHz,
    rateGotHz: record.rateGotHz,
    ...counters,
    latency: { upToMs: [...LATENCY_EDGES_MS], counts, p50Ms: quantileMs(counts, 0.5), p95Ms },
    errors: [...errors],
    health: healthOf({ ...record, ...counters, p95Ms, recentErrors }),
    lastError: record.lastError?.toJSON() ?? null,
  };
}
