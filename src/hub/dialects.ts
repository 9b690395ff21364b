import type { OpenDialect } from './dialect.ts';
import { openLabLinkDialect } from './lablink/dialect.ts';
import { openLabwireDialect } from './labwire/labwire.ts';
import { openObservability } from './metrics/observability.ts';
import { openNeurographDialect } from './neurograph/neurograph.ts';
import { openPowerMeterDialect } from './power-meter/power-meter.ts';
import { openScreenDialect } from './screen/screen.ts';
import { openSse } from './sse/sse.ts';

/** Every dialect the hub speaks. On paths two of them share, the first that fits has the socket. */
export const DIALECTS: readonly OpenDialect[] = [
  openLabwireDialect,
  openNeurographDialect,
  openLabLinkDialect,
  openObservability,
  openPowerMeterDialect,
  openScreenDialect,
  openSse,
];
