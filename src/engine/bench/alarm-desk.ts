import type { AlarmAction, AlarmRule } from '../../contract/alarm-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ChannelBook } from '../acquisition/channel-book.ts';
import { AlarmEngine } from '../alarm/alarm-engine.ts';
import type { AlarmTransition } from '../alarm/alarm-machine.ts';
import { transitionData, transitionText } from '../alarm/alarm-text.ts';
import type { HostServices } from '../host-services.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { OutputsDesk } from './outputs-desk.ts';
import type { RecordingDesk } from './recording-desk.ts';

export interface AlarmDeskParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  channels: ChannelBook;
  host: HostServices;
  recording: RecordingDesk;
  outputs: OutputsDesk;
}

/** The alarm engine with its hands: what a transition writes down and what an action does on this bench. */
export function createAlarmDesk(parts: AlarmDeskParts): AlarmEngine {
  const { clock, board, events, channels } = parts;
  return new AlarmEngine({
    clock,
    scaleOf: (channel) => channels.scaleOf(channel),
    changed: (rule, state) => board.publish('alarm.changed', { rule, state }),
    transition: (rule, transition) => {
      events.add({
        kind: 'alarm',
        atNs: transition.atNs,
        severity: rule.severity,
        channel: rule.channel,
        text: transitionText(rule, transition, unitOf(channels, rule.channel)),
        data: transitionData(rule, transition),
      });
    },
    act: (action, rule, transition) => act(parts, action, rule, transition),
  });
}

function act(parts: AlarmDeskParts, action: AlarmAction, rule: AlarmRule, transition: AlarmTransition): string {
  const { events, host, recording, outputs, channels } = parts;
  switch (action) {
    case 'notify': {
      const missing = host.unavailable.notify;
      host.notify({
        title: rule.name,
        text: transitionText(rule, transition, unitOf(channels, rule.channel)),
        severity: rule.severity,
      });
      return missing ? 'shown here only' : 'notified';
    }
    case 'mark':
      events.add({
        kind: 'note',
        severity: rule.severity,
        channel: rule.channel,
        text: rule.name,
        data: { rule: rule.id },
      });
      return 'marked';
    case 'recording.start':
      if (recording.isRecording) return 'was recording';
      void recording.start({}, `alarm ${rule.name}`).catch((error: unknown) => failed(parts, rule, error));
      return 'recording started';
    case 'recording.stop':
      if (!recording.isRecording) return 'was not recording';
      void recording.stop(`alarm ${rule.name}`).catch((error: unknown) => failed(parts, rule, error));
      return 'recording stopped';
    case 'outputs.off':
      void outputs.off(`alarm ${rule.name}`).catch((error: unknown) => failed(parts, rule, error));
      return 'outputs off';
  }
}

/** An action that did not work is as important as the alarm. */
function failed({ events, host }: AlarmDeskParts, rule: AlarmRule, thrown: unknown): void {
  const error = LabError.from(thrown);
  const text = `The alarm “${rule.name}” could not act: ${error.message}`;
  events.add({ kind: 'alarm', severity: 'error', text, data: { rule: rule.id, code: error.code } });
  host.notify({ title: rule.name, text, severity: 'error' });
}

function unitOf(channels: ChannelBook, channel: string): string {
  return channels.get(channel)?.shownUnit ?? '';
}
