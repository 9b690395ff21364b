import { z } from 'zod';
import { answerFields, command, commands, expression, lampCase, numberOrName, unit } from './answer-schema.ts';
import { controlDefinition } from './control-schema.ts';
import { functionsDefinition } from './function-schema.ts';

const parameter = z.union([z.number(), z.string(), z.array(z.union([z.number(), z.string()])).max(100)]);
export type ParameterValue = z.infer<typeof parameter>;

/** A measured channel. Channels with the same question are asked once. */
const channelDefinition = z.strictObject({
  ask: command,
  ...answerFields,
  unit,
  resolution: z.number().optional(),
  /** Sent before the question, in the same transaction: where the source of measurements is a state of the instrument. */
  select: commands.optional(),
  /**
   * In place of `field`, where a setting tells what stands in which field: the answers to `ask`, one after the other, name the fields. Asked with every
   * reading. The last field named `is` counts; none: the channel is not in the answer.
   */
  named: z.strictObject({ ask: commands, is: z.union([z.string(), z.array(z.string()).min(1)]) }).optional(),
  /**
   * Where a person puts measurements on the screen and the instrument tells which there are: the first name of the answer to `list` for which every
   * question of `is` is answered by its word (or one of its words) is put for `{found}` in `ask`. None: the channel is not measured at present.
   */
  found: z
    .strictObject({
      list: command,
      is: z.record(command, z.union([z.string(), z.array(z.string()).min(1)])),
      /** What the simulated one calls them, a number behind. */
      typical: z.string().min(1).max(20),
    })
    .optional(),
});

/** What an instrument has as a whole, or each of its outputs. */
const partShape = {
  controls: z.record(z.string(), controlDefinition).default({}),
  channels: z.record(z.string(), channelDefinition).default({}),
  lamps: z.record(z.string(), z.array(lampCase).min(1)).default({}),
};

const groupDefinition = z.strictObject({
  ...partShape,
  /** How many there are: n is 1 to this. A group with a number in its name is one, and n that number. */
  count: numberOrName.default(1),
  /** Sent before anything of this group, in the same transaction: for instruments whose selected channel is a global state. */
  select: commands.optional(),
  /** Only measured while this switch of the group is on (a scope's channels). */
  measuredWhile: z.string().optional(),
  /** The group is a waveform channel. */
  waveform: z.strictObject({ name: z.string().default('waveform'), source: z.string(), unit }).optional(),
});

/** How to talk to it where its address does not say. */
const line = z.strictObject({
  baudRate: z.int().optional(),
  dataBits: z.union([z.literal(7), z.literal(8)]).optional(),
  parity: z.enum(['none', 'odd', 'even']).optional(),
  stopBits: z.union([z.literal(1), z.literal(2)]).optional(),
  flow: z.enum(['none', 'rtscts', 'xonxoff', 'dsrdtr']).optional(),
  dtr: z.boolean().optional(),
  rts: z.boolean().optional(),
  /** Pause after each byte that is sent. */
  bytePaceMs: z.number().min(0).max(1000).optional(),
  /** What clears it over a serial line. */
  clear: z.enum(['none', 'break', 'ctrl-c']).optional(),
  writeTermination: z.enum(['lf', 'cr', 'crlf', 'none']).optional(),
  readTermination: z.enum(['lf', 'cr', 'crlf', 'none']).optional(),
  /** TCP port of its raw socket. */
  port: z.int().min(1).max(65_535).optional(),
  /** Least time between two messages. */
  paceMs: z.number().min(0).max(5000).optional(),
  /** Time a setting takes before it can be read back. */
  settleMs: z.number().min(0).max(10_000).default(0),
  /** Several questions in one message: tried, or known not to work. */
  compound: z.boolean().default(true),
});

const errorsDefinition = z.union([
  z.literal('none'),
  z.strictObject({
    /** `:SYST:ERR?`; with `events` it is asked after *ESR?. A register may be several, asked one after the other (CMR?, EXR?). */
    ask: commands,
    /** `queue`: code and text, until 0. `register`: one number, 0 for none. `events`: *ESR? tells whether there are any, the answer lists them. */
    form: z.enum(['queue', 'register', 'events']),
    /** Texts of a register's numbers. */
    words: z.record(z.string(), z.string()).optional(),
    /** Codes that are no complaint, as a regular expression: what questions leave behind that could not be measured. */
    ignore: expression.optional(),
  }),
]);
export type ErrorsDefinition = z.infer<typeof errorsDefinition>;

