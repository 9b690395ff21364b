import type { ErrorCode } from '../core/errors.ts';

/** What the command line ends with; documented API, see docs/cli.md. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  instrument: 3,
  recording: 4,
  engine: 5,
  interrupted: 130,
} as const;

/** The exit code of an error: by its family, and by hand where the family says too little. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === 'call.cancelled') return EXIT.interrupted;
  if (code === 'call.invalid' || code.startsWith('resource.')) return EXIT.usage;
  if (/^(transport|protocol|instrument|driver|channel|safety|simulator|server)\./.test(code)) return EXIT.instrument;
  if (/^(recording|export|import|upload|replay|flight)\./.test(code)) return EXIT.recording;
  if (/^(engine|link|bench|settings|hub)\./.test(code)) return EXIT.engine;
  return EXIT.failed;
}
