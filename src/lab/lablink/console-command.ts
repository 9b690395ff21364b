import { LabError } from '../../core/errors.ts';
import { acquisitionCreated, equipmentList } from '../../protocol/lab/lablink-rest.ts';
import type { LabLinkPlace } from './place.ts';

/** A line of the console, taken apart: a word and JSON, or a method and a path. */
export interface ConsoleLine {
  word: string;
  path: string;
  parameters: Record<string, unknown>;
}

/** Reads `set_voltage {"channel":1,"voltage":5}`, `help`, `GET /api/profiles/list`, `POST /api/x {"a":1}`. Throws call.invalid. */
export function parseConsoleLine(text: string): ConsoleLine {
  const line = text.trim();
  const match = /^([A-Za-z_][\w.]*)\s*(\/\S+)?\s*(\{[\s\S]*\})?$/.exec(line);
  if (!match)
    throw new LabError(
      'call.invalid',
      `"${line.slice(0, 60)}" is no command of LabLink. Nothing was sent. Write a word and JSON, like set_voltage {"channel":1,"voltage":5}; help lists them.`,
    );
  return { word: match[1] ?? '', path: match[2] ?? '', parameters: parseParameters(match[3]) };
}

function parseParameters(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new LabError('call.invalid', `${text.slice(0, 60)} is no JSON. Nothing was sent.`);
  }
}

type Run = (
  place: LabLinkPlace,
  equipment: string,
  parameters: Record<string, unknown>,
  signal: Signal,
) => Promise<unknown>;
type Signal = AbortSignal | undefined;

interface ServerCommand {
  help: string;
  run: Run;
}

const id = (text: unknown): string => encodeURIComponent(String(text));

/** What the server itself does, beside the commands of its instruments. */
export const SERVER_COMMANDS: Readonly<Record<string, ServerCommand>> = {
  connect: {
    help: '{"resource_string","equipment_type","model"}: connects an instrument to the server over REST; one that is connected already is left as it is',
    run: connect,
  },
  disconnect: {
    help: '{"equipment_id"}: disconnects an instrument from the server',
    run: ({ rest }, equipment, { equipment_id = equipment }, signal) =>
      rest.post(`/api/equipment/disconnect/${id(equipment_id)}`, undefined, { signal }),
  },
  discover: {
    help: '{"force_refresh":true}: lets the server look for instruments; takes 5 s per silent serial port',
    run: ({ rest }, _equipment, parameters, signal) =>
      rest.post('/api/discovery/scan', { test_connections: false, ...parameters }, { signal, timeoutMs: 120_000 }),
  },
  profiles: { help: 'lists the profiles', run: get('/api/profiles/list') },
  apply_profile: {
    help: '{"name"}: applies a profile to this instrument',
    run: ({ rest }, equipment, { name }, signal) =>
      rest.post(`/api/profiles/${id(name)}/apply/${id(equipment)}`, undefined, { signal }),
  },
  jobs: { help: 'lists the jobs of the scheduler', run: get('/api/scheduler/jobs') },
  create_job: {
    help: '{"name","schedule_type","trigger_type",…}: makes a job; 1.2.5 as shipped never runs it',
    run: post('/api/scheduler/jobs/create'),
  },
  run_job: {
    help: '{"job_id"}: runs a job now',
    run: ({ rest }, _equipment, { job_id }, signal) =>
      rest.post(`/api/scheduler/jobs/${id(job_id)}/run`, undefined, { signal }),
  },
  health: {
    help: 'health of this instrument as the server judges it',
    run: ({ rest }, equipment, _parameters, signal) => rest.get(`/api/diagnostics/health/${id(equipment)}`, { signal }),
  },
  alarms: { help: 'lists the alarm rules of the server', run: get('/api/alarms') },
  create_alarm: {
    help: '{"name","parameter","condition","severity","threshold"}: makes an alarm rule that tells its socket',
    run: ({ rest }, equipment, parameters, signal) =>
      rest.post(
        '/api/alarms/create',
        { ...(equipment === '' ? {} : { equipment_id: equipment }), notifications: ['websocket'], ...parameters },
        { signal },
      ),
  },
  check_alarm: {
    help: '{"alarm_id","value"}: lets a rule judge a value; as shipped the only way an alarm fires',
    run: post('/api/alarms/check'),
  },
  acquire: {
    help: '{"sample_rate","channels":["CH1"],"mode","num_samples","buffer_size"}: makes an acquisition of this instrument and starts it',
    run: acquire,
  },
  stop_acquisition: {
    help: '{"acquisition_id"}',
    run: ({ rest }, _equipment, { acquisition_id }, signal) =>
      rest.post(`/api/acquisition/session/${id(acquisition_id)}/stop`, undefined, { signal }),
  },
  acquisitions: { help: 'lists the acquisitions', run: get('/api/acquisition/sessions') },
};

