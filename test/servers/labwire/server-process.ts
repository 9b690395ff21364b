import { type LabwireServerOptions, openLabwireServer } from './labwire-server.ts';

/** Of the server in a process of its own; sent when it listens. */
export interface ServerHello {
  port: number;
  /** By stream key: epoch, and start in ns as text. */
  streams: Record<string, { epoch: number; startNs: string }>;
}

/** Sent in answer to any message. */
export interface ServerState {
  sent: number;
  acked: number;
  /** Most that was ever sent and not acknowledged. */
  peak: number;
  window: number;
  /** Most rows that waited for acknowledgements. */
  backlog: number;
}

/** A server by itself, to be killed or to go on while its client stands still: options come as JSON in LABWIRE_TEST_SERVER. */
async function main(): Promise<void> {
  const server = await openLabwireServer(JSON.parse(process.env.LABWIRE_TEST_SERVER ?? '{}') as LabwireServerOptions);
  const { streams, connections } = server.world;
  const hello: ServerHello = {
    port: server.port,
    streams: Object.fromEntries(
      [...streams.values()].map(({ key, epoch, startNs }) => [key, { epoch, startNs: String(startNs) }]),
    ),
  };
  process.on('message', () => {
    const boxes = [...connections].map(({ outbox }) => outbox);
    const state: ServerState = {
      sent: boxes.reduce((sum, { sent }) => sum + sent, 0),
      acked: boxes.reduce((sum, { acked }) => sum + acked, 0),
      peak: Math.max(0, ...boxes.map(({ peak }) => peak)),
      window: Math.max(0, ...boxes.map(({ window }) => window)),
      backlog: Math.max(0, ...boxes.map(({ backlog }) => backlog)),
    };
    process.send?.(state);
  });
  process.on('disconnect', () => process.exit());
  process.send?.(hello);
}

await main();
