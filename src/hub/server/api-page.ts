import type { HubApp } from './door.ts';

/** As far as the page reads the OpenAPI document. */
interface ApiOperation {
  summary?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: unknown;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/**
 * `/openapi.json` and `/docs`: every route with its parameters, made from the schemas that judge the requests. The page is plain HTML without a script, so
 * it works offline and under the strictest policy.
 */
export function addApiPage(app: HubApp): void {
  app.get('/openapi.json', { config: { right: 'open' }, schema: { hide: true } }, () => app.swagger());
  app.get('/docs', { config: { right: 'open' }, schema: { hide: true } }, async (_request, reply) => {
    const { info, paths = {} } = app.swagger() as {
      info: { title: string; version: string };
      paths?: Record<string, Partial<Record<(typeof METHODS)[number], ApiOperation>>>;
    };
    const groups = new Map<string, string[]>();
    for (const [path, operations] of Object.entries(paths))
      for (const method of METHODS) {
        const operation = operations[method];
        if (!operation) continue;
        const tag = operation.tags?.[0] ?? path.split('/').find((part) => part !== '' && part !== 'api') ?? 'hub';
        groups.set(tag, [...(groups.get(tag) ?? []), rowOf(method, path, operation)]);
      }
    const body = [...groups]
      .toSorted(([one], [other]) => one.localeCompare(other))
      .map(([tag, rows]) => `<h2>${escapeHtml(tag)}</h2><table>${rows.join('')}</table>`)
      .join('');
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .header('x-content-type-options', 'nosniff')
      .send(pageOf(`${info.title} ${info.version}`, body));
  });
}

function rowOf(method: string, path: string, { summary = '', parameters = [], requestBody }: ApiOperation): string {
  const names = parameters.map(({ name, required }) => `${name}${required ? '' : '?'}`);
  if (requestBody !== undefined) names.push('a JSON body');
  return `<tr><td><b>${method.toUpperCase()}</b></td><td><code>${escapeHtml(path)}</code></td><td>${escapeHtml(summary)}</td><td>${escapeHtml(names.join(', '))}</td></tr>`;
}

function pageOf(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #8884;padding:.3rem .6rem;vertical-align:top}
h2{margin:2rem 0 .4rem;font-size:1.05rem}code{font-family:ui-monospace,monospace}</style></head>
<body><h1>${escapeHtml(title)}</h1><p>The machine-readable document is <a href="openapi.json">openapi.json</a>. WebSockets: <code>/ws</code>,
<code>/labwire</code>, <code>/compat/neurograph/ws</code>, <code>/ws/power</code>, <code>/ws/health</code>; streams as events: <code>/api/v1/sse/{equipment/stream}</code>.</p>${body}</body></html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
