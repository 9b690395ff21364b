import { useEffect } from 'react';
import type { DiscoveryState } from '../../contract/discovery-schema.ts';
import { showError } from '../actions.ts';
import { benchStore, call } from '../engine-link.ts';
import { useStore } from '../store.ts';

const EMPTY: DiscoveryState = { isSearching: false, startedNs: null, searches: [], found: [] };

/** What is found, kept up to date while the caller is on screen: devices appear and vanish by themselves. */
export function useDiscovery(): DiscoveryState {
  useEffect(() => {
    call('discovery.watch', { on: true })
      .then(() => call('discovery.search', {}))
      .catch(showError);
    // The engine lets go by itself when the screen is gone.
    return () => void call('discovery.watch', { on: false }).catch(() => undefined);
  }, []);
  return useStore(benchStore, (bench) => bench?.discovery) ?? EMPTY;
}
