import type { OpenDialect } from './dialect.ts';
import { openObservability } from './metrics/observability.ts';

/** Every dialect the hub speaks. On paths two of them share, the first that fits has the socket. */
export const DIALECTS: readonly OpenDialect[] = [openObservability];
