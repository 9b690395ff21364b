import type { ReactElement } from 'react';
import {
  type LablinkSettings,
  lablinkSettings,
  MESSAGE_FORMATS,
  type MessageFormat,
  type NumberSchema,
} from '../../contract/lablink-settings.ts';
import { PlainSwitch } from '../control/switch.tsx';
import { Row } from '../settings/setting-row.tsx';
import { TextSetting } from '../settings/text-setting.tsx';
import { readNumber } from './share-draft.ts';

const { recording, compression, backpressure, rateLimit, maxConnections } = lablinkSettings.shape;

/** What clients of LabLink find on its sockets. */
export function LablinkRows(props: {
  lablink: LablinkSettings;
  onSet: (some: Partial<LablinkSettings>) => void;
}): ReactElement {
  const { lablink, onSet } = props;
  /** Sets some fields of one group, and leaves its others. */
  const into =
    <G extends 'recording' | 'compression' | 'backpressure' | 'rateLimit'>(group: G) =>
    (some: Partial<LablinkSettings[G]>): void =>
      onSet({ [group]: { ...lablink[group], ...some } });
  const record = into('recording');
  const compress = into('compression');
  const press = into('backpressure');
  const limit = into('rateLimit');
  return (
    <>
      <SwitchRow
        title="Greeting"
        hint="Tells a new client what it may choose; without it the client takes the socket for the basic one."
        value={lablink.greeting}
        onSet={(greeting) => onSet({ greeting })}
      />
      <NumberRow
        title="Clients at once"
        schema={maxConnections}
        value={lablink.maxConnections}
        onSet={(most) => onSet({ maxConnections: most })}
      />
      <SwitchRow
        title="Recordings by clients"
        hint="They may record their messages into the recordings folder of the bench."
        value={lablink.recording.isEnabled}
        onSet={(isEnabled) => record({ isEnabled })}
      />
      <Row title="Format of recordings" hint="Where a client says none.">
        <select
          className="input"
          aria-label="Format of recordings"
          value={lablink.recording.format}
          onChange={(event) => record({ format: event.target.value as MessageFormat })}
        >
          {MESSAGE_FORMATS.map((format) => (
            <option key={format}>{format}</option>
          ))}
        </select>
      </Row>
      <NumberRow
        title="Longest file"
        hint="Then the next one begins."
        unit="MB"
        schema={recording.shape.maxSizeMb}
        value={lablink.recording.maxSizeMb}
        onSet={(maxSizeMb) => record({ maxSizeMb })}
      />
      <SwitchRow
        title="Times in recordings"
        value={lablink.recording.timestamps}
        onSet={(timestamps) => record({ timestamps })}
      />
      <SwitchRow
        title="Head in recordings"
        hint="What was recorded, from when, by whom."
        value={lablink.recording.metadata}
        onSet={(metadata) => record({ metadata })}
      />
      <SwitchRow
        title="Recordings packed with gzip"
        value={lablink.recording.gzip}
        onSet={(gzip) => record({ gzip })}
      />
      <SwitchRow
        title="Compression"
        hint="Off: whatever a client chooses is sent as text."
        value={lablink.compression.isEnabled}
        onSet={(isEnabled) => compress({ isEnabled })}
      />
      <NumberRow
        title="Compression level"
        hint="1 is quick, 9 is small."
        schema={compression.shape.level}
        value={lablink.compression.level}
        onSet={(level) => compress({ level })}
      />
      <NumberRow
        title="Compressed from"
        unit="bytes"
        schema={compression.shape.thresholdBytes}
        value={lablink.compression.thresholdBytes}
        onSet={(thresholdBytes) => compress({ thresholdBytes })}
      />
      <SwitchRow
        title="Thinning under pressure"
        hint="Off: only the length of the queue holds."
        value={lablink.backpressure.isEnabled}
        onSet={(isEnabled) => press({ isEnabled })}
      />
      <SwitchRow
        title="LOW is thinned, too"
        value={lablink.backpressure.dropLowPriority}
        onSet={(dropLowPriority) => press({ dropLowPriority })}
      />
      <NumberRow
        title="Queue of a LabLink client"
        unit="messages"
        schema={backpressure.shape.queueSize}
        value={lablink.backpressure.queueSize}
        onSet={(queueSize) => press({ queueSize })}
      />
      <NumberRow
        title="Logged from"
        hint="So many messages wait for one client."
        unit="messages"
        schema={backpressure.shape.warningThreshold}
        value={lablink.backpressure.warningThreshold}
        onSet={(warningThreshold) => press({ warningThreshold })}
      />
      <SwitchRow
        title="Limited rate"
        hint="Messages to one client; what is critical passes."
        value={lablink.rateLimit.isEnabled}
        onSet={(isEnabled) => limit({ isEnabled })}
      />
      <NumberRow
        title="Rate"
        unit="1/s"
        schema={rateLimit.shape.perSecond}
        value={lablink.rateLimit.perSecond}
        onSet={(perSecond) => limit({ perSecond })}
      />
      <NumberRow
        title="At once"
        unit="messages"
        schema={rateLimit.shape.burst}
        value={lablink.rateLimit.burst}
        onSet={(burst) => limit({ burst })}
      />
    </>
  );
}

function SwitchRow(props: {
  title: string;
  hint?: string;
  value: boolean;
  onSet: (value: boolean) => void;
}): ReactElement {
  const { title, hint, value, onSet } = props;
  return (
    <Row title={title} {...(hint === undefined ? {} : { hint })}>
      <PlainSwitch label={title} checked={value} disabled={false} onChange={onSet} />
    </Row>
  );
}

function NumberRow(props: {
  title: string;
  hint?: string;
  unit?: string;
  schema: NumberSchema;
  value: number;
  onSet: (value: number) => void;
}): ReactElement {
  const { title, hint, unit, schema, value, onSet } = props;
  return (
    <Row title={title} {...(hint === undefined ? {} : { hint })}>
      <TextSetting
        label={title}
        value={String(value)}
        {...(unit === undefined ? {} : { unit })}
        read={(text) => readNumber(text, schema)}
        onSet={onSet}
      />
    </Row>
  );
}
