import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LabwireWorld } from './world.ts';

const MAX_ROWS = 5000;

/** The REST half. */
export async function answerRest(
  world: LabwireWorld,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const reply = (status: number, json: unknown): void => {
    response.writeHead(status, {
      'content-type': 'application/json',
      date: new Date(world.nowUs() / 1000).toUTCString(),
    });
    response.end(JSON.stringify(json));
  };
  const url = new URL(request.url ?? '/', 'http://localhost');
  const { pathname } = url;
  if (world.knobs.isRestHanging) return;
  if (world.knobs.isWithoutRest) {
    reply(404, { detail: 'Not Found' });
    return;
  }
  if (pathname === '/api') {
    reply(200, {
      name: 'Test lab',
      version: '1.0.0',
      status: 'running',
      security_enabled: world.users.size > 0,
      protocols: ['labwire.1'],
    });
    return;
  }
  if (pathname === '/health') {
    reply(200, { status: 'healthy' });
    return;
  }
  const body = await readBody(request);
  if (pathname === '/api/security/login' || pathname === '/api/security/refresh') {
    login(world, body, reply);
    return;
  }
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const user = world.userOf(bearer);
  if (!user) {
    reply(401, { detail: 'Not authenticated' });
    return;
  }
  if (pathname === '/api/equipment/list') {
    reply(
      200,
      world.bench.list((equipment) => streamList(world, equipment)),
    );
    return;
  }
  if (pathname === '/api/locks/acquire' || pathname === '/api/locks/release') {
    lock(world, pathname.endsWith('acquire'), body, reply);
    return;
  }
  if (pathname === '/api/locks/all') {
    const held = [...world.bench.locks].map(([id, holder]) => [id, { session_id: holder, holder }]);
    reply(200, { exclusive_locks: Object.fromEntries(held), observer_locks: {}, queues: {} });
    return;
  }
  const history = /^\/api\/v1\/streams\/([^/]+)\/history$/.exec(pathname);
  if (history) {
    sendHistory(world, decodeURIComponent(history[1] ?? ''), url.searchParams, reply);
    return;
  }
  reply(404, { detail: 'Not Found' });
}

type Reply = (status: number, json: unknown) => void;

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  try {
    return JSON.parse(text || '{}') as Record<string, unknown>;
  } catch {
    return {};
  }
}

let issued = 0;

function login(world: LabwireWorld, body: Record<string, unknown>, reply: Reply): void {
  const isRefresh = typeof body.refresh_token === 'string' && body.refresh_token.startsWith('refresh-');
  const isLogin = body.username === 'ada' && body.password === 'secret';
  if (!isLogin && !isRefresh) {
    reply(401, { detail: 'Invalid username or password' });
    return;
  }
  const access_token = `access-${++issued}`;
  world.users.set(access_token, { user: 'ada', role: 'developer' });
  reply(200, {
    access_token,
    token_type: 'bearer',
    expires_in: world.knobs.tokenS,
    refresh_token: `refresh-${issued}`,
    user: { username: 'ada' },
  });
}

function streamList(world: LabwireWorld, equipment: string): unknown[] {
  return [...world.streams.values()]
    .filter(({ plan }) => plan.equipment === equipment)
    .map(({ plan, schema }) => ({
      name: plan.name,
      interval_ms: plan.intervalMs,
      min_interval_ms: plan.intervalMs,
      schema,
    }));
}

function lock(world: LabwireWorld, isAcquire: boolean, body: Record<string, unknown>, reply: Reply): void {
  const equipment = String(body.equipment_id);
  const session = String(body.session_id);
  const holder = world.bench.locks.get(equipment);
  if (holder !== undefined && holder !== session && (isAcquire || body.force !== true)) {
    reply(isAcquire ? 409 : 403, { detail: `Equipment is locked by ${holder}` });
    return;
  }
  if (isAcquire) world.bench.locks.set(equipment, session);
  else world.bench.locks.delete(equipment);
  reply(200, {
    success: true,
    status: isAcquire ? 'locked' : 'released',
    lock: { equipment_id: equipment, session_id: session, timeout_seconds: 300 },
  });
}

function sendHistory(world: LabwireWorld, key: string, query: URLSearchParams, reply: Reply): void {
  const epoch = Number(query.get('epoch') ?? world.streams.get(key)?.epoch);
  const stream = world.streamOf(key, epoch);
  const now = world.streams.get(key);
  if (!stream || !now) {
    reply(404, { detail: `No stream ${key}` });
    return;
  }
  const from = Number(query.get('from') ?? now.next - 1);
  const to = Number(query.get('to') ?? stream.next - 1);
  // An epoch that is over has its rows no more.
  const range =
    stream === now
      ? world.kept(stream, epoch, from, to)
      : { from, to: from - 1, missing: [{ from, to, reason: 'another epoch' }] };
  const end = Math.min(range.to, range.from + MAX_ROWS - 1);
  const rows = [];
  const states = [];
  for (let seq = range.from; seq <= end; seq++) {
    const values = stream.values(seq).map((value) => (Number.isFinite(value) ? value : null));
    rows.push([seq, Number(stream.wireNs(seq)) / 1000, ...values]);
    if (stream.values(seq)[1] === Number.POSITIVE_INFINITY) states.push([seq, 1, 'overload']);
  }
  reply(200, {
    key,
    epoch,
    schema: stream.schema,
    rows,
    states,
    missing: range.missing,
    ...(end < range.to ? { next: end + 1 } : {}),
  });
}
