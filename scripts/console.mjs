// What the scripts say: one line a step, with its time. No dependencies.

/** Seconds since `startMs` (of performance.now()) as people read them: `0.4 s`, `12 s`, `2 min 03 s`. */
export function elapsed(startMs) {
  const seconds = (performance.now() - startMs) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
}

/** Says what a step does, runs it, says how long it took; the error of the step goes through. */
export async function step(say, title, work) {
  const start = performance.now();
  say(`labwire: ${title} …`);
  const result = await work();
  say(`labwire: ${title}: done in ${elapsed(start)}`);
  return result;
}
