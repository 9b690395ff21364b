import { LabError } from '../../core/errors.ts';
import { commandAnswer } from '../../protocol/lab/lablink-rest.ts';
import { errorText, httpError } from '../http-error.ts';
import type { LockKeeper } from './lock-keeper.ts';
import type { LabLinkPlace } from './place.ts';

export interface DeviceCommand {
  equipment: string;
  action: string;
  parameters: Readonly<Record<string, unknown>>;
  signal: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  /** The server's own id of the command: it carries the same one out once, if it looks. */
  idem?: string | undefined;
  /** It switches something off: on a connection of its own. */
  isUrgent?: boolean | undefined;
}

/** A command of servers of ours: all outputs of an equipment, whoever has its lock. */
export const OUTPUTS_OFF = 'outputs_off';

/** Commands that change something; the server wants the lock for (most of) them. Reading needs none, nor does making safe. */
export function isControl(action: string): boolean {
  return !/^get_/.test(action) && action !== OUTPUTS_OFF;
}

/**
 * Sends one command and gives its data. What changes something is sent under our lock. Throws server.busy (another holds the lock), server.rejected (the instrument
 * refused: 200 with success:false), server.timeout, server.denied, server.unsupported.
 */
export async function sendCommand(place: LabLinkPlace, locks: LockKeeper, command: DeviceCommand): Promise<unknown> {
  const { equipment, action, signal } = command;
  if (!isControl(action)) return judge(await post(place, command, undefined), command);
  const session = await locks.ensure(equipment, signal, command.isUrgent);
  const answer = await post(place, command, session);
  if (answer.status !== 403 && answer.status !== 401) return judge(answer, command);
  // The lock ran out or the server began anew: asked for once more; if it is another's, that says so.
  locks.lost(equipment);
  await locks.ensure(equipment, signal, command.isUrgent);
  return judge(await post(place, command, session), command);
}

type Answer = Awaited<ReturnType<LabLinkPlace['rest']['answer']>>;

/** Reading, and setting the same value, may be done twice: the server resets kept connections after a crash of its own. */
async function post(place: LabLinkPlace, command: DeviceCommand, session: string | undefined): Promise<Answer> {
  try {
    return await postOnce(place, command, session);
  } catch (thrown) {
    const { details } = LabError.from(thrown);
    if (details.cause !== 'ECONNRESET' || !/^[gs]et_/.test(command.action)) throw thrown;
    return postOnce(place, command, session);
  }
}

function postOnce(place: LabLinkPlace, command: DeviceCommand, session: string | undefined): Promise<Answer> {
  const { equipment, action, parameters, signal, timeoutMs, idem, isUrgent } = command;
  return place.rest.answer(`/api/equipment/${encodeURIComponent(equipment)}/command`, {
    method: 'POST',
    body: {
      command_id: idem ?? place.ports.uniqueId(),
      equipment_id: equipment,
      action,
      parameters,
      ...(session === undefined ? {} : { session_id: session }),
    },
    signal,
    isUrgent,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

function judge(answer: Answer, { equipment, action }: DeviceCommand): unknown {
  const said = errorText(answer.json, answer.text);
  if (answer.status !== 200) throw httpError(`the command ${action} of ${equipment}`, answer.status, said);
  const result = commandAnswer.safeParse(answer.json);
  if (!result.success)
    throw new LabError('server.malformed', `The lab server's answer to ${action} is none. Read the state.`, {
      equipment,
    });
  if (result.data.success) return result.data.data ?? null;
  throw new LabError(
    'server.rejected',
    `${equipment} did not do ${action}: ${result.data.error ?? 'no reason given'}. Its state is unchanged; read it.`,
    { equipment, action },
  );
}
