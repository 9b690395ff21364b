import type { WebSocket } from 'ws';
import { Outbox } from './outbox.ts';
import type { ProducedStream } from './produced-stream.ts';
import { type HeldEvent, Session } from './session.ts';
import type { LabwireWorld } from './world.ts';

type Message = Record<string, unknown>;

/** Gap of a resume: what is older than a replay may reach back is left to the history over REST. */
interface Resumed {
  entry: Message;
  gap: Message | undefined;
}

/** One socket: greeting, hello, then requests and rows. */
export class Connection {
  readonly #world: LabwireWorld;
  readonly #socket: WebSocket;
  readonly #helloTimer: Disposable;
  readonly #timers = new Set<Disposable>();
  #session: Session | undefined;
  #outbox: Outbox;
  #handles = 0;
  #isOver = false;
  readonly openedMs: number;

  constructor(world: LabwireWorld, socket: WebSocket) {
    this.#world = world;
    this.#socket = socket;
    this.openedMs = world.clock.monotonicMs();
    this.#outbox = this.#createOutbox({ binary: false, codecs: [], ack: false });
    this.#helloTimer = world.clock.after(world.rules.helloMs, () => this.close(4408, 'no hello'));
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    socket.on('close', () => this.#closed());
    socket.on('error', () => {});
    this.#outbox.say(world.capabilities());
  }

  get session(): Session | undefined {
    return this.#session;
  }

  get outbox(): Outbox {
    return this.#outbox;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    this.#closed();
  }

  /** Ends the TCP connection without a close frame. */
  cut(): void {
    this.#socket.terminate();
    this.#closed();
  }

  say(message: Message): void {
    if (!this.#isOver) this.#outbox.say(message);
  }

  /** Whatever bytes, for tests of bad servers. */
  raw(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  event(event: HeldEvent): void {
    this.say(event.message);
    this.#retry(event, [1000, 2000, 4000]);
  }

  #retry(event: HeldEvent, waits: number[]): void {
    const [wait, ...rest] = waits;
    if (wait === undefined) return;
    this.#after(wait, () => {
      if (!this.#session?.events.includes(event)) return;
      this.say(event.message);
      this.#retry(event, rest);
    });
  }

  #after(ms: number, run: () => void): void {
    const timer = this.#world.clock.after(ms, () => {
      this.#timers.delete(timer);
      if (!this.#isOver) run();
    });
    this.#timers.add(timer);
  }

  #closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#helloTimer[Symbol.dispose]();
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#world.connections.delete(this);
    if (this.#session && this.#session.fence === this.#fence) {
      this.#session.fence = undefined;
      this.#session.lostMs = this.#world.clock.monotonicMs();
    }
  }

  readonly #fence = (): void => this.close(4409, 'superseded');

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return;
    if (isBinary) {
      this.close(4400, 'binary messages are not read here');
      return;
    }
    let message: unknown;
    try {
      message = JSON.parse(data.toString());
    } catch {
      this.close(4400, 'no JSON');
      return;
    }
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      this.close(4400, 'no object');
      return;
    }
    const request = message as Message;
    this.#world.heard.push(request);
    if (this.#world.heard.length > 10_000) this.#world.heard.splice(0, 5000);
    if (!this.#session) this.#hello(request);
    else this.#request(request, this.#session);
  }

  #hello(hello: Message): void {
    if (hello.type !== 'hello') {
      this.close(4400, 'hello comes first');
      return;
    }
    const { refuseHello } = this.#world.knobs;
    if (refuseHello) {
      this.close(refuseHello.code, refuseHello.reason);
      return;
    }
    const token = (hello.auth as Message | undefined)?.token;
    const user = this.#world.userOf(token);
    if (!user) {
      this.close(4401, token === undefined ? 'a token is wanted' : 'token unknown or expired');
      return;
    }
    this.#helloTimer[Symbol.dispose]();
    this.#outbox = Object.assign(this.#createOutbox(hello.accept as Message), {
      sent: this.#outbox.sent,
      messages: this.#outbox.messages,
    });
    const resume = hello.resume as { token?: string; streams?: Message[] } | undefined;
    const found = resume?.token === undefined ? undefined : this.#world.book.resume(resume.token, user.user);
    const reconnected = found !== undefined && 'session' in found;
    const session = reconnected ? found.session : new Session(user.user, user.role);
    session.fence?.();
    session.fence = this.#fence;
    session.lostMs = undefined;
    this.#session = session;
    const desired = (hello.desired ?? []) as Message[];
    const resumed = reconnected ? this.#resumeStreams(session, resume?.streams ?? [], desired) : [];
    this.#outbox.say({
      type: 'connected',
      client_id: session.id,
      user_id: user.user,
      role: user.role,
      reconnected,
      ...(found && 'reason' in found ? { reason: found.reason } : {}),
      resume: this.#world.knobs.isWithoutResume
        ? null
        : { token: this.#world.book.issue(session), expires_in: this.#world.book.ttlS },
      session: session.id,
      streams: resumed.map(({ entry }) => entry),
    });
    for (const { gap } of resumed) if (gap) this.#outbox.say(gap);
    this.#apply(session, desired);
    for (const event of session.events) this.event(event);
    this.#heartbeat();
    this.#renewToken(session);
    this.#pumpOn();
  }

  #createOutbox(accept: Message | undefined): Outbox {
    const { world, socket } = { world: this.#world, socket: this.#socket };
    const codecs = Array.isArray(accept?.codecs) ? accept.codecs : [];
    return new Outbox({
      clock: world.clock,
      send: (data) => {
        world.knobs.tap?.(data);
        // Rows have codecs of their own; deflated besides, each small frame costs a turn of a thread on both sides.
        if (!this.#isOver) socket.send(data, { compress: typeof data === 'string' });
      },
      isBinary: accept?.binary === true && !world.knobs.isTextOnly,
      isPacked: codecs.includes('i16d-rice'),
      hasAcks: accept?.ack === true,
      windowBytes: world.rules.windowBytes,
      maxFrameRows: world.rules.maxFrameRows,
      isMute: () => world.knobs.isMute,
    });
  }

  /** The streams of the session go on where the client says it is. */
  #resumeStreams(session: Session, places: Message[], desired: Message[]): Resumed[] {
    const wanted = new Set(desired.map(({ equipment_id, stream_type }) => `${equipment_id}/${stream_type}`));
    for (const key of [...session.streams.keys()]) if (!wanted.has(key)) session.streams.delete(key);
    return [...session.streams.keys()].flatMap((key) => {
      const stream = this.#world.streams.get(key);
      const place = places.find((one) => one.key === key);
      return stream && place ? [this.#resumeStream(session, stream, place)] : [];
    });
  }

  #resumeStream(session: Session, stream: ProducedStream, place: Message): Resumed {
    const { key, epoch } = stream;
    const live = stream.next;
    const cursor = this.#cursor(session, stream, live);
    const entry = { key, handle: cursor.handle, epoch, seq: live };
    if (place.epoch !== epoch) return { entry: { ...entry, result: 'lost' }, gap: undefined };
    const wanted = Number(place.seq) + 1;
    const { replayRows, replayS } = this.#world.rules;
    const reach = Math.max(
      stream.first,
      live - replayRows,
      live - Math.floor((replayS * 1000) / stream.plan.intervalMs),
    );
    const from = Math.max(wanted, reach);
    cursor.at = from;
    cursor.replayTo = live;
    const result = from > wanted ? 'partial' : 'replayed';
    const gap = { type: 'gap', key, epoch, from: wanted, to: from - 1, reason: 'beyond the replay' };
    return {
      entry: { ...entry, result, from, to: live - 1, n: live - from },
      gap: from > wanted ? gap : undefined,
    };
  }

  #cursor(session: Session, stream: ProducedStream, at: number): Cursor {
    const intervalMs = session.streams.get(stream.key)?.intervalMs ?? stream.plan.intervalMs;
    const cursor = {
      stream,
      handle: ++this.#handles,
      step: Math.max(1, Math.round(intervalMs / stream.plan.intervalMs)),
      at,
      replayTo: 0,
      delivered: 0,
      thinned: 0,
      dropped: 0,
      silent: 0,
    };
    this.#outbox.cursors.set(stream.key, cursor);
    return cursor;
  }

  /** What is desired runs, nothing else. */
  #apply(session: Session, desired: Message[]): void {
    session.channels = new Set(desired.flatMap(({ channel }) => (typeof channel === 'string' ? [channel] : [])));
    for (const one of desired) if (one.equipment_id !== undefined) this.#startStream(session, one);
  }

  #startStream(session: Session, { equipment_id, stream_type, interval_ms, id }: Message): void {
    const key = `${equipment_id}/${stream_type}`;
    const stream = this.#world.streams.get(key);
    if (!stream) {
      this.#refuse(id, 'not_found', `No stream ${key}.`);
      return;
    }
    session.streams.set(key, { key, intervalMs: Number(interval_ms) });
    const running = this.#outbox.cursors.get(key);
    const step = Math.max(1, Math.round(Number(interval_ms) / stream.plan.intervalMs));
    if (running) running.step = step;
    const cursor = running ?? this.#cursor(session, stream, stream.next);
    this.#outbox.say({
      type: 'stream_started',
      ...(id === undefined ? {} : { re: id }),
      equipment_id,
      stream_type,
      interval_ms: step * stream.plan.intervalMs,
      key,
      handle: cursor.handle,
      epoch: stream.epoch,
      seq: cursor.at,
      schema: stream.schema,
    });
  }

  #refuse(re: unknown, code: string, message: string): void {
    this.say({ type: 'error', ...(re === undefined ? {} : { re }), code, message, error: message, recoverable: true });
  }

  #heartbeat(): void {
    this.#after(this.#world.rules.heartbeatMs, () => {
      if (!this.#world.knobs.isMute)
        this.say({ type: 'heartbeat', active_streams: this.#outbox.cursors.size, t: this.#world.nowUs() });
      this.#heartbeat();
    });
  }

  #renewToken(session: Session): void {
    this.#after(this.#world.rules.tokenMs, () => {
      this.say({
        type: 'reconnection_token',
        token: this.#world.book.issue(session),
        expires_in: this.#world.book.ttlS,
      });
      this.#renewToken(session);
    });
  }

  #pumpOn(): void {
    this.#outbox.pump();
    this.#after(this.#world.rules.pumpMs, () => this.#pumpOn());
  }

  #request(request: Message, session: Session): void {
    const { id } = request;
    const key = String(request.key ?? `${request.equipment_id}/${request.stream_type}`);
    switch (request.type) {
      case 'ping':
        if (!this.#world.knobs.isMute)
          this.say({ type: 'pong', id, t0: request.t0, t1: this.#world.nowUs(), t2: this.#world.nowUs() });
        return;
      case 'ack':
        this.#outbox.ack(Number(request.bytes));
        return;
      case 'event_ack':
        session.events = session.events.filter((event) => !(request.ids as string[]).includes(event.id));
        return;
      case 'start_stream':
        this.#startStream(session, request);
        return;
      case 'stop_stream':
        session.streams.delete(key);
        this.#outbox.cursors.delete(key);
        this.say({ type: 'stream_stopped', re: id, key, reason: 'asked' });
        return;
      case 'subscribe':
        this.#subscribe(request, session);
        return;
      case 'get_stats':
        if (this.#world.knobs.isWithoutStats) this.#refuse(id, 'unsupported', 'No statistics here.');
        else this.say({ type: 'stats', re: id, ...this.#outbox.figures(this.openedMs) });
        return;
      case 'history':
        this.#history(request, key);
        return;
      case 'command':
        this.#command(request, session);
        return;
      case 'auth_refresh':
        if (!this.#world.userOf(request.token)) this.close(4401, 'token unknown or expired');
        else this.say({ type: 'auth_refreshed', re: id, expires_in: 900 });
        return;
      case 'pong':
        return;
      case 'bye':
        this.#world.book.sessions.delete(session);
        this.close(1000, 'bye');
        return;
      default:
        this.#refuse(id, 'unknown_type', `Unknown message type: ${String(request.type)}`);
    }
  }

  #subscribe({ id, channels }: Message, session: Session): void {
    const asked = (channels as string[]).map(String);
    const denied = asked.filter((channel) => !this.#world.maySee(session.role, channel));
    const allowed = asked.filter((channel) => !denied.includes(channel));
    for (const channel of allowed) session.channels.add(channel);
    this.say({ type: 'subscribed', re: id, channels: allowed, denied });
  }

  #history({ id, epoch, from, to }: Message, key: string): void {
    const stream = this.#world.streams.get(key);
    const cursor = this.#outbox.cursors.get(key);
    if (this.#world.knobs.isWithoutHistory || !stream || !cursor) {
      this.#refuse(id, 'unsupported', 'No history here.');
      return;
    }
    const range = this.#world.kept(stream, Number(epoch), Number(from), Number(to));
    this.#outbox.replay(cursor, range.from, range.to + 1);
    this.say({
      type: 'history',
      re: id,
      key,
      epoch,
      n: Math.max(0, range.to - range.from + 1),
      missing: range.missing,
    });
  }

  #command(request: Message, session: Session): void {
    const { knobs, bench } = this.#world;
    const answer = (): void => {
      const idem = String(request.idem);
      const known = this.#world.carried.get(idem);
      const may = this.#world.mayControl(session.role);
      const result =
        known ??
        (may ? bench.run(request, session.id) : { success: false, error: 'This role may not.', code: 'forbidden' });
      this.#world.carried.set(idem, result);
      if (knobs.isCutAfterCommand) {
        knobs.isCutAfterCommand = false;
        this.cut();
        return;
      }
      this.say({ type: 'command_result', re: request.id, ...result });
    };
    if (knobs.isDeafToCommands || (knobs.isDeafToStop && request.action === 'emergency_stop')) return;
    if (knobs.commandMs > 0) this.#after(knobs.commandMs, answer);
    else answer();
  }
}

type Cursor = Outbox['cursors'] extends Map<string, infer C> ? C : never;
