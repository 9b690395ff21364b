import { LabError } from '../../core/errors.ts';
import { call } from '../engine-link.ts';
import { addToHistory } from './command-history.ts';
import { addLine, consoleStore, finishLine, logOf } from './console-lines.ts';

/** Sends a line as a person typed it; what comes of it is in the session's log. True: it was answered or taken. */
export async function sendCommand(instrument: string, command: string): Promise<boolean> {
  const { history } = logOf(consoleStore.get(), instrument);
  const id = addLine(instrument, command, addToHistory(history, command));
  try {
    const { reply, roundTripMs, base64, sizeBytes } = await call('instrument.query', {
      instrument,
      text: command,
      bytes: command.includes('?'),
    });
    finishLine(instrument, id, { reply, roundTripMs, base64, sizeBytes });
    return true;
  } catch (thrown) {
    const { code, message } = LabError.from(thrown);
    finishLine(instrument, id, { error: { code, message } });
    return false;
  }
}
