import type { ReactElement } from 'react';
import type { ExportChoices, ExportFormat } from '../../contract/export-schema.ts';
import { PlainSwitch } from '../control/switch.tsx';
import { choicesOf } from './export-words.ts';
import { MessageOptionFields } from './message-options.tsx';

interface OptionProps {
  format: ExportFormat;
  options: ExportChoices;
  onChange: (change: ExportChoices) => void;
}

/** The choices a format has; what is not touched is left to the defaults. */
export function ExportOptionFields({ format, options, onChange }: OptionProps): ReactElement {
  const has = choicesOf(format);
  const pick = <K extends keyof ExportChoices>(
    key: K,
    label: string,
    words: readonly (readonly [ExportChoices[K] & string, string])[],
    hint?: string,
  ): ReactElement | null =>
    has.has(key) ? (
      <div className="field" key={key}>
        <label htmlFor={`export-${key}`}>{label}</label>
        <select
          id={`export-${key}`}
          className="input"
          value={String(options[key] ?? words[0]?.[0] ?? '')}
          onChange={(event) => onChange({ [key]: event.target.value })}
        >
          {words.map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
        {hint && <span className="hint">{hint}</span>}
      </div>
    ) : null;
  const flag = (key: keyof ExportChoices, label: string, standard: boolean): ReactElement | null =>
    has.has(key) ? (
      <div className="field" key={key}>
        <span className="label">{label}</span>
        <PlainSwitch
          label={label}
          checked={options[key] === undefined ? standard : options[key] === true}
          onChange={(value) => onChange({ [key]: value })}
        />
      </div>
    ) : null;
  const number = (key: keyof ExportChoices, label: string, placeholder: string, hint?: string): ReactElement | null =>
    has.has(key) ? (
      <div className="field" key={key}>
        <label htmlFor={`export-${key}`}>{label}</label>
        <input
          id={`export-${key}`}
          className="input num"
          placeholder={placeholder}
          defaultValue=""
          onChange={(event) => {
            const value = Number(event.target.value);
            onChange({ [key]: event.target.value.trim() === '' || !(value > 0) ? undefined : value });
          }}
        />
        {hint && <span className="hint">{hint}</span>}
      </div>
    ) : null;
  const isMerged = options.merge !== undefined && options.merge !== 'as-measured';
  return (
    <div className="form-grid export-options">
      {pick('shape', 'Rows', [
        ['wide', 'One column a channel'],
        ['long', 'One row a sample'],
      ])}
      {pick('merge', 'Channels of different clocks', [
        ['as-measured', 'As measured, nothing computed'],
        ['nearest', 'Nearest sample'],
        ['interpolated', 'Interpolated, never across a gap'],
      ])}
      {isMerged && number('gridS', 'A row each (s)', 'as the fastest channel')}
      {pick('separator', 'Between fields', [
        [',', 'comma'],
        [';', 'semicolon'],
        ['tab', 'tab'],
      ])}
      {pick('decimal', 'Decimal sign', [
        ['.', 'point'],
        [',', 'comma'],
      ])}
      {flag('unitsRow', 'Units in a row of their own', false)}
      {flag('provenance', 'When each poll was sent and answered', false)}
      {number(
        'fullScale',
        'Full scale',
        'the greatest value',
        'This value, in the unit of the channel, is as loud as a sample can be.',
      )}
      {pick(
        'wavSamples',
        'Samples',
        [
          ['float32', '32-bit float'],
          ['pcm16', '16-bit integer'],
        ],
        '16 bit: half as large and read by everything, but only 65,535 steps.',
      )}
      {pick(
        'compression',
        'Compression',
        [
          ['none', 'none: fastest'],
          ['lz4', 'lz4'],
          ['zstd', 'zstd: smallest'],
        ],
        format === 'parquet' ? 'Of its pages; programs that read Parquet unpack them themselves.' : undefined,
      )}
      {flag('plainMessages', 'Plain messages for other viewers', false)}
      {number('width', 'Width (px)', '1600')}
      {number('height', 'Height (px)', '900')}
      {pick('theme', 'Look', [
        ['light', 'light'],
        ['dark', 'dark'],
      ])}
      {has.has('rotateBytes') && <MessageOptionFields choices={options} onChange={onChange} />}
    </div>
  );
}
