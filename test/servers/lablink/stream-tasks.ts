import type { Acquisition, AcquisitionBook } from './acquisition-book.ts';
import type { DeviceManager } from './device-manager.ts';

/** One read loop of the server. */
export interface Task {
  isStopped: boolean;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** The read loop of a device stream: acknowledged whatever was asked, silent where it fails. */
export async function runStream(
  devices: DeviceManager,
  request: Record<string, unknown>,
  task: Task,
  deliver: (data: Record<string, unknown>) => void,
): Promise<void> {
  const interval = request.interval_ms ?? 100;
  if (typeof interval !== 'number') return;
  while (!task.isStopped) {
    const device = devices.devices.get(String(request.equipment_id))?.device;
    if (!device) return;
    const type = request.stream_type ?? 'readings';
    try {
      const data = await read();
      if (task.isStopped) return;
      if (data) deliver(data);
    } catch {
      // The server logs it each interval; the client sees nothing.
    }
    await sleep(Math.max(0, interval));

    async function read(): Promise<Record<string, unknown> | undefined> {
      if (type === 'readings') return device?.readings?.(1);
      if (type === 'measurements') return device?.measurements?.(1);
      if (type === 'waveform') return device?.waveform?.(1);
      return undefined;
    }
  }
}

/** Windows of the newest samples of an acquisition, whether they were sent before or not. */
export async function runAcquisition(
  book: AcquisitionBook,
  request: Record<string, unknown>,
  task: Task,
  deliver: (body: Record<string, unknown>) => void,
): Promise<void> {
  const count = typeof request.num_samples === 'number' ? request.num_samples : 100;
  const interval = typeof request.interval_ms === 'number' ? request.interval_ms : 100;
  while (!task.isStopped) {
    const session: Acquisition | undefined = book.sessions.get(String(request.acquisition_id));
    if (!session) return;
    deliver({
      acquisition_id: session.id,
      state: session.state,
      stats: book.stats(session),
      data: book.window(session, count),
    });
    await sleep(Math.max(0, interval));
  }
}
