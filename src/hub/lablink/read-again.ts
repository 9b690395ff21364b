import type { CallOutput } from '../../contract/calls.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import type { HubBench } from '../bench/hub-bench.ts';

/** How long a settled instrument may take to be read again; ms. */
const REFRESH_MS = 2000;

/** After Outputs off: what clients read then says that the outputs are off. An instrument that does not answer in time is shown as before. */
export async function readAgain(
  bench: HubBench,
  principal: Principal,
  results: CallOutput<'outputs.off'>['results'],
): Promise<void> {
  const options = { as: askerOf(principal, 'lablink', 'stop'), deadlineMs: REFRESH_MS, timeoutMs: REFRESH_MS };
  const instruments = [...new Set(results.filter(({ confirmed }) => confirmed).map(({ instrument }) => instrument))];
  const refresh = (instrument: string) => bench.client.call('instrument.refresh', { instrument }, options);
  await Promise.allSettled(instruments.map(refresh));
}