function get(path: string): Run {
  return ({ rest }, _equipment, _parameters, signal) => rest.get(path, { signal });
}

function post(path: string): Run {
  return ({ rest }, _equipment, parameters, signal) => rest.post(path, parameters, { signal });
}

/** Connecting what is connected would replace it and lose its state, so the list is looked at first. */
async function connect(
  { rest }: LabLinkPlace,
  _equipment: string,
  parameters: Record<string, unknown>,
  signal: Signal,
): Promise<unknown> {
  const list = equipmentList.parse(await rest.get('/api/equipment/list', { signal }));
  const known = list.find((item) => item.resource_string === parameters.resource_string);
  if (known) return { equipment_id: known.id, status: 'connected', note: 'It was connected already.' };
  return rest.post('/api/equipment/connect', parameters, { signal, timeoutMs: 30_000 });
}

async function acquire(
  { rest }: LabLinkPlace,
  equipment: string,
  parameters: Record<string, unknown>,
  signal: Signal,
): Promise<unknown> {
  const body = { equipment_id: equipment, name: 'Labwire', mode: 'continuous', channels: ['CH1'], ...parameters };
  const created = acquisitionCreated.parse(await rest.post('/api/acquisition/session/create', body, { signal }));
  return rest.post(`/api/acquisition/session/${id(created.acquisition_id)}/start`, undefined, { signal });
}

/** Whether a line may switch an output on without saying so: a profile or a job does, and so may a call that changes something. */
export function mayRestore({ word, path }: ConsoleLine): boolean {
  if (path === '')
    return word === 'apply_profile' || word === 'run_job' || word === 'create_job' || word === 'set_control';
  return word.toUpperCase() !== 'GET' && !/^\/api\/(safety|locks|alarms|discovery)\//.test(path);
}

/** A call of any path below /api, for what has no word here. Throws call.invalid for another path. */
export function rawCall(
  place: LabLinkPlace,
  { word, path, parameters }: ConsoleLine,
  signal: Signal,
): Promise<unknown> {
  if (!path.startsWith('/api/') && path !== '/health')
    throw new LabError('call.invalid', `${path} is no path of the server's API. Nothing was sent.`);
  const method = word.toUpperCase();
  if (method === 'GET') return place.rest.get(path, { signal });
  if (method === 'POST') return place.rest.post(path, parameters, { signal, timeoutMs: 60_000 });
  throw new LabError('call.invalid', `${word} is neither GET nor POST. Nothing was sent.`);
}

/** One line for each word. */
export function consoleHelp(deviceWords: readonly string[]): string {
  const lines = Object.entries(SERVER_COMMANDS).map(([word, { help }]) => `${word} ${help}`);
  return [
    `Of the instrument: ${deviceWords.join(', ')}; parameters as JSON.`,
    ...lines,
    'release_stop: ends the emergency stop; outputs stay off',
    'stats, start_recording, stop_recording: of the enhanced socket only',
    'GET /api/…, POST /api/… {json}: any call of the server',
  ].join('\n');
}
