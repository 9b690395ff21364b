import { useCallback, useEffect, useRef, useState } from 'react';
import { LabError } from '../../core/errors.ts';

interface ShareList<T> {
  rows: T | undefined;
  /** Why there is no list, or none newer. */
  problem: LabError | undefined;
  reload: () => Promise<void>;
}

/** A list of the hub, read when the panel opens, on `reload`, and whenever `mark` changes; `isAsked`: there is somebody to ask. */
export function useShareList<T>(ask: () => Promise<T>, isAsked: boolean, mark: string): ShareList<T> {
  const [rows, setRows] = useState<T>();
  const [problem, setProblem] = useState<LabError>();
  const last = useRef(0);
  const reload = useCallback(async (): Promise<void> => {
    const turn = ++last.current;
    try {
      const answer = await ask();
      // What was asked later knows better.
      if (turn !== last.current) return;
      setRows(answer);
      setProblem(undefined);
    } catch (thrown) {
      if (turn === last.current) setProblem(LabError.from(thrown));
    }
  }, [ask]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `mark` says that the list may be another one now
  useEffect(() => {
    if (isAsked) void reload();
  }, [isAsked, mark, reload]);
  return { rows, problem, reload };
}
