import { memo, type ReactElement, useEffect, useMemo, useState } from 'react';
import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { useSeconds } from '../frame/link-badge.tsx';
import { msOf } from '../text-format.ts';
import { CardMenu } from './card-menu.tsx';
import type { CardProps } from './card-props.ts';
import { fullTitleOf, identityText, stateWord, titleOf } from './instrument-words.ts';
import { LoadCard } from './load-card.tsx';
import { LockNote } from './lock-note.tsx';
import { MeterCard } from './meter-card.tsx';
import { MoreSettings } from './more-settings.tsx';
import { OtherLamps } from './other-lamps.tsx';
import { ScopeCard } from './scope-card.tsx';
import { StrangerNote } from './stranger-note.tsx';
import { StreamCard } from './stream-card.tsx';
import { SupplyCard } from './supply-card.tsx';
import { UnknownCard } from './unknown-card.tsx';
import { ValueAge } from './value-age.tsx';

/** An error that the instrument has got over stays on its card that long; Diagnostics keeps it. */
const OVERCOME_MS = 20_000;

/** One instrument: what it is, how it is, what it says; the middle depends on its role. */
export const InstrumentCard = memo(
  function InstrumentCard(props: { instrument: InstrumentState; channels: ChannelState[] }): ReactElement {
    const { instrument } = props;
    const channels = useMemo(
      () => props.channels.filter((channel) => channel.instrument === instrument.id),
      [props.channels, instrument.id],
    );
    const { word, tone } = stateWord(instrument);
    return (
      <article
        className="card"
        aria-label={fullTitleOf(instrument)}
        data-testid={`card-${instrument.role}`}
        data-instrument={instrument.id}
        data-state={instrument.state}
      >
        <header className="card-head">
          <i className={`dot ${tone}`} title={word} />
          <b className="cut">{titleOf(instrument)}</b>
          <em className="cut" title={`${identityText(instrument)} at ${instrument.resource}`}>
            {identityText(instrument)}
          </em>
          {instrument.state !== 'live' && (
            <span className={`lamp ${tone}`}>
              {word}
              {instrument.state !== 'opening' && <ValueAge channels={channels} />}
            </span>
          )}
          {instrument.isLocked && (
            <span className="lamp info" title="Locked for this bench: other programs are kept off it">
              locked
            </span>
          )}
          <span className="source" title={instrument.resource}>
            {instrument.way}
          </span>
          <CardMenu instrument={instrument} />
        </header>
        <CardBody instrument={instrument} channels={channels} />
        <OtherLamps instrument={instrument} />
        <MoreSettings instrument={instrument} />
        <LockNote instrument={instrument} />
        <StrangerNote instrument={instrument} />
        <Trouble instrument={instrument} />
      </article>
    );
  },
  (before, after) =>
    before.instrument === after.instrument &&
    (before.channels === after.channels || sameChannels(before.channels, after.channels, before.instrument.id)),
);

function CardBody(props: CardProps): ReactElement {
  switch (props.instrument.role) {
    case 'supply':
      return <SupplyCard {...props} />;
    case 'meter':
      return <MeterCard {...props} />;
    case 'load':
      return <LoadCard {...props} />;
    case 'scope':
      return <ScopeCard {...props} />;
    case 'stream':
      return <StreamCard {...props} />;
    case 'unknown':
      return <UnknownCard {...props} />;
  }
}

/** The last error: until another one, until it is closed here, or until the instrument has been well for a while. */
function Trouble({ instrument }: { instrument: InstrumentState }): ReactElement | null {
  const [closed, setClosed] = useState<InstrumentState['lastError']>(null);
  const { lastError, retry, state } = instrument;
  useSeconds(retry !== undefined);
  useEffect(() => {
    if (!lastError || state !== 'live') return;
    const timer = setTimeout(() => setClosed(lastError), OVERCOME_MS);
    return () => clearTimeout(timer);
  }, [lastError, state]);
  const isClosed = closed !== null && closed?.code === lastError?.code && closed?.message === lastError?.message;
  if (!lastError || isClosed) return null;
  const seconds = retry ? Math.max(0, Math.ceil((msOf(retry.atNs) - Date.now()) / 1000)) : undefined;
  return (
    <div className="card-trouble">
      <Problem
        error={lastError}
        tone={instrument.state === 'failed' ? 'bad' : 'warn'}
        after={seconds === undefined ? undefined : `try ${retry?.attempt} in ${seconds} s`}
      >
        <button type="button" className="btn icon" aria-label="Close this error" onClick={() => setClosed(lastError)}>
          <Icon name="close" />
        </button>
      </Problem>
    </div>
  );
}

function sameChannels(before: ChannelState[], after: ChannelState[], instrument: string): boolean {
  const of = (list: ChannelState[]): ChannelState[] => list.filter((channel) => channel.instrument === instrument);
  const a = of(before);
  const b = of(after);
  return a.length === b.length && a.every((channel, index) => channel === b[index]);
}
