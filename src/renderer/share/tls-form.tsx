import { type FormEvent, type ReactElement, useState } from 'react';
import type { ShareSettings } from '../../contract/share-schema.ts';
import { showError } from '../actions.ts';
import { shell } from '../shell.ts';

type Tls = ShareSettings['tls'];

/** Certificate and key: both or neither, so they are sent together. */
export function TlsForm({ tls, onSet }: { tls: Tls; onSet: (tls: Tls) => void }): ReactElement {
  const [cert, setCert] = useState(tls?.cert ?? '');
  const [key, setKey] = useState(tls?.key ?? '');
  const [wrong, setWrong] = useState('');
  const save = (event: FormEvent): void => {
    event.preventDefault();
    const files = { cert: cert.trim(), key: key.trim() };
    const given = [files.cert, files.key].filter((path) => path !== '').length;
    setWrong(given === 1 ? 'Certificate and key go together: give both, or neither.' : '');
    if (given !== 1) onSet(given === 0 ? null : files);
  };
  const isChanged = cert.trim() !== (tls?.cert ?? '') || key.trim() !== (tls?.key ?? '');
  return (
    <form className="share-tls" onSubmit={save}>
      <PathBox label="Certificate" path={cert} onPath={setCert} />
      <PathBox label="Key" path={key} onPath={setKey} />
      <button type="submit" className="btn" disabled={!isChanged}>
        Save
      </button>
      {wrong && (
        <p className="wrong" role="alert">
          {wrong}
        </p>
      )}
    </form>
  );
}

function PathBox(props: { label: string; path: string; onPath: (path: string) => void }): ReactElement {
  const { label, path, onPath } = props;
  const choose = async (): Promise<void> => {
    const chosen = await shell?.chooseFile({
      kind: 'open',
      title: label,
      filters: [{ name: 'PEM', extensions: ['pem', 'crt', 'cer', 'key'] }],
    });
    if (chosen) onPath(chosen);
  };
  return (
    <>
      <input
        className="input num"
        aria-label={`${label}, path`}
        placeholder={`${label}: path of a PEM file`}
        value={path}
        onChange={(event) => onPath(event.target.value)}
      />
      {shell && (
        <button
          type="button"
          className="btn"
          aria-label={`Choose the ${label.toLowerCase()}`}
          onClick={() => void choose().catch(showError)}
        >
          Choose…
        </button>
      )}
    </>
  );
}
