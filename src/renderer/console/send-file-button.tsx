import { type ReactElement, useRef } from 'react';
import { act, showError, toast } from '../actions.ts';
import { followJob } from '../job/followed-jobs.ts';

const LIMIT_BYTES = 1_000_000;

/** Sends the lines of a text file one after another; the job shows how far it is and can be cancelled. */
export function SendFileButton({ instrument }: { instrument: string }): ReactElement {
  const input = useRef<HTMLInputElement>(null);
  const send = async (file: File): Promise<void> => {
    if (file.size > LIMIT_BYTES) {
      toast({
        severity: 'error',
        text: `${file.name} has ${file.size} bytes; a file of commands may have ${LIMIT_BYTES}. Nothing was sent. Split it.`,
      });
      return;
    }
    const job = await act('instrument.sendFile', {
      instrument,
      name: file.name.slice(0, 200),
      text: await file.text(),
    });
    if (job) followJob(job.id);
  };
  return (
    <>
      <button
        type="button"
        className="btn small"
        title="Sends the commands of a text file, a line each; stops at the first that is refused. Lines that begin with # are left out"
        onClick={() => input.current?.click()}
      >
        Send file…
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept=".txt,.scpi,.cmd,text/plain"
        aria-label="File of commands"
        data-testid="send-file"
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          event.target.value = '';
          if (file) void send(file).catch(showError);
        }}
      />
    </>
  );
}
