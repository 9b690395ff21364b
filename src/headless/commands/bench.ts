import { resolve } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import { announceBench } from '../bench-announcement.ts';
import type { Command } from '../command.ts';
import { dataFolderOf } from '../data-folder.ts';
import { EXIT } from '../exit-code.ts';
import { instrumentRow, printInstruments } from '../instrument-rows.ts';
import { startSimulatorChild } from '../simulator-child.ts';
import { aborted } from '../stop.ts';

/** The simulated bench alone: its instruments on all their ways, no engine, until stopped. */
export const bench: Command = {
  name: 'bench',
  usage: '[--seed N] [--tcp] [--plain] [--family ID]… [--announce] [--ledger DIR]',
  summary: 'Runs the simulated bench alone until stopped; prints its instruments as soon as all listen.',
  options: {
    seed: { type: 'string', value: 'N', about: 'of all noise and faults; the same seed, the same bench (default 1)' },
    tcp: { type: 'boolean', about: 'TCP for all, no pseudo-terminals' },
    plain: { type: 'boolean', about: 'the five on the circuit only, each on its socket or serial line' },
    family: {
      type: 'string',
      value: 'ID',
      about: 'one more instrument, made of a definition (rigol-dl3000; may be repeated)',
      multiple: true,
    },
    announce: { type: 'boolean', about: 'tells this machine of the LAN instruments by mDNS' },
    ledger: { type: 'string', value: 'DIR', about: 'records what every instrument really sent' },
  },
  positionals: [0, 0],
  async run(args, shell) {
    const ledger = args.text('ledger');
    await using scope = new Scope('bench command');
    const simulator = scope.use(
      await startSimulatorChild(shell.files.simulator, {
        seed: args.whole('seed', 0, 0xffff_ffff),
        usePtys: args.flag('tcp') ? false : undefined,
        ledgerDir: ledger === undefined ? undefined : resolve(ledger),
        ways: args.flag('plain') ? 'plain' : undefined,
        families: args.texts('family'),
        announce: args.flag('announce') || undefined,
      }),
    );
    const dataFolder = dataFolderOf(args.text('data'));
    try {
      scope.use(await announceBench(dataFolder, simulator.instruments));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      shell.say(`labwire find does not list this bench, because ${dataFolder} cannot be written (${why}).`);
    }
    await printInstruments(simulator.instruments.map(instrumentRow), args.flag('json'), shell.out);
    shell.say('The simulated bench runs; Ctrl-C ends it.');
    const reason = await Promise.race([simulator.closed, aborted(shell.signal)]);
    if (reason !== undefined) throw new LabError('simulator.failed', reason);
    return EXIT.done;
  },
};
