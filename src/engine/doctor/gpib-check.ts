import { LabError } from '../../core/errors.ts';
import { boardResource } from '../transport/prologix/board-table.ts';
import { openAdapter } from '../transport/prologix/open-prologix.ts';
import { type Check, fine, problem, warning } from './patient.ts';
import { refused } from './way-checks.ts';

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

/** The adapter itself (`…::INTFC`): who answers behind it. A serial poll of each address, which clears a service request: only here, where it was asked for. */
export const behindCheck: Check = {
  id: 'behind',
  title: 'Behind the adapter',
  async look({ parsed, signal }) {
    if (parsed.kind !== 'prologix' || parsed.address) return undefined;
    try {
      await using adapter = await openAdapter(parsed, { signal });
      const found = await adapter.listAddresses(signal);
      const what = `This is a GPIB adapter (${adapter.version.text}), no instrument itself.`;
      const [first, ...others] = found.map((primary) => adapter.resource.replace(/INTFC$/, `${primary}::INSTR`));
      if (first === undefined)
        return problem(
          `${what} No address from 0 to 30 answers a serial poll behind it.`,
          'Switch the instruments on and check the GPIB cable. Some old instruments answer no poll: attach them by the address they are set to.',
        );
      const cause =
        others.length === 0
          ? `${what} Behind it GPIB address ${found[0]} answers.`
          : `${what} Behind it the GPIB addresses ${found.join(', ')} answer.`;
      const fix = `Attach the instrument by its own address${others.length === 0 ? '' : `; besides the first there are ${others.join(', ')}`}.`;
      return { ...warning(cause, fix, first), ends: true };
    } catch (error) {
      signal.throwIfAborted();
      return refused(LabError.from(error));
    }
  },
};
