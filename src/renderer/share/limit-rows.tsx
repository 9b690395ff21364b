import type { ReactElement } from 'react';
import type { ShareSettings } from '../../contract/share-schema.ts';
import { readSize, sizeText } from '../../core/size-text.ts';
import { Row } from '../settings/setting-row.tsx';
import { type Read, TextSetting } from '../settings/text-setting.tsx';
import { readWhole } from './share-draft.ts';

type Limits = ShareSettings['limits'];

const LEAST_MESSAGE = 1024;
const MOST_MESSAGE = 16_777_216;

/** What one client, and all together, may cost. */
export function LimitRows(props: { limits: Limits; onSet: (some: Partial<Limits>) => void }): ReactElement {
  const { limits, onSet } = props;
  return (
    <>
      <Row title="Connections" hint="At once; further ones are refused, and told so.">
        <TextSetting
          label="Connections"
          value={String(limits.connections)}
          read={(text) => readWhole(text, 1, 1000)}
          onSet={(connections) => onSet({ connections })}
        />
      </Row>
      <Row
        title="Queue of a client"
        hint="Messages that wait for it; beyond, values are merged, thinned out, and at last declared lost."
      >
        <TextSetting
          label="Queue of a client"
          value={String(limits.queueItems)}
          unit="messages"
          read={(text) => readWhole(text, 16, 100_000)}
          onSet={(queueItems) => onSet({ queueItems })}
        />
      </Row>
      <Row title="Longest message" hint="Of a client; a longer one ends its connection.">
        <TextSetting
          label="Longest message"
          value={sizeText(limits.messageBytes)}
          read={readMessageBytes}
          onSet={(messageBytes) => onSet({ messageBytes })}
        />
      </Row>
      <Row title="Coming back" hint="How long a lost client may come back and get what it missed.">
        <TextSetting
          label="Coming back"
          value={String(limits.replayS)}
          unit="s"
          read={(text) => readWhole(text, 0, 3600)}
          onSet={(replayS) => onSet({ replayS })}
        />
      </Row>
    </>
  );
}

function readMessageBytes(text: string): Read<number> {
  const read = readSize(text, LEAST_MESSAGE);
  if (read.ok && read.value > MOST_MESSAGE) return { ok: false, reason: `At most ${sizeText(MOST_MESSAGE)}.` };
  return read;
}
