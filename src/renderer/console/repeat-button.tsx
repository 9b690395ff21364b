import { type ReactElement, useEffect, useRef, useState } from 'react';
import { parseQuantity } from '../../core/units-parse.ts';
import { sendCommand } from './send-command.ts';

const SHORTEST_S = 0.05;

/**
 * Sends the same line again and again, each time when the pause after the answer before is over; stops at the first error, on a click, and
 * when the person leaves.
 */
export function RepeatButton({ instrument, command }: { instrument: string; command: string }): ReactElement {
  const [seconds, setSeconds] = useState('1');
  const [running, setRunning] = useState<string>();
  const stop = useRef<() => void>(undefined);
  useEffect(() => () => stop.current?.(), []);

  const parsed = parseQuantity(seconds, 's');
  const pauseMs = parsed.ok && parsed.value >= SHORTEST_S ? parsed.value * 1000 : undefined;
  const start = (): void => {
    if (pauseMs === undefined) return;
    let isOn = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    stop.current = () => {
      isOn = false;
      clearTimeout(timer);
      setRunning(undefined);
    };
    const round = async (): Promise<void> => {
      const isFine = await sendCommand(instrument, command);
      if (!isOn) return;
      if (isFine) timer = setTimeout(() => void round(), pauseMs);
      else stop.current?.();
    };
    setRunning(command);
    void round();
  };
  if (running !== undefined) {
    return (
      <button type="button" className="btn danger" onClick={() => stop.current?.()} title={`Repeats ${running}`}>
        Stop repeating
      </button>
    );
  }
  return (
    <span className="repeat">
      <button type="button" className="btn" disabled={!command || pauseMs === undefined} onClick={start}>
        Repeat every
      </button>
      <input
        className="input num"
        aria-label="Pause between repeats in seconds"
        aria-invalid={pauseMs === undefined}
        value={seconds}
        maxLength={8}
        onChange={(event) => setSeconds(event.target.value)}
      />
      <span className="quiet">s</span>
    </span>
  );
}
