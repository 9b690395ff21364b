import type { ReactElement } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { Client } from '../../contract/client.ts';

export interface PlotAreaProps {
  client: Client;
  bench: BenchState;
  origin: string;
  plotIds?: string[];
}

/** Stands here until the plot engine is in the tree. */
export function PlotArea({ bench }: PlotAreaProps): ReactElement {
  return <section className="plot-area" aria-label={`Plots of ${bench.bench.name}`} />;
}
