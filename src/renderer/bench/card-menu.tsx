import type { ReactElement } from 'react';
import type { CallInput } from '../../contract/calls.ts';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { act, toast } from '../actions.ts';
import { Allowed } from '../control/allowed.tsx';
import { Icon } from '../control/icon.tsx';
import { MenuItem, Popover } from '../control/popover.tsx';
import { showConsole, showDialog } from '../screen-store.ts';
import { fullTitleOf } from './instrument-words.ts';

async function detach(instrument: InstrumentState): Promise<void> {
  const done = await act('instrument.close', { instrument: instrument.id });
  if (!done) return;
  toast({
    severity: 'done',
    text: `${fullTitleOf(instrument)} is detached; its outputs stay as they are.`,
    action: { label: 'Attach again', run: () => void act('instrument.open', { resource: instrument.resource }) },
  });
}

type Action = CallInput<'instrument.act'>['action'];

/** What the way to the instrument offers beside bytes. */
function actionsOf({ can, isLocked }: InstrumentState): { action: Action; word: string; title: string }[] {
  const rows: ({ action: Action; word: string; title: string } | false)[] = [
    can.local && {
      action: 'local',
      word: 'Front panel to local',
      title: 'Gives the front panel back; polling may take it again',
    },
    can.statusByte && { action: 'status-byte', word: 'Read status byte', title: 'Serial poll (IEEE 488.1)' },
    can.trigger && { action: 'trigger', word: 'Trigger', title: 'Group execute trigger' },
    can.clear && {
      action: 'clear',
      word: 'Device clear',
      title: 'Empties the input and output of the instrument; settings stay',
    },
    can.lock &&
      (isLocked
        ? { action: 'unlock', word: 'Unlock', title: 'Others may use the instrument again' }
        : { action: 'lock', word: 'Lock for this bench', title: 'Keeps other programs off the instrument' }),
  ];
  return rows.filter((row) => row !== false);
}

async function perform(instrument: InstrumentState, action: Action): Promise<void> {
  const done = await act('instrument.act', { instrument: instrument.id, action });
  if (!done) return;
  const text =
    done.value === null
      ? `${fullTitleOf(instrument)}: ${DONE_WORDS[action]}.`
      : `${fullTitleOf(instrument)}: status byte ${done.value} (${bitsOf(done.value)}).`;
  toast({ severity: 'done', text });
}

const DONE_WORDS: Record<Action, string> = {
  local: 'the front panel is local',
  remote: 'the front panel is remote',
  'status-byte': 'no status byte',
  trigger: 'triggered',
  clear: 'cleared',
  lock: 'locked for this bench',
  unlock: 'unlocked',
};

const STATUS_BITS = [
  '',
  '',
  'error queue',
  'questionable',
  'answer waiting',
  'event status',
  'service request',
  'operation',
];

function bitsOf(byte: number): string {
  const names = STATUS_BITS.filter((name, bit) => name && (byte >> bit) & 1);
  return names.join(', ') || 'nothing set';
}

/** What one does with an attached instrument beside its controls. */
export function CardMenu({ instrument }: { instrument: InstrumentState }): ReactElement {
  return (
    <Popover
      menu
      align="end"
      className="btn icon"
      label={`${fullTitleOf(instrument)}: more`}
      testId="card-menu"
      button={<Icon name="more" />}
    >
      {(close) => {
        const pick = (run: () => void) => () => {
          close();
          run();
        };
        const { id } = instrument;
        return (
          <>
            <MenuItem onPick={pick(() => showDialog({ kind: 'channels', instrument: id }))}>Channels…</MenuItem>
            <MenuItem onPick={pick(() => showDialog({ kind: 'exchanges', instrument: id }))}>Last exchanges…</MenuItem>
            <MenuItem onPick={pick(() => showConsole(id))}>Open in console</MenuItem>
            <Allowed right="control">
              <MenuItem onPick={pick(() => void act('instrument.refresh', { instrument: id }))}>
                Read settings again
              </MenuItem>
              <MenuItem onPick={pick(() => showDialog({ kind: 'rename', instrument: id }))}>Rename…</MenuItem>
              {(instrument.role === 'unknown' || instrument.queries.length > 0) && (
                <MenuItem onPick={pick(() => showDialog({ kind: 'queries', instrument: id }))}>Poll queries…</MenuItem>
              )}
              {instrument.can.screenshot && (
                <MenuItem onPick={pick(() => showDialog({ kind: 'screenshot', instrument: id }))}>Screenshot…</MenuItem>
              )}
              {actionsOf(instrument).length > 0 && <hr />}
              {actionsOf(instrument).map(({ action, word, title }) => (
                <MenuItem key={action} title={title} onPick={pick(() => void perform(instrument, action))}>
                  {word}
                </MenuItem>
              ))}
              <hr />
              <MenuItem danger onPick={pick(() => void detach(instrument))}>
                Detach
              </MenuItem>
            </Allowed>
          </>
        );
      }}
    </Popover>
  );
}
