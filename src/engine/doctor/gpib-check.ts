import { LabError } from '../../core/errors.ts';
import { boardResource } from '../transport/prologix/board-table.ts';
import { type Check, fine, problem } from './patient.ts';

/** A board number stands for an adapter. */
export const boardCheck: Check = {
  id: 'board',
  title: 'GPIB board',
  async look({ parsed }) {
    if (parsed.kind !== 'gpib' && parsed.kind !== 'gpib-board') return undefined;
    try {
      const adapter = boardResource(parsed.board);
      if (adapter !== undefined) return fine(`Board ${parsed.board} is the adapter ${adapter}.`);
    } catch (error) {
      return problem(
        LabError.from(error).message,
        'Use the address of the adapter itself, or number the adapters apart.',
      );
    }
    const address = parsed.kind === 'gpib' ? parsed.address.primary : 9;
    return problem(
      `No adapter is known as GPIB board ${parsed.board}: a GPIB address alone leads nowhere.`,
      `With a Prologix or AR488 adapter use its own address: PRLGX-TCPIP0::HOST::${address}::INSTR, or PRLGX-ASRL0::/dev/ttyUSB0::${address}::INSTR. With a card of a vendor use its VISA: GPIB${parsed.board}::${address}::INSTR@visa.`,
      { paste: `GPIB${parsed.board}::${address}::INSTR@visa` },
    );
  },
};
