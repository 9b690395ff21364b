import { type ReactElement, useSyncExternalStore } from 'react';
import { benchStore, pulseStore } from '../engine-link.ts';
import { plotStats } from '../plot/plot-stats.ts';
import { Presence } from '../share/presence.tsx';
import { ShareSign } from '../share/share-sign.tsx';
import { useStore } from '../store.ts';
import { formatBytes, formatCount, formatLeft, formatRate, plural } from '../text-format.ts';

/** What the spine of the program does now. Lost samples are always shown: 0 in green. */
export function StatusBar(): ReactElement {
  const pulse = useStore(pulseStore, (value) => value);
  const instruments = useStore(benchStore, (bench) => bench?.instruments.length ?? 0);
  const channels = useStore(benchStore, (bench) => bench?.channels.length ?? 0);
  const lost = pulse?.lost ?? 0;
  return (
    <footer className="status" data-testid="status-bar">
      <span title="Samples a second coming in">
        in{' '}
        <b data-testid="samples-per-second" className="w9">
          {pulse ? formatRate(pulse.samplesPerSecond) : '–'}
        </b>
      </span>
      <ScreenMeters />
      <span title="Samples that never reached the engine since it started">
        lost{' '}
        <b data-testid="lost" className="lost" data-some={lost > 0} data-known={pulse !== undefined}>
          {pulse ? formatCount(lost) : '–'}
        </b>
      </span>
      <span title="Free on the disk of the recordings">
        disk{' '}
        <b>
          {pulse?.diskFreeBytes == null ? '–' : formatBytes(pulse.diskFreeBytes)}
          {pulse?.diskSecondsLeft == null ? '' : ` · ${formatLeft(pulse.diskSecondsLeft)}`}
        </b>
      </span>
      <span className="grow" />
      <Presence />
      <ShareSign />
      <span title="Processor (of one core) and memory of the engine">
        engine{' '}
        <b className="w9">{pulse ? `${Math.round(pulse.cpu * 100)} % · ${formatBytes(pulse.memoryBytes)}` : '–'}</b>
      </span>
      <span>
        {plural(instruments, 'instrument')} · {plural(channels, 'channel')}
      </span>
    </footer>
  );
}

/** Of the paint loop: what this screen draws and how long a sample takes to it; without a plot, how long to the engine. */
function ScreenMeters(): ReactElement {
  const figures = useSyncExternalStore(plotStats.subscribe, plotStats.snapshot);
  const pulse = useStore(pulseStore, (value) => value);
  const hasPlot = Number.isFinite(figures.latencyP50Ms);
  const p50 = hasPlot ? figures.latencyP50Ms : pulse?.latencyP50Ms;
  const p95 = hasPlot ? figures.latencyP95Ms : pulse?.latencyP95Ms;
  return (
    <>
      <span title="Frames a second this screen draws">
        screen{' '}
        <b className="w6" data-testid="fps">
          {Math.round(figures.fps)} fps
        </b>
      </span>
      <span
        title={`${hasPlot ? 'From the wire to this screen' : 'From the wire to the engine (no plot is shown)'}: half of the samples are faster than the first, 95 % than the second`}
      >
        {hasPlot ? 'wire to screen' : 'wire to engine'}{' '}
        <b className="w9" data-testid="latency">
          {p50 === undefined || p95 === undefined ? '–' : `${ms(p50)} / ${ms(p95)} ms`}
        </b>
      </span>
    </>
  );
}

function ms(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}
