/** What an instrument's health is judged by. */
export interface HealthInput {
  state: 'opening' | 'live' | 'silent' | 'reconnecting' | 'failed';
  /** Since it was attached. */
  queries: number;
  timeouts: number;
  retries: number;
  reopened: number;
  lateBytes: number;
  malformed: number;
  lost: number;
  rateAskedHz: number;
  rateGotHz: number;
  p95Ms: number;
  /** Errors of its queue and of exchanges, in the last ten minutes. */
  recentErrors: number;
}

/** Few exchanges say little: below so many, shares are not judged. */
const FEW = 20;

/**
 * 0…100, and every reason why it is not 100. Each reason takes away what the measurement loses by it: no connection all, silence most; what happens
 * now and then, in the share it happens.
 */
export function healthOf(input: HealthInput): { score: number; reasons: string[] } {
  const found = [
    ...stateReasons(input),
    ...wireReasons(input),
    ...rateReasons(input),
    reason(Math.min(20, input.recentErrors * 4), input.recentErrors, [
      'error in the last ten minutes',
      'errors in the last ten minutes',
    ]),
  ].flatMap((one) => one ?? []);
  const lost = found.reduce((sum, { points }) => sum + points, 0);
  return { score: Math.max(0, Math.round(100 - lost)), reasons: found.map(({ text }) => text) };
}

interface Reason {
  points: number;
  text: string;
}

function stateReasons({ state }: HealthInput): (Reason | undefined)[] {
  if (state === 'failed') return [{ points: 100, text: 'another instrument answers in its place' }];
  if (state === 'reconnecting') return [{ points: 100, text: 'there is no connection; it is being opened again' }];
  return [state === 'silent' ? { points: 70, text: 'it does not answer, or sends nothing' } : undefined];
}

function wireReasons(input: HealthInput): (Reason | undefined)[] {
  const { queries, timeouts, retries, reopened, lateBytes, p95Ms } = input;
  const share = queries >= FEW ? timeouts / queries : 0;
  return [
    share > 0
      ? {
          points: Math.min(50, 5 + share * 500),
          text: `${percent(share)} of ${queries} queries were not answered in time`,
        }
      : undefined,
    reason(Math.min(20, reopened * 5), reopened, [
      'time the connection was opened again',
      'times the connection was opened again',
    ]),
    reason(Math.min(10, retries), retries, [
      'time the wire had to be made clean',
      'times the wire had to be made clean',
    ]),
    lateBytes > 0 ? { points: 5, text: `${lateBytes} bytes came late and were thrown away` } : undefined,
    p95Ms >= 1000 ? { points: 10, text: `one answer in twenty takes ${p95Ms} ms or longer` } : undefined,
  ];
}

function rateReasons({ state, rateAskedHz, rateGotHz, lost, malformed, p95Ms }: HealthInput): (Reason | undefined)[] {
  const share = rateAskedHz > 0 ? rateGotHz / rateAskedHz : 1;
  const isSlow = state === 'live' && share < 0.9;
  // A meter with a long aperture gives what it can: that is how it is set, not a fault.
  const isOwnPace = rateGotHz * p95Ms >= 500;
  return [
    isSlow
      ? {
          points: isOwnPace ? 5 : Math.min(30, (1 - share) * 30),
          text: isOwnPace
            ? `${round(rateGotHz)} rows a second are all it measures; ${round(rateAskedHz)} are asked for`
            : `${round(rateGotHz)} of ${round(rateAskedHz)} rows a second are got; ask for fewer`,
        }
      : undefined,
    reason(15, lost, ['row was lost', 'rows were lost']),
    reason(Math.min(15, malformed), malformed, [
      'line or frame could not be read',
      'lines or frames could not be read',
    ]),
  ];
}

/** `words` for one, and for more. */
function reason(points: number, count: number, [one, more]: readonly [string, string]): Reason | undefined {
  return count > 0 ? { points, text: `${count} ${count === 1 ? one : more}` } : undefined;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
