import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Job } from './exchange-job.ts';
import type { ExchangeLog } from './exchange-log.ts';
import { showBytes } from './exchange-trace.ts';
import type { TakenWire } from './session.ts';
import { interruptedError, takenError } from './session-message.ts';
import type { SessionLimits } from './session-options.ts';
import type { WireKeeper } from './wire-keeper.ts';
import { WireLoan } from './wire-loan.ts';
import type { WireTurns } from './wire-turns.ts';

export interface LendParts {
  clock: Clock;
  limits: SessionLimits;
  log: ExchangeLog;
  keeper: WireKeeper;
  turns: WireTurns;
}

/** Work of a job: lends the wire and ends when it is back. Throws what ended the session or the job before. */
export async function lendWire(job: Job, lend: (taken: TakenWire) => void, parts: LendParts): Promise<void> {
  const { clock, limits, log, keeper, turns } = parts;
  await keeper.recovery;
  if (keeper.closeReason) throw keeper.closeReason;
  if (job.overtaken) throw job.overtaken;
  turns.refuseAll(takenError(keeper.resource));
  const { wire } = keeper;
  const loan = new WireLoan(wire.transport, {
    clock,
    patienceMs: limits.safetyWaitMs,
    sent: (bytes) => log.sent(showBytes(bytes).replace(/\\n$/, ''), bytes.length, clock.nowNs()),
    received: (count) => log.received(count),
  });
  turns.loan = loan;
  await wire.pause();
  void wire.transport.closed.then(({ code, message }) => {
    if (turns.loan === loan) keeper.close(new LabError(code, message));
    loan.end();
  });
  lend(loan.taken);
  await loan.over;
  turns.loan = undefined;
  if (!keeper.closeReason) {
    wire.resume(true);
    // A device that was not told to stop sends on: silence would be waited for in vain.
    if (loan.isRevoked) keeper.quarantine(interruptedError(keeper.resource));
  }
  loan.settle();
}
