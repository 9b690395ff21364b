import '../../src/renderer/styles/tokens.css';
import '../../src/renderer/styles/base.css';
import '../../src/renderer/styles/controls.css';
import '../../src/renderer/styles/frame.css';
import '../../src/renderer/styles/screens.css';
import '../../src/renderer/styles/recordings.css';
import { createRoot } from 'react-dom/client';
import type { CallParsed } from '../../src/contract/calls.ts';
import type { RecordingRow } from '../../src/contract/recording-schema.ts';
import { listPage } from '../../src/engine/calls/list-page.ts';
import { benchStore, clientStore } from '../../src/renderer/engine-link.ts';
import { RecordDialog } from '../../src/renderer/recordings/record-dialog.tsx';
import { RecordingsScreen } from '../../src/renderer/recordings/recordings-screen.tsx';
import { emptyBench } from './synthetic-bench.ts';
import { SyntheticEngine } from './synthetic-engine.ts';

/*
 * The library with thousands of recordings, and the dialog that starts one, on an engine in the page; test/plot/library.test.ts says what is right.
 */
const COUNT = 5000;

/** Names of one line and of two, a reason now and then: rows of different heights. Newest first. */
const rows: RecordingRow[] = Array.from({ length: COUNT }, (_, index) => ({
  id: `recording-${index}`,
  name:
    index % 7 === 0 ? `Run ${index} with a name that says a good deal more than fits into one line` : `Run ${index}`,
  paths: [`/recordings/${index}.mcap`],
  startedNs: String(1_700_000_000_000_000_000n - BigInt(index) * 60_000_000_000n),
  durationS: 12,
  bytes: 9000,
  instruments: ['supply'],
  channels: 2,
  state: index % 50 === 3 ? 'damaged' : 'complete',
  ...(index % 50 === 3 ? { reason: 'part 2 of 3 is missing, and nobody knows where it went' } : {}),
  format: 'labwire',
  operator: '',
  notes: '',
  tags: [],
  verified: null,
  uploaded: null,
  preview: Array.from({ length: 64 }, (_, column) => [Math.sin(column / 9), Math.sin(column / 9) + 1]),
}));

const started: CallParsed<'session.start'>[] = [];
const bench = emptyBench();
benchStore.set(bench);
const engine = new SyntheticEngine(bench);
const client = await engine.connect({
  'recording.list': ({ search = '', from = 0 }) => {
    const { rows: recordings, next } = listPage(
      rows.filter(({ name }) => name.includes(search)),
      from,
    );
    return { folder: '/recordings', recordings, problem: '', next };
  },
  'session.start': (request) => {
    started.push(request);
    return {
      session: request.session,
      format: 'lablink-csv',
      path: '/recordings/a.csv',
      paths: ['/recordings/a.csv'],
      startedNs: '0',
      duration_seconds: 0,
      message_count: 0,
      bytes_written: 0,
      messages_per_second: 0,
      error: null,
    };
  },
});
clientStore.set(client);

const root = document.getElementById('root');
if (root) {
  Object.assign(root.style, { height: '100vh', display: 'grid' });
  createRoot(root).render(location.hash === '#record' ? <RecordDialog /> : <RecordingsScreen />);
}
Object.assign(window, { libraryPage: { started } });
