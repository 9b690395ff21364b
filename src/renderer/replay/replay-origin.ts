import type { BenchState } from '../../contract/bench-schema.ts';
import { act } from '../actions.ts';
import { showOrigin } from '../screen-store.ts';

/** The recording behind an origin of Plot: of a replay the one it plays; else the origin itself. */
export function recordingOf(bench: BenchState | undefined, origin: string): string {
  return bench?.replays.find(({ id }) => id === origin)?.recording ?? origin;
}

/** Plays a recording again, and shows it. */
export async function openReplay(recording: string): Promise<void> {
  const replay = await act('replay.open', { recording });
  if (replay) showOrigin(replay.id);
}

/** Ends a replay and shows the recording it played. */
export async function closeReplay(replay: { id: string; recording: string }): Promise<void> {
  showOrigin(replay.recording);
  await act('replay.close', { replay: replay.id });
}
