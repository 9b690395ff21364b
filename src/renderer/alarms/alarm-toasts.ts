import { useEffect, useRef } from 'react';
import { toast } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { screenStore, showScreen } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { activeAlarms, alarmKey, newAlarms } from './alarm-order.ts';
import { alarmValue } from './rule-words.ts';

/** An alarm that begins while this screen is open is a message on it, whatever screen is shown; earlier ones are only listed. */
export function useAlarmToasts(): void {
  const alarms = useStore(benchStore, (bench) => bench?.alarms);
  const seen = useRef<ReadonlySet<string>>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the alarms decide when; their rules are read then
  useEffect(() => {
    const bench = benchStore.get();
    if (!bench) return;
    const known = seen.current;
    seen.current = new Set(activeAlarms(bench).map(alarmKey));
    if (!known || screenStore.get().screen === 'alarms') return;
    for (const { rule, state } of newAlarms(bench, known)) {
      const channel = bench.channels.find((item) => item.id === rule.channel);
      toast({
        severity: rule.severity,
        text: `Alarm: ${rule.name} (${alarmValue(state, channel)})`,
        action: { label: 'Alarms', run: () => showScreen('alarms') },
      });
    }
  }, [alarms]);
}
