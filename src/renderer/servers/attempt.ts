import { useState } from 'react';
import { LabError } from '../../core/errors.ts';

export interface Attempt {
  busy: boolean;
  /** Why the last one failed. */
  problem: LabError | undefined;
  /** Runs it; its failure becomes `problem`. True if it went well. */
  attempt(work: () => Promise<void>): Promise<boolean>;
}

/** One thing at a time that may fail, said beside where it was asked for. */
export function useAttempt(): Attempt {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<LabError>();
  const attempt = async (work: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
      return true;
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (!error.isCancelled) setProblem(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, attempt };
}
