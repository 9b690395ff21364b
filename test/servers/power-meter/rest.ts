import type { PowerMeterState } from './state.ts';

export interface RestAnswer {
  status: number;
  body: unknown;
}

interface RestRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
}

const ok = (body: unknown): RestAnswer => ({ status: 200, body });
const failed = (detail: string): RestAnswer => ({ status: 500, body: { detail } });
const NOT_CONNECTED: RestAnswer = {
  status: 503,
  body: { detail: 'Not connected to CTP10. Use POST /connection/connect first.' },
};

/** One answer of the REST side, as recorded from upstream. */
export function answerRest(state: PowerMeterState, request: RestRequest): RestAnswer {
  const { method, path } = request;
  const outside = outsideRange(path, request);
  if (outside) return outside;
  switch (`${method} ${path}`) {
    case 'GET /':
      return ok({ service: 'EXFO CTP10 Vector Analyzer API', version: '1.0.0', status: 'running' });
    case 'GET /health':
      return ok({
        status: state.isConnected ? 'healthy' : 'degraded',
        connected: state.isConnected,
        timestamp: state.naiveTime,
      });
    case 'GET /connection/status':
      return ok(statusOf(state));
    case 'POST /connection/connect':
      if (String(request.body.address ?? '').startsWith('FAIL'))
        return failed('Failed to connect to CTP10: CTP10 connection failed: no such instrument: FAIL::x');
      state.isConnected = true;
      return ok(statusOf(state));
    case 'POST /connection/disconnect':
      state.isConnected = false;
      return ok({ success: true, message: 'Disconnected successfully' });
  }
  if (!state.isConnected) return NOT_CONNECTED;
  return (
    instrument(state, request) ??
    detector(state, request) ??
    sweep(state, request) ??
    laser(state, request) ?? { status: 404, body: { detail: 'Not Found' } }
  );
}

function statusOf(state: PowerMeterState): unknown {
  return {
    connected: state.isConnected,
    instrument_id: state.isConnected ? 'EXFO,CTP10,12345678,1.2.3' : null,
    address: 'MOCK::ADDRESS',
  };
}

/** The 422 of FastAPI for a number outside its range. */
function outsideRange(path: string, { query }: RestRequest): RestAnswer | undefined {
  const tls = /^\/tls\/(\d+)\//.exec(path)?.[1];
  if (tls !== undefined && (Number(tls) < 1 || Number(tls) > 4)) return invalid(['path', 'channel'], 4, tls);
  const laser = /^\/rlaser\/(\d+)\//.exec(path)?.[1];
  if (laser !== undefined && (Number(laser) < 1 || Number(laser) > 10))
    return invalid(['path', 'laser_number'], 10, laser);
  const module = query.get('module');
  if (path.startsWith('/detector') && module !== null && !(Number(module) >= 1 && Number(module) <= 20))
    return invalid(['query', 'module'], 20, module);
  return undefined;
}

function invalid(loc: string[], le: number, input: unknown): RestAnswer {
  const detail = {
    type: 'less_than_equal',
    loc,
    msg: `Input should be less than or equal to ${le}`,
    input,
    ctx: { le },
  };
  return { status: 422, body: { detail: [detail] } };
}

function instrument(state: PowerMeterState, { method, path }: RestRequest): RestAnswer | undefined {
  if (path === '/connection/check_errors' && method === 'POST')
    return ok({ success: true, message: 'No errors found' });
  if (path !== '/connection/condition') return undefined;
  const scanning = state.isSweeping;
  const names = 'zeroing calibrating analyzing aborting armed referencing quick_referencing'.split(' ');
  return ok({
    register_value: scanning ? 4 : 0,
    is_idle: !scanning,
    bits: { ...Object.fromEntries(names.map((name) => [name, false])), scanning },
  });
}

