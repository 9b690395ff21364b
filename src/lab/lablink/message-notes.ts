import type { LabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import type { LabServerEvent } from '../lab-server.ts';

type Note = Extract<LabServerEvent, { kind: 'note' }>;

/** Jobs, discovery, recordings and errors as lines for a person; undefined for what is none. */
export function noteOf(message: LabLinkMessage): Note | undefined {
  switch (message.type) {
    case 'job_created':
    case 'job_updated':
    case 'job_deleted':
    case 'job_started':
    case 'job_completed':
    case 'job_failed': {
      const { data } = message;
      const name = text(data.name) || text(data.job_id);
      const what = message.type.slice(4);
      const why = text(data.error);
      const severity = what === 'failed' ? 'error' : 'info';
      return note('job', severity, `Job ${name} ${what}${why === '' ? '' : `: ${why}`}`, data);
    }
    case 'discovery_progress': {
      const { data, event_type = '' } = message;
      const said = text(data.message) || `${event_type.replaceAll('_', ' ')} ${text(data.method)}`.trim();
      return note('discovery', 'info', said, { event_type, ...data });
    }
    case 'recording_started':
      return note(
        'recording',
        'info',
        `The server records ${message.session_id} into ${message.filepath ?? 'a file'}.`,
        {
          session_id: message.session_id,
        },
      );
    case 'recording_stopped':
      return note('recording', 'info', `The server's recording ${message.session_id} ended.`, { ...message.stats });
    case 'error':
      return note('server', 'warning', message.detail ?? message.error ?? 'The server reports an error.', {});
    case 'test':
      return note('test', 'info', JSON.stringify(message.data) ?? '', {});
    default:
      return undefined;
  }
}

function note(topic: string, severity: Note['severity'], line: string, data: Record<string, unknown>): Note {
  return { kind: 'note', topic, severity, text: line.slice(0, 500), data };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
