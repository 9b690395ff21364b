import { parsePowerMeterStatus } from '../../protocol/lab/power-meter-message.ts';
import type { ServerProbe } from '../dialect.ts';
import type { DialectName, LabServerOptions } from '../lab-server.ts';

/** Whether a server is the power meter's: its `GET /connection/status` says `connected` and the address of the instrument. Throws server.unreachable, server.timeout. */
export async function recognizesPowerMeter(
  probe: ServerProbe,
  _options: LabServerOptions,
): Promise<DialectName | undefined> {
  const { status, json } = await probe.get('/connection/status');
  const found = status === 200 ? parsePowerMeterStatus(json) : undefined;
  return found && (found.address !== undefined || found.instrument_id !== undefined) ? 'power-meter' : undefined;
}