/** One instrument family. docs/driver-definitions.md says it with examples. */
export const familyDefinition = z.strictObject({
  id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'an id is lower case words with dashes: rigol-dp800'),
  title: z.string().min(3).max(80),
  role: z.enum(['supply', 'meter', 'scope', 'load', 'stream', 'unknown']),
  /** Where the facts are from. */
  sources: z
    .array(z.strictObject({ title: z.string().min(3), url: z.string().optional(), covers: z.string().optional() }))
    .min(1),
  /** Who it is, loosely: regular expressions on *IDN?, in any case. One row that fits is enough. */
  match: z
    .array(z.strictObject({ maker: expression.optional(), model: expression, firmware: expression.optional() }))
    .min(1),
  line: line.default({ settleMs: 0, compound: true }),
  /** What differs by model: the first row whose `model` fits is taken. More keys are parameters; a list has one item for each group. */
  models: z.array(z.object({ model: expression }).catchall(parameter)).default([]),
  /** Code for a dialect that is no SCPI: named in the tables of driver and simulator. */
  dialog: z.string().optional(),
  errors: errorsDefinition,
  /** Asked when it is attached: unless the answer is one of `is`, nothing is used of it, and `help` says what a person can do. */
  requires: z
    .array(z.strictObject({ ask: command, is: z.array(z.string()).min(1), help: z.string().min(10) }))
    .max(5)
    .default([]),
  /** Sent when it is attached: what makes answers readable, and nothing that changes a measurement or an output. */
  opened: z.array(command).max(10).default([]),
  /** Gives the front panel back. */
  local: commands.optional(),
  remote: commands.optional(),
  /** When `remote` is sent before anything else: some instruments answer nothing on a serial line before it. */
  remoteWhen: z.enum(['never', 'serial', 'always']).default('never'),
  poll: z.strictObject({ rateHz: z.number().positive(), maxHz: z.number().positive() }),
  ...partShape,
  functions: functionsDefinition.optional(),
  /** `ch{n}`: what it has several of; `ch3`: one that is unlike the others. */
  groups: z
    .record(z.string().regex(/^[a-z]+(\{n\}|\d+)$/, 'a group is named like ch{n}, or ch3'), groupDefinition)
    .default({}),
  screenshot: z
    .strictObject({
      /** Sent first; questions among them are waited for (`*OPC?`). */
      before: z.array(command).optional(),
      ask: command,
      /** Sent behind it, whatever came of it: removes a file that was needed. */
      after: z.array(command).optional(),
      format: z.enum(['png', 'bmp']),
      /** `block`: an IEEE 488.2 block; `bare`: the picture alone. */
      framing: z.enum(['block', 'bare']).default('block'),
    })
    .optional(),
  /** How waveforms are fetched and scaled: code named here, with its parameters. */
  waveform: z.strictObject({ code: z.string(), with: z.record(z.string(), parameter).default({}) }).optional(),
  /** More for the console: header → parameters and help. Those of the controls and channels are there by themselves. */
  commands: z
    .record(z.string(), z.strictObject({ parameters: z.string().default(''), help: z.string().min(3) }))
    .default({}),
  /** What can hurt: read by people. */
  safety: z.array(z.string()).default([]),
  /** What the simulated one says that the rest of the file does not tell. */
  simulation: z.strictObject({
    /** Answer of *IDN?. */
    identity: z.string(),
    /** How it writes numbers: `0.000`, or `nr3` (+1.00000000E+00). */
    numbers: z
      .string()
      .regex(/^(nr3|0+(\.0+)?)$/)
      .default('0.000'),
    booleans: z.tuple([z.string(), z.string()]).default(['0', '1']),
    noError: z.string().default('0,"No error"'),
    /** Question → answer, for what is asked but is no setting. */
    answers: z.record(z.string(), z.string()).default({}),
  }),
});
export type FamilyDefinition = z.infer<typeof familyDefinition>;
export type GroupDefinition = z.infer<typeof groupDefinition>;
export type ChannelDefinition = z.infer<typeof channelDefinition>;
export type LineDefinition = z.infer<typeof line>;
