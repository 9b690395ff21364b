import { type ReactElement, useState } from 'react';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { RecordingPlan } from '../../contract/plan-schema.ts';
import { act } from '../actions.ts';
import { Dialog } from '../control/dialog.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { benchStore } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { PlanForm } from './plan-form.tsx';
import { PLAN_WORDS, planConditionText } from './plan-words.ts';
import { SweepBox } from './sweep-box.tsx';

/** Recordings that start and stop by themselves, and sweeps they may wait for. */
export function PlansDialog(): ReactElement {
  const bench = useStore(benchStore, (state) => state) as BenchState;
  const [edited, setEdited] = useState<string | 'new'>();
  const { plans, planStates } = bench;
  const set = (next: RecordingPlan[]): void => {
    setEdited(undefined);
    void act('plan.set', { plans: next });
  };
  return (
    <Dialog
      title="Recording on conditions"
      wide
      onClose={closeDialog}
      foot={
        <>
          <span className="quiet">The engine watches them, with this window closed too.</span>
          <span className="grow" />
          <button
            type="button"
            className="btn primary"
            disabled={edited !== undefined}
            onClick={() => setEdited('new')}
          >
            New plan
          </button>
        </>
      }
    >
      <div className="dialog-body">
        {plans.map((plan) => {
          if (edited === plan.id) {
            return (
              <PlanForm
                key={plan.id}
                plan={plan}
                bench={bench}
                onCancel={() => setEdited(undefined)}
                onSave={(changed) => set(plans.map((one) => (one.id === changed.id ? changed : one)))}
              />
            );
          }
          const state = planStates.find((one) => one.plan === plan.id);
          const { word, tone } = PLAN_WORDS[state?.state ?? 'off'];
          const start = plan.start.map((condition) => planConditionText(condition, bench)).join(' or ');
          const stop = plan.stop.map((condition) => planConditionText(condition, bench)).join(' or ');
          return (
            <section key={plan.id} className="device-row" data-testid="plan-row">
              <div>
                <b>{plan.name}</b>
                <small className="quiet">
                  from {plan.preTriggerS > 0 ? `${plan.preTriggerS} s before ` : ''}
                  {start}
                  {stop ? `, until ${stop}` : ', until stopped by hand'}
                  {plan.repeats ? ', again and again' : ''}
                </small>
                {state?.text && <small className="quiet">{state.text}</small>}
              </div>
              <span className={`tone-${tone}`}>{word}</span>
              <PlainSwitch
                label={`Plan ${plan.name}`}
                checked={plan.enabled}
                onChange={(enabled) => set(plans.map((one) => (one.id === plan.id ? { ...one, enabled } : one)))}
              />
              <button type="button" className="btn" onClick={() => setEdited(plan.id)}>
                Edit
              </button>
              <button type="button" className="btn" onClick={() => set(plans.filter((one) => one.id !== plan.id))}>
                Remove
              </button>
            </section>
          );
        })}
        {edited === 'new' && (
          <PlanForm
            plan={undefined}
            bench={bench}
            onCancel={() => setEdited(undefined)}
            onSave={(made) => set([...plans, made])}
          />
        )}
        {plans.length === 0 && edited === undefined && (
          <div className="empty">
            <h2>No plan yet</h2>
            <p>
              A plan starts a recording when a channel crosses a limit, at a time of day, or with an alarm, and fetches
              the seconds before from the flight recorder.
            </p>
          </div>
        )}
        <SweepBox bench={bench} />
      </div>
    </Dialog>
  );
}
