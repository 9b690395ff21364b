import type { ReactElement } from 'react';
import { JobStrip } from '../job/job-strip.tsx';
import { SafetyButton } from '../safety/safety-button.tsx';
import { ServerBadge } from '../servers/server-badge.tsx';
import { BenchFileStrip, BenchTitle } from './bench-title.tsx';
import { EmergencyStrip } from './emergency-strip.tsx';
import { LinkBadge, LinkStrip } from './link-badge.tsx';
import { OutputsOffButton, OutputsOffStrip } from './outputs-off.tsx';
import { RecordButton, RecordingStrip } from './record-button.tsx';

/** What is always there: the bench, the recording, Outputs off, the link. */
export function TopBar(): ReactElement {
  return (
    <header className="top">
      <div className="logo">
        <svg width="26" height="20" viewBox="0 0 26 20" role="img" aria-label="Labwire">
          <path d="M1 10h5l3-8 5 16 4-11 2 3h5" />
        </svg>
      </div>
      <BenchTitle />
      <span className="grow" />
      <RecordButton />
      <SafetyButton />
      <OutputsOffButton />
      <ServerBadge />
      <LinkBadge />
    </header>
  );
}

/** What must not be overlooked, under the top bar until it is over. */
export function Strips(): ReactElement {
  return (
    <div className="strip">
      <LinkStrip />
      <EmergencyStrip />
      <OutputsOffStrip />
      <RecordingStrip />
      <JobStrip />
      <BenchFileStrip />
    </div>
  );
}
