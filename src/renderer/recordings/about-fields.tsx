import type { ReactElement } from 'react';

/** What a person writes about a recording, as typed. */
export interface AboutDraft {
  name: string;
  operator: string;
  tags: string;
  notes: string;
}

/** Tags as typed: between commas. */
export function tagsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map((tag) => tag.trim().slice(0, 200))
        .filter(Boolean),
    ),
  ].slice(0, 50);
}

/** Name, operator, tags and notes. */
export function AboutFields(props: {
  draft: AboutDraft;
  namePlaceholder?: string;
  onChange: (change: Partial<AboutDraft>) => void;
}): ReactElement {
  const { draft, namePlaceholder = '', onChange } = props;
  const box = (key: 'name' | 'operator' | 'tags', label: string, placeholder: string): ReactElement => (
    <div className="field">
      <label htmlFor={`about-${key}`}>{label}</label>
      <input
        id={`about-${key}`}
        className="input"
        value={draft[key]}
        maxLength={key === 'tags' ? 2000 : 200}
        placeholder={placeholder}
        onChange={(event) => onChange({ [key]: event.target.value })}
      />
    </div>
  );
  return (
    <>
      {box('name', 'Name', namePlaceholder)}
      <div className="form-grid">
        {box('operator', 'Operator', 'Who measures')}
        {box('tags', 'Tags', 'board 7, night run')}
      </div>
      <div className="field">
        <label htmlFor="about-notes">Notes</label>
        <textarea
          id="about-notes"
          className="input"
          rows={3}
          maxLength={10_000}
          value={draft.notes}
          onChange={(event) => onChange({ notes: event.target.value })}
        />
      </div>
    </>
  );
}
