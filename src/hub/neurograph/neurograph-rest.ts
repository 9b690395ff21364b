import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import { NEUROGRAPH_CHANNELS } from '../../protocol/lab/neurograph-role.ts';
import { HUB_CHANNELS, type HubChannel, mayBroadcast } from '../access/role.ts';
import type { HubParts } from '../hub-parts.ts';
import type { HubApp } from '../server/door.ts';
import type { NeurographConnection } from './neurograph-connection.ts';

const DESCRIPTIONS: Readonly<Record<(typeof NEUROGRAPH_CHANNELS)[number], string>> = {
  metrics: 'Figures of the hub every 5 s',
  signals: 'Triggers and events of instruments',
  actions: 'Results of commands',
  logs: 'Log of the hub',
  status: 'States of instruments',
  connections: 'Clients that come and go',
};

/** The REST of NeuroGraph: login, status, channels, broadcast (admins only). */
export function neurographRoutes(app: HubApp, parts: HubParts, open: () => readonly NeurographConnection[]): void {
  app.post(
    '/api/v1/auth/login',
    {
      config: { right: 'open' },
      schema: {
        summary: 'Login with name and password',
        body: z.object({
          username: z.string().max(200),
          password: z.string().max(200),
          mfa_token: z.string().max(20).optional(),
        }),
      },
    },
    async ({ body, from }) => {
      const { access, refresh, accessExpiresInS, user } = await parts.access.login(
        { username: body.username, password: body.password, mfaToken: body.mfa_token },
        { address: from },
      );
      return {
        access_token: access,
        refresh_token: refresh,
        token_type: 'bearer',
        expires_in: accessExpiresInS,
        scopes: [user.role],
      };
    },
  );
  app.get('/api/v1/websocket/status', { schema: { summary: 'Open connections' } }, async () => ({
    status: 'ok',
    websocket: {
      endpoint: '/compat/neurograph/ws',
      protocol: 'ws',
      total_connections: open().length,
      total_channels: new Set(open().flatMap(({ subscriptions }) => subscriptions)).size,
      total_subscriptions: open().reduce((sum, { subscriptions }) => sum + subscriptions.length, 0),
      buffered_events: open().reduce((sum, connection) => sum + connection.counts().queued, 0),
      clients: open().map(({ id, principal, subscriptions }) => ({
        client_id: id,
        user_id: principal.role === 'anonymous' ? null : principal.name,
        subscriptions,
      })),
    },
  }));
  app.get('/api/v1/websocket/channels', { schema: { summary: 'Channels there are' } }, async () => ({
    channels: NEUROGRAPH_CHANNELS,
    descriptions: DESCRIPTIONS,
  }));
  app.get(
    '/api/v1/websocket/channels/:channel',
    { schema: { summary: 'Who hears a channel', params: z.object({ channel: z.string().max(64) }) } },
    async ({ params }) => {
      const ids = open()
        .filter(({ subscriptions }) => subscriptions.includes(params.channel as HubChannel))
        .map(({ id }) => id);
      return { channel: params.channel, subscribers: ids.length, subscriber_ids: ids };
    },
  );
  app.post(
    '/api/v1/websocket/broadcast',
    {
      config: { right: 'open' },
      schema: {
        summary: 'Sends an event to all who hear a channel; for admins',
        querystring: z.object({ channel: z.enum(HUB_CHANNELS) }),
        body: z.looseObject({ event_type: z.string().max(256).default('event'), data: z.unknown() }),
      },
    },
    async ({ query, body, principal }) => {
      if (!mayBroadcast(principal.role, query.channel))
        throw new LabError(
          'hub.forbidden',
          `${principal.name} may not send to ${query.channel}: that is for admins. Nothing was sent.`,
        );
      const startMs = parts.clock.monotonicMs();
      const subscribers = parts.channels.publish(query.channel, body.event_type, body.data ?? body);
      parts.metrics.neurograph.broadcast(query.channel, (parts.clock.monotonicMs() - startMs) / 1000);
      return { status: 'ok', channel: query.channel, subscribers, message_sent: true };
    },
  );
}
