import type { OpenDialect } from '../dialect.ts';
import { EVERY_MINUTE_MS, logEachMinute } from './minute-log.ts';

/**
 * `/metrics` and `/api/v1/metrics` in the Prometheus text format, `/live` (the process answers) and `/ready` (the engine is there), and the stream count
 * in the log each minute. Metrics name users and clients: they need the right `view`.
 */
export const openObservability: OpenDialect = (parts, scope) => {
  scope.use(logEachMinute(parts, EVERY_MINUTE_MS));
  const { registry } = parts.metrics;
  return {
    routes: (app) => {
      for (const url of ['/metrics', '/api/v1/metrics'])
        app.get(url, { schema: { summary: 'Metrics in the Prometheus text format' } }, async (_request, reply) =>
          reply.header('content-type', registry.contentType).send(await registry.metrics()),
        );
      app.get('/live', { config: { right: 'open' }, schema: { summary: 'The hub answers' } }, async () => ({
        status: 'alive',
      }));
      app.get('/ready', { config: { right: 'open' }, schema: { summary: 'The engine is there' } }, async () => {
        await parts.bench.client.call('session.list', {}, { timeoutMs: 2000 });
        return { status: 'ready', instruments: parts.bench.state.instruments.length };
      });
    },
  };
};