function detector(state: PowerMeterState, { method, path, query, body }: RestRequest): RestAnswer | undefined {
  const module = Number(query.get('module') ?? 4);
  const channel = Number(query.get('channel') ?? 1);
  const unit = state.detector(module, channel);
  switch (`${method} ${path}`) {
    case 'GET /detector/snapshot': {
      const snapshot = state.snapshot(module);
      return snapshot
        ? ok(snapshot)
        : failed(`Failed to read all channels. Missing: {${[...state.broken].join(', ')}}`);
    }
    case 'GET /detector/config':
      return ok({ module, channel, ...unit, resolution_pm: state.resolutionPm });
    case 'POST /detector/config':
      if (typeof body.power_unit === 'string') unit.power_unit = body.power_unit;
      if (typeof body.spectral_unit === 'string') unit.spectral_unit = body.spectral_unit;
      if (typeof body.resolution_pm === 'number') state.resolutionPm = body.resolution_pm;
      return ok({ success: true, message: `Detector ${module}/${channel} configured successfully` });
    case 'GET /detector/wavelength':
      if (state.knobs.isMock)
        return failed("Failed to get wavelength: 'FakeDetector' object has no attribute 'frequency_thz'");
      return ok({
        module,
        channel,
        wavelength_nm: unit.wavelength_nm,
        frequency_thz: 299_792.458 / unit.wavelength_nm,
      });
    case 'POST /detector/wavelength': {
      const wavelength = Number(query.get('wavelength_nm'));
      if (!(wavelength >= 1240 && wavelength <= 1680)) return invalid(['query', 'wavelength_nm'], 1680, wavelength);
      unit.wavelength_nm = wavelength;
      return ok({ success: true, module, channel, wavelength_nm: wavelength });
    }
    case 'GET /detector/stabilization':
      return ok({ output: true, duration_seconds: 0 });
    case 'GET /detector/trace/metadata': {
      const trace_type = Number(query.get('trace_type') ?? 1);
      return ok({ module, channel, trace_type, num_points: 100_000, unit: 'dBm' });
    }
    case 'GET /detector/reference/result':
      return failed("Failed to get reference result: 'FakeDetector' object has no attribute 'reference_result'");
    case 'POST /detector/reference':
      return ok({
        success: true,
        message: `Reference creation initiated for detector ${module}/${channel}`,
        is_complete: false,
      });
    default:
      return undefined;
  }
}

function sweep(state: PowerMeterState, { method, path }: RestRequest): RestAnswer | undefined {
  switch (`${method} ${path}`) {
    case 'POST /measurement/sweep/start':
      state.startSweep();
      return ok({ success: true, message: 'Sweep initiated', is_complete: false });
    case 'POST /measurement/sweep/abort':
      state.sweepStartMs = undefined;
      return ok({ success: true, message: 'Sweep aborted' });
    case 'GET /measurement/sweep/status': {
      const isSweeping = state.isSweeping;
      return ok({
        is_sweeping: isSweeping,
        is_complete: state.isSweepComplete,
        condition_register: isSweeping ? 4 : 0,
      });
    }
    case 'GET /measurement/sweep/wavelengths':
      return failed("Failed to get sweep wavelengths: 'FakeCTP10' object has no attribute 'start_wavelength_nm'");
    case 'GET /measurement/status/referencing':
      return failed("Failed to get referencing status: 'FakeCTP10' object has no attribute 'referencing'");
    default:
      return undefined;
  }
}

function laser(state: PowerMeterState, { method, path, query, body }: RestRequest): RestAnswer | undefined {
  const [, kind, number, what] = path.split('/');
  const n = Number(number);
  if (kind === 'tls') return tls(state, { method, path, query, body }, n, what);
  const found = kind === 'rlaser' ? state.lasers[n - 1] : undefined;
  if (!found) return undefined;
  if (method === 'POST' && (what === 'on' || what === 'off')) {
    found.is_on = what === 'on';
    const message = `Laser ${n} turned ${what.toUpperCase()}`;
    return ok({ success: true, message, laser_number: n, is_on: found.is_on });
  }
  if (method === 'POST' && what === 'config') {
    if (typeof body.power_dbm === 'number') found.power_dbm = body.power_dbm;
    if (typeof body.wavelength_nm === 'number') found.wavelength_nm = body.wavelength_nm;
    return ok({ success: true, message: `Reference laser ${n} configured successfully`, config: body });
  }
  if (what === 'config') return ok({ laser_number: n, id: 'EXFO,T100S-HP,0.0,6.07', ...found });
  if (what === 'id') {
    const id = 'EXFO,T200S-O-M,EO241510155,4.6.3.0';
    const [manufacturer, model, serial, firmware] = id.split(',');
    return ok({ laser_number: n, id, manufacturer, model, serial, firmware });
  }
  if (what === 'state') return ok({ laser_number: n, is_on: found.is_on, state: found.is_on });
  return undefined;
}

function tls(
  state: PowerMeterState,
  { method, query, body }: RestRequest,
  n: number,
  what: string | undefined,
): RestAnswer | undefined {
  const found = state.tls[n - 1];
  if (!found) return undefined;
  switch (`${method} ${what}`) {
    case 'GET config':
      return ok({ channel: n, ...found });
    case 'POST config':
      if (typeof body.laser_power_dbm === 'number' && body.laser_power_dbm > 10)
        return invalid(['body', 'laser_power_dbm'], 10, body.laser_power_dbm);
      Object.assign(found, body);
      return ok({ success: true, message: `TLS channel ${n} configured successfully`, config: body });
    case 'POST power':
      found.laser_power_dbm = Number(query.get('power_dbm'));
      return ok({ success: true, message: `Power set for TLS ${n}`, laser_power_dbm: found.laser_power_dbm });
    case 'GET speed':
      return ok({ channel: n, sweep_speed_nmps: found.sweep_speed_nmps });
    case 'GET trigger':
      return ok({ channel: n, trigin: found.trigin, description: `TRIG IN port ${found.trigin}` });
    default:
      return undefined;
  }
}
