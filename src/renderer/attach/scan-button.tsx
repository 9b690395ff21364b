import { type FormEvent, type ReactElement, useState } from 'react';
import { act } from '../actions.ts';
import { Popover } from '../control/popover.tsx';

const SUBNET = /^\d{1,3}(\.\d{1,3}){3}\/(2[0-9]|3[0-2])$/;

/** Knocking at every address of a network: only when a person asks, and for the network the person names. */
export function ScanButton({ disabled }: { disabled: boolean }): ReactElement {
  const [subnet, setSubnet] = useState('');
  const isRight = SUBNET.test(subnet.trim());
  return (
    <Popover align="end" button="Scan a subnet…" disabled={disabled}>
      {(close) => (
        <form
          className="scan"
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            if (!isRight) return;
            close();
            void act('discovery.scan', { subnet: subnet.trim() });
          }}
        >
          <p className="quiet">
            Knocks at the instrument ports of every address of a network. Others on that network may see it; ask before
            you scan one that is not yours.
          </p>
          <div className="row">
            <input
              className="input num"
              aria-label="Subnet"
              placeholder="192.168.1.0/24"
              value={subnet}
              maxLength={18}
              onChange={(event) => setSubnet(event.target.value)}
            />
            <button type="submit" className="btn primary" disabled={!isRight}>
              Scan
            </button>
          </div>
        </form>
      )}
    </Popover>
  );
}
