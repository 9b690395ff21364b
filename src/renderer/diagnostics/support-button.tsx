import { type ReactElement, useState } from 'react';
import { act } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { followJob } from '../job/followed-jobs.ts';
import { shell } from '../shell.ts';

/** One zip with what somebody else needs to help: no secrets, no samples. */
export function SupportButton(): ReactElement {
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    const path = await shell?.chooseFile({
      kind: 'save',
      title: 'Support bundle',
      defaultName: `labwire-support-${new Date().toISOString().slice(0, 10)}.zip`,
      filters: [{ name: 'Zip', extensions: ['zip'] }],
    });
    if (path !== null) {
      const job = await act('support.bundle', path === undefined ? {} : { path });
      if (job) followJob(job.id);
    }
    setBusy(false);
  };
  return (
    <button
      type="button"
      className="btn"
      disabled={busy}
      title="Identities, exchanges, diagnostics, events and settings as a zip; no secrets, no samples"
      onClick={() => void save()}
    >
      <Icon name="download" /> Support bundle
    </button>
  );
}
