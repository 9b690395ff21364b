/** One number of a Prometheus page. */
export interface MetricSample {
  name: string;
  labels: Readonly<Record<string, string>>;
  /** NaN and ±Infinity are values of the format. */
  value: number;
  /** ms since 1970, where the page says so. */
  timestampMs: number | undefined;
}

export interface MetricFamily {
  name: string;
  type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';
  help: string;
  samples: MetricSample[];
}

export interface MetricsPage {
  families: MetricFamily[];
  /** Lines that are none of the format; left out. */
  malformed: number;
  /** Samples beyond the limit; left out. */
  omitted: number;
}

/** Endings by which the samples of one family go on from its name. */
const ENDINGS = ['_bucket', '_count', '_sum', '_created', '_total', '_info', '_gcount', '_gsum'];
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;

/**
 * Reads the Prometheus text format 0.0.4 (and what OpenMetrics adds: exemplars and `# EOF` are passed over).
 * Any text may come: lines that do not fit are counted, nothing throws. More than `maxSamples` are left out and counted.
 */
export function parsePrometheusText(text: string, maxSamples = 10_000): MetricsPage {
  const page: MetricsPage = { families: [], malformed: 0, omitted: 0 };
  const byName = new Map<string, MetricFamily>();
  let count = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end).trim();
    start = end + 1;
    if (line === '') continue;
    if (line.startsWith('#')) {
      readComment(line, page, byName);
      continue;
    }
    const sample = parseMetricLine(line);
    if (!sample) page.malformed++;
    else if (count >= maxSamples) page.omitted++;
    else {
      count++;
      familyOf(sample.name, page, byName).samples.push(sample);
    }
  }
  return page;
}

function familyOf(name: string, page: MetricsPage, byName: Map<string, MetricFamily>): MetricFamily {
  const known = byName.get(name);
  if (known) return known;
  for (const ending of ENDINGS) {
    const base = name.endsWith(ending) ? byName.get(name.slice(0, -ending.length)) : undefined;
    if (base && base.type !== 'untyped' && base.type !== 'gauge') return base;
  }
  const family: MetricFamily = { name, type: 'untyped', help: '', samples: [] };
  byName.set(name, family);
  page.families.push(family);
  return family;
}

/** `# HELP name text` and `# TYPE name kind`; every other comment is passed over. */
function readComment(line: string, page: MetricsPage, byName: Map<string, MetricFamily>): void {
  const match = /^#\s*(HELP|TYPE)\s+(\S+)\s*(.*)$/.exec(line);
  const [, keyword, name, rest] = match ?? [];
  if (!match || name === undefined || rest === undefined || byName.size >= 10_000) return;
  let family = byName.get(name);
  if (!family) {
    family = { name, type: 'untyped', help: '', samples: [] };
    byName.set(name, family);
    page.families.push(family);
  }
  if (keyword === 'HELP') family.help = plainText(rest.slice(0, 1024));
  else if (rest === 'counter' || rest === 'gauge' || rest === 'histogram' || rest === 'summary') family.type = rest;
}

/** One line of a sample; undefined for what is none. */
export function parseMetricLine(line: string): MetricSample | undefined {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) return undefined;
  let at = name.length;
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  if (line[skipSpaces(line, at)] === '{') {
    const after = readLabels(line, skipSpaces(line, at) + 1, labels);
    if (after === undefined) return undefined;
    at = after;
  } else if (line[at] !== ' ' && line[at] !== '\t') return undefined;
  const [value, stamp, ...more] = withoutExemplar(line.slice(at))
    .trim()
    .split(/[ \t]+/);
  const number = value === undefined ? undefined : metricNumber(value);
  if (number === undefined || more.length > 0) return undefined;
  const timestampMs = stamp === undefined ? undefined : metricNumber(stamp);
  if (stamp !== undefined && timestampMs === undefined) return undefined;
  return { name, labels, value: number, timestampMs };
}

function withoutExemplar(text: string): string {
  const mark = text.indexOf(' #');
  return mark < 0 ? text : text.slice(0, mark);
}

/** Reads up to the closing brace; gives the place after it. */
function readLabels(line: string, from: number, labels: Record<string, string>): number | undefined {
  let at = skipSpaces(line, from);
  while (line[at] !== '}') {
    const label = LABEL.exec(line.slice(at))?.[0];
    if (label === undefined) return undefined;
    at = skipSpaces(line, at + label.length);
    if (line[at] !== '=') return undefined;
    at = skipSpaces(line, at + 1);
    if (line[at] !== '"') return undefined;
    const end = endOfQuoted(line, at + 1);
    if (end === undefined) return undefined;
    labels[label] = plainText(line.slice(at + 1, end));
    at = skipSpaces(line, end + 1);
    if (line[at] === ',') at = skipSpaces(line, at + 1);
    else if (line[at] !== '}') return undefined;
  }
  return at + 1;
}

function endOfQuoted(line: string, from: number): number | undefined {
  for (let at = from; at < line.length; at++) {
    if (line[at] === '\\') at++;
    else if (line[at] === '"') return at;
  }
  return undefined;
}

function skipSpaces(line: string, from: number): number {
  let at = from;
  while (line[at] === ' ' || line[at] === '\t') at++;
  return at;
}

function plainText(text: string): string {
  return text.replace(/\\([\\n"])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}

/** A Go-style number, NaN and infinities by any of their spellings; undefined for anything else. */
function metricNumber(text: string): number | undefined {
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined;
  return Number(text);
}
